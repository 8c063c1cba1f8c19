"""Has a file converted by a process of its own (`converter`), and finds out what came of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from contracts.sql_generator import DatabaseSchema, FileKind
from sql_generator.sources import SourceError
from sql_generator.sources.file_source import FileSource
from sql_generator.sources.worker_process import worker
from sql_generator.uploads.converter import DATABASE, ConversionLimits, Refused

_CONVERTER: Final = "sql_generator.uploads.converter"
_SQLITE: Final = b"SQLite format 3\x00"
SQLITE_DATABASE: Final = "database.sqlite"


class Conversion:
    """One file on its way to a database in `folder`, where it lies under `path`.

    Iterate over `progress` first. A SQLite file is a database already, and stays one: whatever it holds, it is read as
    any registered SQLite file is.
    """

    def __init__(self, kind: FileKind, name: str, path: Path, limits: ConversionLimits) -> None:
        self._kind = kind
        self._name = name
        self._path = path
        self._limits = limits

    @property
    def database(self) -> Path:
        """Where the database is, once there is one."""
        return self._path.with_name(SQLITE_DATABASE if self._kind == "sqlite" else DATABASE)

    async def progress(self) -> AsyncIterator[float]:
        """How much is done, from 0 to 1. Raises Refused with the reason where the file cannot be taken."""
        if self._kind == "sqlite":
            self._accept_sqlite()
            return
        try:
            async with asyncio.timeout(self._limits.seconds), worker(_CONVERTER, self._request()) as process:
                async for done in _spoken(process):
                    yield done
        except TimeoutError:
            raise Refused(f"it takes longer than {self._limits.seconds:g} s") from None

    async def schema(self) -> DatabaseSchema:
        """The tables of the database. Raises Refused where they cannot be read."""
        try:
            return await FileSource("sqlite" if self._kind == "sqlite" else "duckdb", self.database).introspect()
        except SourceError as error:
            raise Refused(error.detail) from None

    def _accept_sqlite(self) -> None:
        with self._path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                raise Refused("its name says sqlite, its content does not")
        self._path.rename(self.database)

    def _request(self) -> dict[str, object]:
        return {
            "kind": self._kind,
            "name": self._name,
            "path": str(self._path),
            "folder": str(self._path.parent),
            "limits": asdict(self._limits),
        }


async def _spoken(process: asyncio.subprocess.Process) -> AsyncIterator[float]:
    """The progress that the converter says. Raises Refused for what it refuses, or when it ends before it is done."""
    assert process.stdout is not None  # noqa: S101  # a pipe
    async for line in process.stdout:
        said = json.loads(line)
        if "error" in said:
            raise Refused(said["error"])
        if not said:
            return
        yield said["progress"]
    raise Refused("it takes more memory or time than a file may, or is made to break what reads it")

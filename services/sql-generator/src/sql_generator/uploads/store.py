"""Where the bytes of uploaded files are: a folder of a volume, or a bucket of an S3-compatible store, through fsspec.

Each file has a place of its own, under a name that says nothing of whose it is. What is asked of the store runs on
threads; where it is away, that is an OSError.
"""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from sql_generator.sources import SourceUnreachable

AnswerT = TypeVar("AnswerT")

_PART: Final = "/part-"
_PLACE: Final = re.compile(r"[0-9a-f]{32}")
_KEPT_COPIES: Final = 32


async def _asked(function: Callable[..., AnswerT], *arguments: Any) -> AnswerT:
    """What the store answers. Raises OSError, whatever kind of store it is."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except OSError:
        raise
    except Exception as error:  # each store has errors of its own, and fsspec passes them on
        raise OSError(f"the store of uploaded files failed: {type(error).__name__}") from error


class FileStore:
    """The places under a URL (`file:///var/lib/memori/uploads`, `s3://bucket/uploads`).

    A database is opened where it lies; one in a bucket is copied to this machine first, and the latest copies are kept.
    """

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._is_local = isinstance(self._fs, LocalFileSystem)
        name = hashlib.sha256(f"{os.getuid()} {url}".encode()).hexdigest()
        self._scratch = Path(tempfile.gettempdir()) / f"memori-uploads-{name[:16]}"
        self._copies = self._scratch / "copies"
        self._workspaces = self._scratch / "work"
        self._copying = asyncio.Lock()

    async def write_part(self, place: str, index: int, data: bytes) -> None:
        """Keep a part of a file, instead of what was there under its index."""
        await _asked(self._write_part, place, index, data)

    async def assemble(self, place: str, target: Path) -> tuple[int, str]:
        """Write the parts of a file, one after the other, to `target`; their size in bytes and SHA-256."""
        return await _asked(self._assemble, place, target)

    async def put(self, place: str, path: Path) -> None:
        """Keep a file under its own name."""
        await _asked(self._put, place, path)

    async def remove_parts(self, place: str) -> None:
        """Delete the parts that a file arrived in."""
        await _asked(self._remove_parts, place)

    async def open_path(self, place: str, name: str) -> Path:
        """The path of a kept file on this machine. Raises SourceUnreachable where it is gone, or the store away."""
        try:
            if self._is_local:
                return await asyncio.to_thread(Path(self._at(place, name)).resolve, strict=True)
            async with self._copying:
                return await _asked(self._copied, place, name)
        except (OSError, ValueError):
            raise SourceUnreachable("the uploaded file is not there, or its store is away") from None

    @contextmanager
    def workspace(self, place: str) -> Iterator[Path]:
        """An empty folder on this machine, which is gone after the block."""
        folder = self._own(self._workspaces / place)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def clear_workspaces(self, *, under_way: Collection[str]) -> None:
        """Delete what a process that was killed left behind, all but the workspaces of the places `under_way`."""
        for folder in self._own(self._workspaces).iterdir():
            if folder.name not in under_way:
                shutil.rmtree(folder, ignore_errors=True)

    async def remove(self, place: str) -> None:
        """Delete everything of a place; nothing happens where there is nothing."""
        await _asked(self._remove, place)

    async def discard(self, place: str) -> None:
        """Delete everything of a place that no file has any more; where the store is away, a sweep does it later."""
        with suppress(OSError):
            await self.remove(place)

    async def places(self) -> list[str]:
        """Every place that holds something."""
        return await _asked(self._places)

    def _own(self, folder: Path) -> Path:
        """The folder, made where it is missing; nobody else may have made it, nor may look into it."""
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        if self._scratch.is_symlink() or self._scratch.stat().st_uid != os.getuid():
            raise PermissionError(f"{self._scratch} is not ours")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _at(self, *parts: str) -> str:
        return "/".join((self._root, *parts))

    def _write_part(self, place: str, index: int, data: bytes) -> None:
        self._fs.makedirs(self._at(place), exist_ok=True)
        self._fs.pipe_file(f"{self._at(place)}{_PART}{index:05d}", data)

    def _assemble(self, place: str, target: Path) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with target.open("wb") as whole:
            for part in self._parts(place):
                data = self._fs.cat_file(part)
                digest.update(data)
                size += len(data)
                whole.write(data)
        return size, digest.hexdigest()

    def _put(self, place: str, path: Path) -> None:
        self._fs.put_file(str(path), self._at(place, path.name))

    def _remove_parts(self, place: str) -> None:
        if parts := self._parts(place):
            self._fs.rm(parts)

    def _parts(self, place: str) -> list[str]:
        return sorted(path for path in self._listed(self._at(place)) if _PART in path)

    def _copied(self, place: str, name: str) -> Path:
        copy = self._copies / place / name
        if not copy.exists():
            self._own(copy.parent)
            arriving = copy.with_suffix(".arriving")
            self._fs.get_file(self._at(place, name), str(arriving))
            arriving.rename(copy)
        copy.parent.touch()
        folders = sorted(self._copies.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in folders[_KEPT_COPIES:]:
            shutil.rmtree(folder, ignore_errors=True)
        return copy

    def _remove(self, place: str) -> None:
        shutil.rmtree(self._copies / place, ignore_errors=True)
        try:
            self._fs.rm(self._at(place), recursive=True)
        except FileNotFoundError:
            return

    def _places(self) -> list[str]:
        # What else lies there is not ours, and nobody's to remove.
        names = (path.rstrip("/").rpartition("/")[2] for path in self._listed(self._root))
        return [name for name in names if _PLACE.fullmatch(name)]

    def _listed(self, folder: str) -> list[str]:
        # Another process may have written since it was last listed.
        self._fs.invalidate_cache()
        try:
            found: list[str] = self._fs.ls(folder, detail=False)
        except FileNotFoundError:
            return []
        return found

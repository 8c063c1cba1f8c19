"""Statements that mean harm, and what shows from outside whether they did any.

The statements are those of the guard's own tests and, where it is at hand, of the list that is shared between projects.
"""

import json
import os
import re
import secrets
import shutil
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_REPOSITORY: Final = Path(__file__).resolve().parents[4]
_OWN: Final = _REPOSITORY / "libs/sql-guard/tests/unit/guard_statements"
SHARED: Final = Path(os.environ.get("MEMORI_SHARED_DATA") or _REPOSITORY.parent / "shared" / "data")

_FILE_NAME: Final = re.compile(r"(?<=['\"])(?:dir/)?[\w*-]{1,20}\.(?:csv|parquet|json|xlsx|geojson|duckdb|db)(?=['\"])")
_HOST: Final = re.compile(r"(?<=//)(?:evil(?:\.example)?|169\.254\.169\.254)")
_HOST_OPTION: Final = re.compile(r"host=(?:evil|127\.0\.0\.1)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attack:
    """A statement, and whether only a limit of the engine can stop it (`endless`)."""

    sql: str
    endless: bool = False


def attacks(dialect: str) -> list[Attack]:
    """Every attack on a dialect, each once."""
    rows = json.loads((_OWN / "attacks.json").read_text(encoding="utf-8"))
    rows += json.loads((_OWN / "endless.json").read_text(encoding="utf-8"))
    shared = SHARED / "sql-guard" / "attacks.json"
    if shared.exists():
        rows += json.loads(shared.read_text(encoding="utf-8"))
    found = {
        row["sql"]: Attack(row["sql"], "runtime" in (row.get("layer"), row.get("category")))
        for row in rows
        if row["dialect"] == dialect
    }
    return list(found.values())


class Canaries:
    """Files whose content nobody may show, a folder in which nothing may appear, and a port nobody may connect to.

    Statements are aimed at them by `aim`. Any account of this machine may read and write there, as a server's may.
    """

    def __init__(self, folder: Path) -> None:
        self.token = f"canary-{secrets.token_hex(8)}"
        self.folder = folder / f"canaries-{secrets.token_hex(4)}"
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        for path in (self.folder, self.folder / "dir", self.folder / "out"):
            path.mkdir()
            path.chmod(0o777)
        for name in ("passwd", "data.csv", "x.csv", "dir/x.csv", "x.json"):
            (self.folder / name).write_text(f'["{self.token}"]\n', encoding="utf-8")
        self._before = self._files()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        shutil.rmtree(self.folder)

    def aim(self, sql: str) -> str:
        """The statement with the files, folders and hosts it names replaced by the canaries."""
        sql = sql.replace("/etc/passwd", f"{self.folder}/passwd").replace("/tmp/guard/", "/tmp/")  # noqa: S108
        sql = sql.replace("/tmp/", f"{self.folder}/out/")  # noqa: S108
        sql = _FILE_NAME.sub(lambda name: f"{self.folder}/{name[0]}", sql)
        sql = _HOST.sub(f"127.0.0.1:{self.port}", sql)
        return _HOST_OPTION.sub(f"host=127.0.0.1 port={self.port}", sql)

    def disturbed(self) -> list[str]:
        """What happened to them, in words."""
        found = [f"the file {name} was written" for name in self._files().items() - self._before.items()]
        if self.connections:
            found.append(f"{self.connections} connections were made")
        return found

    def _files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def _listen(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                connection.close()

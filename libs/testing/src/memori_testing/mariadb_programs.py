"""Where MariaDB's server is: on this machine, or in a folder its Debian packages are unpacked into.

There is no wheel of it. Debian's packages need neither root nor installing: `apt-get download` fetches them, checks
their signatures as ever, and they are unpacked once.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = "mariadb-server-core"
_SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
)
_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
_FETCH_SECONDS = 300


class MariaDBMissingError(RuntimeError):
    """There is no MariaDB here and none can be fetched; the message says why."""


@dataclass(frozen=True, slots=True)
class MariaDBPrograms:
    """The server, and what it needs around it."""

    server: Path
    share: Path
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with the folder of the libraries that were fetched with the server."""
        own = {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries is not None else {}
        return {**os.environ, **own, "LC_ALL": "C"}

    def system_tables(self) -> str:
        """The statements that fill a database `mysql`."""
        return "\n".join((self.share / name).read_text(encoding="utf-8") for name in _SYSTEM_TABLES)


def find_mariadb(cache: Path) -> MariaDBPrograms:
    """The installed server, else the one in `cache`, fetched if it is not there yet.

    Raises MariaDBMissingError where there is neither.
    """
    found = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if found is not None:
        server = Path(found).resolve()
        for share in (server.parents[1] / "share" / "mysql", server.parents[1] / "share" / "mariadb"):
            if all((share / name).exists() for name in _SYSTEM_TABLES):
                return MariaDBPrograms(server, share)
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise MariaDBMissingError("MariaDB is not installed, and there is no apt-get to fetch it with")
    with _locked(cache):
        if not (cache / "usr").exists():
            _fetch(cache)
    libraries = cache / "lib"
    return MariaDBPrograms(cache / "usr" / "sbin" / "mariadbd", cache / "usr" / "share" / "mysql", libraries)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time: test runs side by side share the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path) -> None:
    """Unpack the server and the shared libraries this machine lacks; `usr` appears once everything is there."""
    with tempfile.TemporaryDirectory(dir=cache) as name:
        draft = Path(name)
        _unpack(_PACKAGE, draft)
        libraries = cache / "lib"
        libraries.mkdir(exist_ok=True)
        server = draft / "usr" / "sbin" / "mariadbd"
        for library in _missing_libraries(server):
            # liburing.so.2 is in liburing2, libaio.so.1 in libaio1 (libaio1t64 on later releases).
            stem, _, version = library.partition(".so.")
            _unpack_first((f"{stem}{version}", f"{stem}{version}t64", f"{stem}-{version}"), draft)
        for file in draft.rglob("*.so.*"):
            shutil.copy2(file, libraries / file.name)
        missing = _missing_libraries(server, libraries)
        if missing:
            raise MariaDBMissingError(f"MariaDB lacks {', '.join(missing)} here")
        (draft / "usr").rename(cache / "usr")


def _unpack_first(packages: tuple[str, ...], folder: Path) -> None:
    for package in packages:
        try:
            return _unpack(package, folder)
        except MariaDBMissingError as error:
            problem = error
    raise problem


def _unpack(package: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as downloads:
        _run("apt-get", "download", package, cwd=downloads)
        (archive,) = Path(downloads).glob("*.deb")
        _run("dpkg", "-x", str(archive), str(folder), cwd=downloads)


def _missing_libraries(program: Path, libraries: Path | None = None) -> list[str]:
    environment = MariaDBPrograms(program, program, libraries).environment
    listed = subprocess.run(  # noqa: S603  # a file of ours
        ["ldd", program],  # noqa: S607  # wherever it is
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=_FETCH_SECONDS,
    )
    return re.findall(r"^\s*(\S+) => not found", listed.stdout, re.MULTILINE)


def _run(*command: str, cwd: str) -> None:
    completed = subprocess.run(  # noqa: S603  # commands of this module
        command, check=False, capture_output=True, text=True, cwd=cwd, timeout=_FETCH_SECONDS
    )
    if completed.returncode != 0:
        reason = completed.stderr.strip().splitlines()
        raise MariaDBMissingError(f"MariaDB is not installed, and {' '.join(command)} failed: {reason[-1:]}")

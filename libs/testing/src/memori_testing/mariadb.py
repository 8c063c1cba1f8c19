"""A MariaDB of our own, for tests of what is asked of other people's databases."""

import contextlib
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import pymysql

from memori_cli.local import child_process
from memori_cli.local.server import HOST, LocalServer, LocalServerError
from memori_cli.local.unprivileged import Account, account
from memori_testing.certificate import write_certificate
from memori_testing.mariadb_programs import MariaDBMissingError, MariaDBPrograms

Rows: TypeAlias = list[tuple[Any, ...]]

_ADMIN = "admin"
_START_SECONDS = 60.0
_BOOTSTRAP_SECONDS = 120.0
_ATTEMPTS = 5
_SETTINGS = {
    "bind-address": HOST,
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_general_ci",
    "default-time-zone": "+00:00",
    "innodb-buffer-pool-size": "64M",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-use-native-aio": "0",
    "skip-name-resolve": "1",
}


@dataclass(frozen=True, slots=True)
class MariaDatabase:
    """One database of the server: URLs `mysql://user:password@127.0.0.1:port/name` of two logins.

    `admin_url` may do everything, `reader_url` may only read this database.
    """

    name: str
    admin_url: str = field(repr=False)
    reader_url: str = field(repr=False)
    server: "EmbeddedMariaDB"

    def execute(self, *statements: str) -> Rows:
        """Run statements as the administrator, each committed; the rows of the last one."""
        return self.server.execute(*statements, database=self.name)

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], Rows]]:
        """Runs statements as the administrator, in one session: its locks are held until the block ends."""
        with self.server.session(self.name) as run:
            yield run


class EmbeddedMariaDB(LocalServer):
    """A MariaDB on 127.0.0.1 that asks everyone for a password, and speaks TLS to who wants it.

    A crash of the machine may damage its data.

    Whatever a login writes or reads as a file of the server lies in `files`: an attack that succeeds is seen there and
    does no harm.
    """

    name: ClassVar[str] = "MariaDB"
    stop_signals: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGTERM,)

    def __init__(self, data_dir: Path, programs: MariaDBPrograms) -> None:
        super().__init__(data_dir)
        self._programs = programs
        self._password = secrets.token_urlsafe(16)

    @property
    def files(self) -> Path:
        """The only folder that statements such as `SELECT … INTO OUTFILE` reach."""
        return self.data_dir / "files"

    def create_database(self, name: str) -> MariaDatabase:
        """Create a database, and a login of the same name that can only read it."""
        password = secrets.token_urlsafe(16)
        self.execute(
            f"CREATE DATABASE `{name}`",
            f"CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'",
            f"GRANT SELECT, SHOW VIEW ON `{name}`.* TO '{name}'@'%'",
        )
        return MariaDatabase(name, self._url(_ADMIN, self._password, name), self._url(name, password, name), self)

    def drop_database(self, name: str) -> None:
        """Drop the database and its login, whoever is connected to it."""
        sessions = self.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'")  # noqa: S608  # ours
        for (session,) in sessions:
            with contextlib.suppress(pymysql.OperationalError):  # it ended meanwhile
                self.execute(f"KILL {session}")
        self.execute(f"DROP DATABASE `{name}`", f"DROP USER '{name}'@'%'")

    def execute(self, *statements: str, database: str | None = None) -> Rows:
        """Run statements as the administrator, each committed; the rows of the last one."""
        with self.session(database) as run:
            return [run(statement) for statement in statements][-1]

    @contextlib.contextmanager
    def session(self, database: str | None = None) -> Iterator[Callable[[str], Rows]]:
        """Runs statements as the administrator, each committed, in one session."""
        with contextlib.closing(self._connect(database)) as connection, connection.cursor() as cursor:

            def run(statement: str) -> Rows:
                cursor.execute(statement)
                return list(cursor.fetchall())

            yield run

    @property
    def _certificate(self) -> Path:
        return self.data_dir / "server.pem"

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    @property
    def _mark(self) -> str:
        return f"--datadir={self._cluster}"

    def _url(self, user: str, password: str, database: str) -> str:
        return f"mysql://{user}:{password}@{HOST}:{self.port}/{database}"

    def _connect(self, database: str | None = None) -> Any:
        return pymysql.connect(
            host=HOST, port=self.port, user=_ADMIN, password=self._password, database=database, autocommit=True
        )

    def _launch(self) -> None:
        owner = account(self._cluster)
        if owner is not None and owner.alias is None:
            self.data_dir.chmod(0o711)
            if closed := owner.unreachable(self._programs.server):
                raise MariaDBMissingError(f"the user that MariaDB runs as cannot pass through {closed}")
        if not self._cluster.exists():
            self._initialise(owner)
        for attempt in range(_ATTEMPTS):
            self._port = child_process.free_port()
            self._spawn(
                [
                    *self._command(self._cluster),
                    f"--port={self._port}",
                    *(f"--{name}={value}" for name, value in _SETTINGS.items()),
                ],
                env=self._programs.environment,
                account=owner,
            )
            try:
                self._wait_until(self._is_ready, _START_SECONDS)
            except LocalServerError:
                # Another process took the port between our look and the server's.
                if attempt + 1 < _ATTEMPTS and "Address already in use" in "\n".join(self.log_tail(50)):
                    continue
                raise
            return

    def _is_ready(self) -> bool:
        try:
            self._connect().close()
        except pymysql.OperationalError:
            return False
        return True

    def _initialise(self, owner: Account | None) -> None:
        # Under another name until it is complete: what a killed bootstrap leaves looks like no cluster.
        draft = self.data_dir / "cluster.draft"
        write_certificate(self._certificate)
        shutil.rmtree(draft, ignore_errors=True)
        for folder in (draft, self.files):
            folder.mkdir(mode=0o700, exist_ok=True)
            if owner is not None:
                owner.own(folder)
                owner.own(self._certificate)
        logins = f"""
            DELETE FROM global_priv;
            FLUSH PRIVILEGES;
            CREATE USER '{_ADMIN}'@'%' IDENTIFIED BY '{self._password}';
            GRANT ALL ON *.* TO '{_ADMIN}'@'%' WITH GRANT OPTION;"""  # noqa: S608  # names of ours
        script = f"CREATE DATABASE mysql;\nUSE mysql;\n{self._programs.system_tables()}\n{_one_a_line(logins)}"
        # Not by child_process: that gives its children nothing to read.
        bootstrap = subprocess.run(  # noqa: S603  # the server we found
            [*self._command(draft), "--bootstrap"],
            check=False,
            input=script,
            capture_output=True,
            text=True,
            env=self._programs.environment,
            cwd=self.data_dir,
            timeout=_BOOTSTRAP_SECONDS,
            preexec_fn=owner.enter if owner is not None else None,
        )
        if bootstrap.returncode != 0 or "ERROR" in bootstrap.stderr:
            raise LocalServerError(f"MariaDB could not be set up in {draft}:\n{bootstrap.stderr[-2_000:]}".rstrip())
        draft.rename(self._cluster)

    def _command(self, cluster: Path) -> list[str | Path]:
        share = self._programs.share
        return [
            self._programs.server,
            "--no-defaults",
            f"--datadir={cluster}",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share / 'charsets'}",
            f"--plugin-dir={self.data_dir}",
            f"--secure-file-priv={self.files}",
            f"--ssl-cert={self._certificate}",
            f"--ssl-key={self._certificate}",
            f"--socket={cluster / 'server.sock'}",
            f"--pid-file={cluster / 'server.pid'}",
        ]


def _one_a_line(script: str) -> str:
    """As the bootstrap reads statements: whole lines."""
    return "\n".join(line.strip() for line in script.strip().splitlines())

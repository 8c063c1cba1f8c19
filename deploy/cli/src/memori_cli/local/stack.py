"""The whole system on one machine: Postgres, NATS and the five services as child processes, without a container."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from contracts.permissions import SUBSCRIBER, nats_authorization
from contracts.topology import GATEWAY, MIGRATOR, SERVICES
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.postgres import EmbeddedPostgres
from memori_cli.local.processes import Service, Supervisor, free_ports
from memori_cli.local.secrets import load_or_create
from memori_cli.local.server import HOST, LocalServerError
from memori_cli.migrate import migrate_database, migrate_streams
from persistence import schema_of

Say = Callable[[str], None]

_DATABASE = "memori"
# Five services share one small server: large pools are no faster and meet max_connections, and a connection beyond the
# pool is opened and closed for each request.
_POOLS = {"DATABASE_POOL_SIZE": "4", "DATABASE_MAX_OVERFLOW": "0", "DATABASE_WORKER_POOL_SIZE": "3"}


def refuse_taken_port(port: int) -> None:
    """Raise LocalServerError when something listens there already: it would be taken for the gateway."""
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise LocalServerError(f"port {port} is taken, perhaps by another `memori up`: choose one with --port")


class LocalStack:
    """The embedded installation in a folder; its data and secrets stay there between runs.

    `settings` are environment variables for the services, beside those of this process. With `port` the gateway
    listens there, else on a free port. `log(service, line)` is called with each line a service writes.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        restart: bool = True,
        settings: Mapping[str, str] | None = None,
        log: Callable[[str, str], None] | None = None,
    ) -> None:
        home = home.absolute()
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.secrets = load_or_create(home / "secrets.json", data=home / "postgres")
        self.postgres = EmbeddedPostgres(home / "postgres", durable=durable)
        self.nats = EmbeddedNats(home / "nats", nats_authorization(self.secrets.nats), durable=durable)
        self._settings = dict(settings or {})
        self._uploads = home / "uploads"
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self._ports = ports | ({GATEWAY: port} if port else {})
        self._log_file = home / "services.log"
        self._restart = restart
        self._log = log
        self._supervisor: Supervisor | None = None

    @property
    def gateway_url(self) -> str:
        """Where the HTTP API answers."""
        return f"http://{HOST}:{self._ports[GATEWAY]}"

    @property
    def log_file(self) -> Path:
        """What the services wrote."""
        return self._log_file

    @property
    def supervisor(self) -> Supervisor:
        """The services' processes; there are none before `start`."""
        if self._supervisor is None:
            raise RuntimeError("the stack is not started")
        return self._supervisor

    def subscriber_url(self) -> str:
        """A NATS URL with the credentials of a user that may read events and nothing else."""
        password = quote(self.secrets.nats[SUBSCRIBER], safe="")
        return self.nats.url.replace("nats://", f"nats://{SUBSCRIBER}:{password}@")

    def health_url(self, service: str) -> str:
        """The readiness endpoint of a service."""
        return f"http://{HOST}:{self._ports[service]}/readyz"

    def database_url(self, role: str) -> str:
        """The memory database as one of the services' roles, such as `memory_store_app`."""
        return (
            f"postgresql://{role}:{quote(self.secrets.database[role], safe='')}@{HOST}:{self.postgres.port}/{_DATABASE}"
        )

    @property
    def admin_url(self) -> str:
        """The memory database as its superuser."""
        return self.postgres.url(_DATABASE)

    def start(self, say: Say = lambda _: None) -> None:
        """Start everything and return when the system answers; whatever was started is stopped when it cannot.

        Raises:
            LocalServerError: a part did not start; the message says which, with the end of its log.
        """
        try:
            self._start(say)
        except BaseException:
            self.stop()
            raise

    def _start(self, say: Say) -> None:
        refuse_taken_port(self._ports[GATEWAY])
        say("starting PostgreSQL and NATS")
        self.postgres.start()
        self.nats.start()
        self.postgres.ensure_database(_DATABASE)
        say("migrating")
        asyncio.run(self._migrate())
        say("starting the services")
        self._supervisor = Supervisor(
            [self._service(name) for name in SERVICES], sink=self._log, log_file=self._log_file, restart=self._restart
        )
        self._supervisor.start_all()
        self._supervisor.wait_ready(timeout=90)

    def revive(self) -> list[str]:
        """Start PostgreSQL or NATS again if it has ended by itself, on its port; returns the names of those."""
        ended = [server for server in (self.postgres, self.nats) if server.pid is None]
        for server in ended:
            server.stop()
            server.start()
        return [server.name for server in ended]

    def stop(self) -> None:
        """Stop the services, then the servers."""
        if self._supervisor is not None:
            self._supervisor.stop_all()
        self.nats.stop()
        self.postgres.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _migrate(self) -> None:
        await migrate_database(self.admin_url, self.secrets.database)
        await migrate_streams(self.nats.url, user=MIGRATOR, password=self.secrets.nats[MIGRATOR])

    def _service(self, name: str) -> Service:
        schema = schema_of(name)
        own = {
            "ENVIRONMENT": "development",
            "UPLOADS_URL": self._uploads.as_uri(),
            **_POOLS,
            **self._settings,
            "SECRET_KEY": self.secrets.secret_key,
            "NATS_URL": self.nats.url,
            "NATS_PASSWORD": self.secrets.nats[name],
            "DATABASE_URL": self.database_url(f"{schema}_app"),
            "DATABASE_WORKER_URL": self.database_url(f"{schema}_worker"),
            "HTTP_HOST": HOST,
            "HTTP_PORT": str(self._ports[name]),
        }
        # A shell prepared for another installation must not lead this one to its database: `…_FILE` would win.
        env = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in own} | own
        return Service(name, [sys.executable, "-m", schema], env, ready_url=self.health_url(name))

"""A migrated database and provisioned streams for one test, made by the code that `memori migrate` runs."""

import itertools
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import nats
from nats.js.errors import NotFoundError

from contracts.topology import SERVICES, STREAMS
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.postgres import EmbeddedPostgres
from memori_cli.migrate import migrate_database, migrate_streams
from persistence import schema_of

_TEMPLATE = "memori_template"
_PASSWORDS = {f"{schema_of(service)}_{kind}": f"{kind}-password" for service in SERVICES for kind in ("app", "worker")}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the parts of one test are: a database of its own, and NATS with fresh streams."""

    admin_url: str
    nats_url: str

    def database_url(self, service: str, role: str = "app") -> str:
        """The URL a service connects with as its `app` or `worker` role."""
        name = f"{schema_of(service)}_{role}"
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(netloc=f"{name}:{_PASSWORDS[name]}@{parts.hostname}:{parts.port}"))

    def worker_url(self, service: str) -> str:
        """The URL a service connects with for work that spans users."""
        return self.database_url(service, "worker")


async def prepare_template(postgres: EmbeddedPostgres) -> None:
    """Migrate the database that each test's database is copied from."""
    await migrate_database(postgres.create_database(_TEMPLATE), _PASSWORDS)


async def create_stack(postgres: EmbeddedPostgres, nats_server: EmbeddedNats) -> Stack:
    """A fresh database and empty streams."""
    client = await nats.connect(nats_server.url)
    for stream in STREAMS:
        try:
            await client.jetstream().delete_stream(stream.name)
        except NotFoundError:
            continue
    await client.close()
    await migrate_streams(nats_server.url)
    url = postgres.create_database(f"memori_{next(_numbers)}", template=_TEMPLATE)
    return Stack(url, nats_server.url)


def drop_stack(postgres: EmbeddedPostgres, stack: Stack) -> None:
    """Drop a test's database, whoever is still connected."""
    postgres.drop_database(urlsplit(stack.admin_url).path.lstrip("/"))

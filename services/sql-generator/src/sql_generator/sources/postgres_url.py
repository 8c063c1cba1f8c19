"""PostgreSQL connection URLs.

`postgresql://user:password@host:5432/database?sslmode=require&schema=sales`; `schema` names the default schema
(`public`). A Unix socket is `?host=/directory` or a percent-encoded directory as the host.
"""

from dataclasses import dataclass, field

from sql_generator.sources import ConnectionRejected
from sql_generator.sources.server_url import SSL_MODES, SslMode, checked_host, checked_user, split_url, unquoted

_PARAMETERS = {"host", "port", "user", "password", "dbname", "sslmode", "schema", "application_name"}


@dataclass(frozen=True, slots=True)
class PostgresTarget:
    """Where and as whom to connect."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: SslMode | None
    schema: str

    @property
    def is_unix_socket(self) -> bool:
        return self.host.startswith(("/", "@"))


def parse_postgres_url(url: str) -> PostgresTarget:
    """The target a URL names; raises `ConnectionRejected`, whose detail never quotes the URL."""
    parts, query = split_url(url, schemes=("postgresql", "postgres"), parameters=_PARAMETERS)
    host = checked_host(query.get("host") or unquoted(parts.hostname))
    user = checked_user(query.get("user") or unquoted(parts.username))
    return PostgresTarget(
        host=host,
        port=_port(query["port"]) if "port" in query else parts.port or 5432,
        user=user,
        password=query.get("password") or unquoted(parts.password),
        database=query.get("dbname") or unquoted(parts.path.removeprefix("/")) or user,
        sslmode=_sslmode(query.get("sslmode")),
        schema=query.get("schema") or "public",
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise ConnectionRejected("connection: the port must be from 1 to 65535")
    return int(text)


def _sslmode(text: str | None) -> SslMode | None:
    if text is None:
        return None
    for mode in SSL_MODES:
        if mode == text:
            return mode
    raise ConnectionRejected(f"connection: sslmode must be one of {', '.join(SSL_MODES)}")

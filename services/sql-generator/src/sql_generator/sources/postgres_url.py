"""PostgreSQL connection URLs, read strictly: an unknown parameter is refused rather than passed on.

`postgresql://user:password@host:5432/database?sslmode=require&schema=sales`; `schema` names the default schema
(`public`). A Unix socket is `?host=/directory` or a percent-encoded directory as the host.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from sql_generator.sources import ConnectionRejected

SslMode: TypeAlias = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
_SSL_MODES: tuple[SslMode, ...] = get_args(SslMode)
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
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        # The message of urllib may quote the part that holds the password.
        raise ConnectionRejected("connection: not a valid URL (is a character in the password unescaped?)") from None
    if parts.scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ConnectionRejected("connection: must start with postgresql://")
    if parts.fragment:
        raise ConnectionRejected("connection: has an unescaped # (write it as %23)")
    if query.keys() - _PARAMETERS:
        # Its name is not quoted: after an unescaped ? in the password it is a part of it.
        supported = ", ".join(sorted(_PARAMETERS))
        raise ConnectionRejected(f"connection: has a parameter that is not supported (supported are {supported})")
    host = query.get("host") or unquote(parts.hostname or "")
    user = query.get("user") or unquote(parts.username or "")
    if not host:
        raise ConnectionRejected("connection: names no host")
    if "," in host:
        raise ConnectionRejected("connection: must name one host")
    if not user:
        raise ConnectionRejected("connection: names no user")
    return PostgresTarget(
        host=host,
        port=_port(query["port"]) if "port" in query else port or 5432,
        user=user,
        password=query.get("password") or unquote(parts.password or ""),
        database=query.get("dbname") or unquote(parts.path.removeprefix("/")) or user,
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
    for mode in _SSL_MODES:
        if mode == text:
            return mode
    raise ConnectionRejected(f"connection: sslmode must be one of {', '.join(_SSL_MODES)}")

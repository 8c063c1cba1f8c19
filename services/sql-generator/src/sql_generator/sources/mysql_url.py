"""MySQL and MariaDB connection URLs: `mysql://user:password@host:3306/database?ssl-mode=REQUIRED`."""

from dataclasses import dataclass, field
from typing import Final

from sql_generator.sources import ConnectionRejected
from sql_generator.sources.server_url import SslMode, checked_host, checked_user, split_url, unquoted

_SSL_MODES: Final[dict[str, SslMode]] = {
    "DISABLED": "disable",
    "PREFERRED": "prefer",
    "REQUIRED": "require",
    "VERIFY_CA": "verify-ca",
    "VERIFY_IDENTITY": "verify-full",
}


@dataclass(frozen=True, slots=True)
class MySqlTarget:
    """Where and as whom to connect."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: SslMode | None


def parse_mysql_url(url: str) -> MySqlTarget:
    """The target a URL names; raises `ConnectionRejected`, whose detail never quotes the URL."""
    parts, query = split_url(url, schemes=("mysql", "mariadb"), parameters={"ssl-mode"})
    database = unquoted(parts.path.removeprefix("/"))
    if not database:
        raise ConnectionRejected("connection: names no database")
    return MySqlTarget(
        host=checked_host(unquoted(parts.hostname)),
        port=parts.port or 3306,
        user=checked_user(unquoted(parts.username)),
        password=unquoted(parts.password),
        database=database,
        sslmode=_sslmode(query.get("ssl-mode")),
    )


def _sslmode(text: str | None) -> SslMode | None:
    if text is None:
        return None
    if text.upper() not in _SSL_MODES:
        raise ConnectionRejected(f"connection: ssl-mode must be one of {', '.join(_SSL_MODES)}")
    return _SSL_MODES[text.upper()]

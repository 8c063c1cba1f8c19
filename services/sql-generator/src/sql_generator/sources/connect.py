"""From a registered connection to its source, under the policy of the installation."""

from dataclasses import dataclass
from pathlib import Path

from contracts.sql_generator import SourceKind
from sql_generator.sources import Source
from sql_generator.sources.file_source import FileSource, permitted_file
from sql_generator.sources.mysql import MySqlSource
from sql_generator.sources.mysql_connection import MySqlConnector
from sql_generator.sources.mysql_url import parse_mysql_url
from sql_generator.sources.postgres import PostgresSource
from sql_generator.sources.postgres_connection import PostgresConnector
from sql_generator.sources.postgres_url import parse_postgres_url


@dataclass(frozen=True, slots=True)
class ConnectPolicy:
    """What data sources may connect to.

    - `hosts`: globs on host names or networks (see `addresses.permitted_addresses`); empty permits every host but the
      addresses that never are, and only hosts of the Internet where it is `strict`.
    - `files_root`: the directory SQLite and DuckDB files must really lie in, symbolic links followed; without one any
      file may be opened, and none where it is `strict`.
    - `unix_sockets`: whether PostgreSQL may be reached through a socket file.
    - `strict`: for anything but development. TLS is required, too, where the URL does not say otherwise.
    """

    hosts: tuple[str, ...] = ()
    files_root: Path | None = None
    unix_sockets: bool = False
    strict: bool = False


def open_source(kind: SourceKind, connection: str, *, policy: ConnectPolicy) -> Source:
    """The source behind a connection; nothing is connected to yet.

    Raises `ConnectionRejected` where the connection is malformed or not permitted; a host's addresses are checked
    anew each time it is connected to.
    """
    match kind:
        case "postgres":
            return PostgresSource(
                PostgresConnector(
                    parse_postgres_url(connection),
                    hosts=policy.hosts,
                    unix_sockets=policy.unix_sockets,
                    require_tls=policy.strict,
                    public_only=policy.strict,
                )
            )
        case "mysql":
            return MySqlSource(
                MySqlConnector(
                    parse_mysql_url(connection),
                    hosts=policy.hosts,
                    require_tls=policy.strict,
                    public_only=policy.strict,
                )
            )
        case "sqlite" | "duckdb":
            root = policy.files_root
            return FileSource(kind, permitted_file(connection, root, any_file=root is None and not policy.strict))

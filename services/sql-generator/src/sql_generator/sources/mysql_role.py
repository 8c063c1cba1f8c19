"""What a MySQL login could do beyond reading its database.

The transaction is read-only all the same; a login that can only read is what holds where a function works outside of
transactions.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import aiomysql

from sql_generator.sources.mysql_connection import MySqlConnection

_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?P<object>\S.*?) TO ", re.IGNORECASE)
_ROLE: Final = re.compile(r"GRANT (?P<roles>[`'\"].+?) TO ", re.IGNORECASE)
_COLUMNS: Final = re.compile(r"\s*\([^)]*\)")
_MAX_ROLES: Final = 20

_READING: Final = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "REFERENCES"})
_CHANGING: Final = frozenset(
    {
        *("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER", "EVENT", "CREATE VIEW"),
        *("CREATE ROUTINE", "ALTER ROUTINE", "CREATE TEMPORARY TABLES", "LOCK TABLES", "DELETE HISTORY", "EXECUTE"),
        *("ALL PRIVILEGES", "GRANT OPTION"),
    }
)


async def role_warnings(connection: MySqlConnection, database: str) -> tuple[str, ...]:
    """A sentence for each right the login should not have, and how to do better; empty for one that only reads."""
    rights = _rights(await _grants(connection))
    everywhere = rights.get("*.*", frozenset())
    warnings = []
    if everywhere & {"ALL PRIVILEGES", "SUPER"}:
        # Such a login may do everything below too, so saying more adds nothing.
        warnings.append(
            "The login is an administrator: it can read and write the server's files, end sessions and change settings."
        )
    else:
        if "FILE" in everywhere:
            warnings.append("The login can read and write files of the server (FILE).")
        if administers := sorted(everywhere - _READING - _CHANGING - {"FILE"}):
            warnings.append(f"The login can administer the server ({', '.join(administers)}).")
        warnings += [
            f"The login can change {what} ({', '.join(changes)})."
            for what, held in rights.items()
            if (changes := sorted(held & _CHANGING))
        ]
        if "SELECT" in everywhere:
            warnings.append("The login can read every database of the server, the hashes of passwords too.")
    return (*warnings, _advice(database)) if warnings else ()


async def _grants(connection: MySqlConnection) -> list[str]:
    """The grants of the login and of the roles it may take, as `SHOW GRANTS` writes them."""
    grants = [str(row[0]) for row in await connection.run("SHOW GRANTS")]
    roles = [role for grant in grants if (found := _role(grant)) for role in found]
    for role in roles[:_MAX_ROLES]:
        try:
            grants += [str(row[0]) for row in await connection.run(await _shown(connection, role))]
        except aiomysql.Error:
            if connection.closed:
                raise
    return grants


async def _shown(connection: MySqlConnection, role: str) -> str:
    """The statement that shows the grants of a role: MariaDB hides those of one that is not taken."""
    if not connection.is_mariadb:
        return f"SHOW GRANTS FOR CURRENT_USER() USING {role}"
    await connection.run(f"SET ROLE {role}")
    return "SHOW GRANTS FOR CURRENT_ROLE"


def _role(grant: str) -> list[str]:
    found = None if _GRANT.match(grant) else _ROLE.match(grant)
    return [] if found is None else found["roles"].split(",")


def _rights(grants: Iterable[str]) -> dict[str, frozenset[str]]:
    """The privileges by what they are on: `*.*`, `shop`.*, `shop`.`orders`."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    for grant in grants:
        if found := _GRANT.match(grant):
            names = _COLUMNS.sub("", found["rights"]).upper().split(",")
            held[found["object"]].update(name.strip() for name in names)
            if "WITH GRANT OPTION" in grant:
                held[found["object"]].add("GRANT OPTION")
    return {what: frozenset(names) for what, names in held.items()}


def _advice(database: str) -> str:
    name = database.replace("`", "``")
    return (
        "Create a login of its own for this: CREATE USER 'memori_reader'@'%' IDENTIFIED BY '…'; "
        f"GRANT SELECT, SHOW VIEW ON `{name}`.* TO 'memori_reader'@'%';"
    )

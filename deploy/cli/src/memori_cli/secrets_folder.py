"""The secrets of an installation in containers: a folder with a file for each, as compose mounts them and
`kubectl create secret generic memori --from-file=FOLDER` takes them.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from contracts.permissions import SUBSCRIBER, nats_authorization
from contracts.topology import GATEWAY, MIGRATOR, SERVICES
from memori_cli.local.secrets import Secrets, new_secret
from persistence import schema_of


def write_secrets(folder: Path, *, postgres: str, database: str) -> list[Path]:
    """Make the secrets that are not there yet, and return their files; none is ever changed.

    `postgres` is the host (and port) the services find PostgreSQL at.

    Raises:
        FileExistsError: some of the files are there and some are not: new ones would not fit those.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = dict(_files(Secrets(), new_secret(), postgres, database))
    there = {name for name in wanted if (folder / name).exists()}
    if there and there != set(wanted):
        missing = ", ".join(sorted(set(wanted) - there))
        raise FileExistsError(f"{folder} lacks {missing}, and new secrets would not fit the others")
    if there:
        return []
    for name, content in wanted.items():
        # The folder is its owner's alone; the files are read by the users that containers run as.
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
    return [folder / name for name in wanted]


def _files(secrets: Secrets, admin: str, postgres: str, database: str) -> Iterator[tuple[str, str]]:
    def url(role: str, password: str) -> str:
        return f"postgresql://{role}:{quote(password, safe='')}@{postgres}/{database}"

    yield "secret-key", secrets.secret_key
    yield "postgres-password", admin
    yield "admin-database-url", url("postgres", admin)
    yield "database-passwords", json.dumps(secrets.database)
    yield "nats-authorization.conf", nats_authorization(secrets.nats)
    for service in SERVICES:
        yield f"{service}-nats-password", secrets.nats[service]
        if service != GATEWAY:
            for kind, name in (("app", "database-url"), ("worker", "database-worker-url")):
                role = f"{schema_of(service)}_{kind}"
                yield f"{service}-{name}", url(role, secrets.database[role])
    for user in (MIGRATOR, SUBSCRIBER):
        yield f"{user}-nats-password", secrets.nats[user]

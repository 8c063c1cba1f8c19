"""The generated secrets of an embedded installation, kept in one file that only its owner may read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contracts.permissions import SUBSCRIBER
from contracts.topology import MIGRATOR, SERVICES
from memori_cli.local.server import LocalServerError
from persistence import schema_of

_MEND = (
    "Put it back from a backup; or remove the whole folder, and everything that was remembered in it, to start over."
)


def new_secret() -> str:
    """Forty-three characters that nobody guesses."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords of the database's roles and of NATS users, and the key that tokens and connections are sealed with."""

    secret_key: str = field(default_factory=new_secret)
    database: dict[str, str] = field(
        default_factory=lambda: {
            f"{schema_of(service)}_{kind}": new_secret() for service in SERVICES for kind in ("app", "worker")
        }
    )
    nats: dict[str, str] = field(
        default_factory=lambda: {user: new_secret() for user in (*SERVICES, SUBSCRIBER, MIGRATOR)}
    )


def load_or_create(path: Path, *, data: Path) -> Secrets:
    """The secrets in a file, generated on first use.

    Raises:
        LocalServerError: the file is damaged, or missing although there is `data` that was sealed with its keys.
    """
    if path.exists():
        return load(path)
    if data.exists():
        raise LocalServerError(f"{path} is missing, and with it the keys of what is stored beside it. {_MEND}")
    made = Secrets()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(made), file)
    return made


def load(path: Path) -> Secrets:
    """The secrets in a file.

    Raises:
        LocalServerError: the file cannot be read, or is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        secrets_found = Secrets(found["secret_key"], found["database"], found["nats"])
        complete = set(secrets_found.database) >= set(Secrets().database) and set(secrets_found.nats) >= set(
            Secrets().nats
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalServerError(f"{path} cannot be read ({type(error).__name__}). {_MEND}") from error
    if not complete:
        raise LocalServerError(f"{path} lacks some of the passwords. {_MEND}")
    return secrets_found

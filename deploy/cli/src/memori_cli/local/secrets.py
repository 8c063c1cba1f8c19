"""The generated secrets of an embedded installation, kept in one file that only its owner may read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contracts.permissions import MIGRATOR, SUBSCRIBER
from contracts.topology import SERVICES
from persistence import schema_of


def _token() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords of the database's roles and of NATS users, and the key that tokens and connections are sealed with."""

    secret_key: str = field(default_factory=_token)
    database: dict[str, str] = field(
        default_factory=lambda: {
            f"{schema_of(service)}_{kind}": _token() for service in SERVICES for kind in ("app", "worker")
        }
    )
    nats: dict[str, str] = field(default_factory=lambda: {user: _token() for user in (*SERVICES, SUBSCRIBER, MIGRATOR)})


def load_or_create(path: Path) -> Secrets:
    """The secrets in a file, generated on first use."""
    if path.exists():
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    made = Secrets()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(made), file)
    return made

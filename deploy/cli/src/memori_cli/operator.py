"""How the operator's commands reach an installation, and how they end where they cannot."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NoReturn

import typer
from nats.errors import Error as NatsError

from contracts.topology import MIGRATOR
from memori_cli.local.secrets import load
from messaging import RpcClient, create_broker

CONNECT_SECONDS: Final = 5.0


def server(home: Path, url: str | None, password: str | None) -> tuple[str, str | None]:
    """The NATS server's URL and the migrator's password: as given, else those of the embedded server in `home`."""
    if url is not None:
        return url, password
    state = home / "nats" / "server.json"
    if not state.exists():
        stop(f"no NATS runs in {home}: start it with `memori up`, or name one with NATS_URL")
    port = json.loads(state.read_text(encoding="utf-8"))["port"]
    return f"nats://127.0.0.1:{port}", load(home / "secrets.json").nats[MIGRATOR]


@asynccontextmanager
async def connected(url: str, password: str | None) -> AsyncIterator[RpcClient]:
    """Calls services as the operator's user; ends the command where NATS does not answer."""
    broker = create_broker(url, service=MIGRATOR, password=password)
    try:
        # nats-py goes on trying to reach a server that has never answered.
        async with asyncio.timeout(CONNECT_SECONDS):
            await broker.connect()
    except (NatsError, OSError, TimeoutError):
        no_answer(url)
    try:
        yield RpcClient(broker)
    finally:
        await broker.stop()


def no_answer(url: str) -> NoReturn:
    """End the command, because nobody answers there."""
    stop(f"no NATS answers at {url}, or not to this password: is `memori up` running?")


def stop(reason: str) -> NoReturn:
    """End the command with 1 and the reason."""
    typer.echo(reason, err=True)
    raise typer.Exit(1)

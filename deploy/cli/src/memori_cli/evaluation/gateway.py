"""The gateway that an evaluation talks to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from memori_cli.local.stack import LocalStack


@contextmanager
def gateway(url: str | None, home: Path, errors: Console, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Where it answers: at `url`, else that of the embedded system, which runs meanwhile with these settings.

    Raises:
        LocalServerError: a part of the embedded system did not start.
    """
    if url is not None:
        yield url
        return
    stack = LocalStack(home, settings=settings)
    stack.start(lambda text: errors.print(text, style="dim"))
    try:
        yield stack.gateway_url
    finally:
        stack.stop()

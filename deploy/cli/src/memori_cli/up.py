"""`memori up`: the embedded stack in the foreground, one log, a clean end on Ctrl-C."""

import json
import signal
import time
from pathlib import Path

from rich.console import Console

from memori_cli.local.server import LocalServerError
from memori_cli.local.stack import LocalStack

_WATCH_SECONDS = 1.0
_COLOURS = {
    "gateway": "cyan",
    "memory-store": "green",
    "embedding-worker": "magenta",
    "entity-extractor": "yellow",
    "sql-generator": "blue",
}


def run(home: Path, port: int) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    console = Console(highlight=False)

    def log(service: str, line: str) -> None:
        console.print(
            f"[{_COLOURS.get(service, 'white')}]{service:>16}[/] {readable(line)}", markup=True, soft_wrap=True
        )

    # A signal ends the start as well: whatever was started by then is stopped again.
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, _interrupt)
    try:
        stack = LocalStack(home, port=port, log=log)
        stack.start(say=lambda text: console.print(f"[dim]{text} …[/]"))
    except LocalServerError as error:
        console.print(str(error), style="red", markup=False)
        console.print("`memori doctor` says more.")
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(f"[bold]Memori is ready at {stack.gateway_url}[/] · docs at {stack.gateway_url}/docs")
    console.print("This is a development installation: say who you are with the header X-User-Id. Ctrl-C ends it.")
    console.print(f"Subscribers: {stack.subscriber_url()} (inbox prefix _INBOX.subscriber)")
    try:
        while True:
            time.sleep(_WATCH_SECONDS)
            for name in stack.revive():
                console.print(f"[red]{name} ended by itself and was started again[/]")
    except KeyboardInterrupt:
        console.print("[dim]stopping …[/]")
        return 0
    except LocalServerError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    finally:
        for wanted in (signal.SIGINT, signal.SIGTERM):
            signal.signal(wanted, signal.SIG_IGN)
        stack.stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def readable(line: str) -> str:
    """A JSON log line as a short text, safe to print as markup; any other line as it is."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line.replace("[", r"\[")
    if not isinstance(entry, dict):
        return line.replace("[", r"\[")
    shown = {k: v for k, v in entry.items() if k not in {"event", "level", "logger", "timestamp", "service", "span_id"}}
    rest = " ".join(f"{name}={value}" for name, value in shown.items())
    return f"{entry.get('level', '')} {entry.get('event', '')} {rest}".replace("[", r"\[")

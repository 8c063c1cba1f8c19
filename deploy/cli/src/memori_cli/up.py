"""`memori up`: the embedded stack in the foreground, one log, a clean end on Ctrl-C."""

import json
import signal
import threading
from pathlib import Path

from rich.console import Console

from memori_cli.local.server import LocalServerError
from memori_cli.local.stack import LocalStack

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

    stack = LocalStack(home, port=port, log=log)
    ended = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: ended.set())
    try:
        stack.start(say=lambda text: console.print(f"[dim]{text} …[/]"))
    except LocalServerError as error:
        console.print(f"[red]{error}[/]", markup=True)
        console.print("`memori doctor` says more.")
        return 1
    console.print(f"[bold]Memori is ready at {stack.gateway_url}[/] · docs at {stack.gateway_url}/docs")
    console.print("This is a development installation: say who you are with the header X-User-Id. Ctrl-C ends it.")
    ended.wait()
    console.print("[dim]stopping …[/]")
    stack.stop()
    return 0


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

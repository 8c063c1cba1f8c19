"""Keeps named child processes running: the services of the local stack."""

import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from memori_cli.local.child_process import free_port, free_ports, kill, spawn, stop
from memori_cli.local.http_probe import probe
from memori_cli.local.merged_output import MergedOutput
from memori_cli.local.server import LocalServerError

__all__ = ["Service", "Supervisor", "free_port", "free_ports"]

_POLL_SECONDS = 0.1
_KEPT_LINES = 50
_FIRST_RESTART_SECONDS = 0.5
_LONGEST_RESTART_SECONDS = 30.0
# One that ran this long is not in a crash loop: its next restart is quick again.
_SETTLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """What to run, and the URL that answers 200 when it can work."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str]
    ready_url: str | None = None
    cwd: Path | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    process: subprocess.Popen[bytes]
    reader: threading.Thread


@dataclass(slots=True)
class _Child:
    service: Service
    run: _Run | None = None
    keeper: threading.Thread | None = None
    unwanted: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))


class Supervisor:
    """Starts services, merges their output, waits until they are ready, restarts what ends by itself.

    Each line a service writes goes to `sink(name, line)`, called from other threads but never twice at once, and to
    `log_file`. When a service ends unasked, `on_exit(name, code)` is called (a negative code is a signal) and, with
    `restart`, it is started again after a delay that doubles from 0.5 s to 30 s. The services end with this process,
    also when that is killed (Linux).
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        sink: Callable[[str, str], None] | None = None,
        log_file: Path | None = None,
        restart: bool = False,
        on_exit: Callable[[str, int], None] | None = None,
    ) -> None:
        self._children = {service.name: _Child(service) for service in services}
        self._output = MergedOutput(sink, log_file)
        self._restart = restart
        self._on_exit = on_exit

    def start_all(self) -> None:
        """Start every service that is not running, in the order given; does not wait until they are ready."""
        for name in self._children:
            if self.pid(name) is None:
                self.start(name)

    def start(self, name: str) -> None:
        """Start one service, for the first time or again. LocalServerError when it runs or cannot be run."""
        child = self._children[name]
        if child.keeper is not None and child.keeper.is_alive():
            if self.pid(name) is not None or self._restart:
                raise LocalServerError(f"{name} is already started")
            child.keeper.join()
        child.unwanted.clear()
        child.lines.clear()
        run = self._spawn(child)
        child.keeper = threading.Thread(target=self._keep, args=(child, run), name=f"keeper of {name}", daemon=True)
        child.keeper.start()

    def wait_ready(self, *names: str, timeout: float = 60.0) -> None:
        """Wait until the services (all, when none is named) answer 200 at their `ready_url`.

        Raises LocalServerError, with each one's last answer and last lines, after `timeout` seconds or when one that
        is not restarted has ended.
        """
        deadline = time.monotonic() + timeout
        waiting = {name: "" for name in names or self._children if self._children[name].service.ready_url}
        while True:
            for name in list(waiting):
                answer = probe(str(self._children[name].service.ready_url))
                if answer.ok:
                    del waiting[name]
                else:
                    waiting[name] = f"{answer.status or ''} {answer.text}".strip()
            if not waiting:
                return
            ended = [name for name in waiting if self.pid(name) is None and not self._restart]
            if ended or time.monotonic() > deadline:
                what = "ended before it was ready" if ended else f"is not ready after {timeout:.0f} s"
                raise LocalServerError(
                    "\n".join(self._report(name, what, waiting[name]) for name in ended or waiting),
                )
            time.sleep(_POLL_SECONDS)

    def pid(self, name: str) -> int | None:
        """The process id of a service, None when it is not running."""
        run = self._children[name].run
        return run.process.pid if run is not None and run.process.poll() is None else None

    def last_lines(self, name: str) -> list[str]:
        """The last lines (at most 50) a service wrote since it was last started by `start`."""
        return list(self._children[name].lines)

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would: with `restart` the service comes back."""
        run = self._children[name].run
        if run is not None:
            kill(run.process)

    def stop(self, name: str, *, grace: float = 10.0) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when the service is gone and does not restart it."""
        child = self._children[name]
        with child.lock:
            child.unwanted.set()
            run = child.run
        if run is not None:
            stop(run.process, (signal.SIGTERM,), grace)
        if child.keeper is not None:
            child.keeper.join()

    def stop_all(self, *, grace: float = 10.0) -> None:
        """Stop every service, the last one started first, each with `grace` seconds."""
        for name in reversed(self._children):
            self.stop(name, grace=grace)
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def _spawn(self, child: _Child) -> _Run:
        service = child.service
        try:
            process = spawn(
                service.argv,
                # No grace: whoever kills us expects nothing to stay, and the services recover from a crash.
                on_parent_death=signal.SIGKILL,
                stdout=subprocess.PIPE,
                env=service.env,
                cwd=service.cwd,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise LocalServerError(f"{service.name} cannot be run from {service.argv[0]}: {error}") from error
        reader = threading.Thread(target=self._read, args=(child, process.stdout), daemon=True)
        reader.start()
        child.run = _Run(process, reader)
        return child.run

    def _read(self, child: _Child, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode(errors="replace").rstrip("\r\n")
                child.lines.append(line)
                self._output.write(child.service.name, line)

    def _keep(self, child: _Child, run: _Run) -> None:
        """Follow one service through its restarts; a thread for each."""
        name = child.service.name
        delay = _FIRST_RESTART_SECONDS
        while True:
            started = time.monotonic()
            code = run.process.wait()
            kill(run.process)  # what it started and left behind, which would also hold the pipe open
            run.reader.join()
            if child.unwanted.is_set():
                return
            self._output.write(name, f"ended by itself ({describe_exit(code)})")
            if self._on_exit is not None:
                self._on_exit(name, code)
            if time.monotonic() - started > _SETTLED_SECONDS:
                delay = _FIRST_RESTART_SECONDS
            if not self._restart or child.unwanted.wait(delay):
                return
            delay = min(2 * delay, _LONGEST_RESTART_SECONDS)
            with child.lock:
                if child.unwanted.is_set():
                    return
                run = self._spawn(child)

    def _report(self, name: str, what: str, answer: str) -> str:
        url = self._children[name].service.ready_url
        run = self._children[name].run
        if run is not None and self.pid(name) is None:
            run.reader.join(1.0)  # its last words may still be in the pipe
        lines = "\n".join(f"  {line}" for line in self.last_lines(name)[-10:])
        return f"{name} {what}: {url} says: {answer}\n{lines}".rstrip()


def describe_exit(code: int) -> str:
    """An exit status in words: `exit 3`, `signal SIGKILL`."""
    return f"exit {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

"""What the embedded servers share: one folder, one process in it, found again after a crash."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil  # type: ignore[import-untyped]  # ships no types

from memori_cli.local import child_process
from memori_cli.local.unprivileged import Account

HOST = "127.0.0.1"
_POLL_SECONDS = 0.01


class LocalServerError(RuntimeError):
    """An embedded server that did not do what it was asked; the message says why and how to mend it."""


class LocalServer(ABC):
    """A server on 127.0.0.1 whose data lie in `data_dir`, which one process at a time may use.

    The folder is readable by its owner only. It holds `server.lock`, `server.log` (this run's; the one before is
    `server.log.1`) and, while the server runs, `server.json` with its `pid` and `port`. The server ends with this
    process, also when that is killed (Linux). Not thread-safe.
    """

    name: ClassVar[str]
    stop_signals: ClassVar[Sequence[signal.Signals]]
    stop_grace_seconds: ClassVar[float] = 15.0

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        self.data_dir = Path(data_dir).absolute()
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @abstractmethod
    def _launch(self) -> None:
        """Prepare what is missing, spawn the server and wait until it serves; sets `_port`."""

    @property
    @abstractmethod
    def _mark(self) -> str:
        """An argument on the server's command line that no other process has: a path inside `data_dir`."""

    @property
    def port(self) -> int:
        """The port it listens on: chosen at the first start unless given, and kept by this object from then on."""
        if self._port is None:
            raise LocalServerError(f"{self.name} has not been started")
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None when it is not running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log_file(self) -> Path:
        """What the server said in this run."""
        return self.data_dir / "server.log"

    def start(self) -> None:
        """Start the server and return when it serves. A server left over from a killed process is stopped first.

        Raises LocalServerError when another process (or this one) runs a server in the folder, when what is needed is
        not installed, and, with the end of the log, when the server does not start.
        """
        self._prepare_folder()
        self._take_lock()
        try:
            self._stop_leftover()
            self._launch()
            self._write_state()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server in good order and wait until it is gone; nothing happens when it is not running."""
        if self._process is not None:
            child_process.stop(self._process, self.stop_signals, self.stop_grace_seconds)
        self._forget()

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL, its own children too) and wait until it is gone."""
        if self._process is not None:
            descendants: list[psutil.Process] = []
            with contextlib.suppress(psutil.NoSuchProcess):
                descendants = psutil.Process(self._process.pid).children(recursive=True)
            child_process.kill(self._process)
            for each in descendants:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()  # psutil looks at the start time as well: never another process with the same id
            child_process.wait_gone(descendants, self.stop_grace_seconds)
        self._forget()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, account: Account | None = None
    ) -> None:
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = child_process.spawn(
                argv,
                on_parent_death=self.stop_signals[0],
                stdout=descriptor,
                env=env,
                cwd=self.data_dir,
                account=account,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise LocalServerError(f"{self.name} cannot be run from {argv[0]}: {error}") from error
        finally:
            os.close(descriptor)
        # Before the port is known: were we killed now, the next start has to find the server.
        self._write_state()

    def _wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Poll `ready` until it holds; LocalServerError when the server ends first or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while not ready():
            if self.pid is None:
                raise LocalServerError(self._failure("ended while starting"))
            if time.monotonic() > deadline:
                raise LocalServerError(self._failure(f"was not ready after {timeout:.0f} s"))
            time.sleep(_POLL_SECONDS)

    def _failure(self, what: str) -> str:
        end = "\n".join(f"  {line}" for line in self.log_tail())
        return (
            f"{self.name} {what}. The end of {self.log_file}:\n{end}\n"
            f"If its data are damaged and may go, remove {self.data_dir} and start again."
        )

    def log_tail(self, lines: int = 15) -> list[str]:
        """The last lines of the log of this run."""
        if not self.log_file.exists():
            return []
        with self.log_file.open(encoding="utf-8", errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, lines)]

    @property
    def _state_file(self) -> Path:
        return self.data_dir / "server.json"

    def _write_state(self) -> None:
        draft = self._state_file.with_suffix(".json.draft")
        draft.write_text(json.dumps({"pid": self.pid, "port": self._port}), encoding="utf-8")
        draft.replace(self._state_file)

    def _prepare_folder(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self.data_dir.chmod(0o700)
        except OSError as error:
            raise LocalServerError(
                f"{self.name} cannot use the folder {self.data_dir}: {error.strerror}. Choose another data folder."
            ) from error

    def _take_lock(self) -> None:
        # Never removed: a lock on an unlinked file would let two servers in.
        descriptor = os.open(self.data_dir / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode() or "unknown"
            os.close(descriptor)
            raise LocalServerError(
                f"{self.name} is already running in {self.data_dir}, started by process {holder}. "
                "Stop that process first, or choose another data folder."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock = descriptor

    def _forget(self) -> None:
        """Let the next process have the folder; called when the server is gone."""
        self._process = None
        if self._lock is not None:
            self._state_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _stop_leftover(self) -> None:
        """With the lock in hand, a server that still runs here has lost the process that started it."""
        if not self._state_file.exists():
            return
        pid = json.loads(self._state_file.read_text(encoding="utf-8"))["pid"]
        leftover = child_process.find(pid, self._mark)
        if leftover is None:
            return
        for each in (*self.stop_signals, signal.SIGKILL):
            with contextlib.suppress(psutil.NoSuchProcess):
                leftover.send_signal(each)
            if child_process.wait_gone([leftover], self.stop_grace_seconds):
                return
        raise LocalServerError(f"{self.name} of an earlier run does not end: process {pid} in {self.data_dir}.")

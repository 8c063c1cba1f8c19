"""Child processes in sessions of their own, so that Ctrl-C reaches only us, that never outlive us."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]  # ships no types

from memori_cli.local.unprivileged import Account

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.01
# Loaded here, because between fork and exec a child of a threaded process must do as little as possible.
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    argv: Sequence[str | Path],
    *,
    on_parent_death: signal.Signals,
    stdout: int | IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child that gets `on_parent_death` when this process ends, however it ends (Linux; elsewhere nothing).

    Its stderr goes where its stdout goes. With `account` it runs as that user instead of root.

    Raises OSError or subprocess.SubprocessError when it cannot be started.
    """
    # The kernel sends the signal when the *thread* that forked ends, so the child gets a thread that lives as long as
    # it does: a caller's thread may be a pool's, gone long before the process.
    started: Future[subprocess.Popen[bytes]] = Future()
    us = os.getpid()

    def before_exec() -> None:
        if account is not None:
            account.enter()
        if sys.platform == "linux":
            # After the change of user: that resets it.
            _libc.prctl(_PR_SET_PDEATHSIG, int(on_parent_death))
            if os.getppid() != us:
                os._exit(1)

    def keep() -> None:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=before_exec,  # noqa: PLW1509  # prctl has no other place; see _libc
            )
        except (OSError, subprocess.SubprocessError) as error:
            started.set_exception(error)
        else:
            started.set_result(process)
            process.wait()

    threading.Thread(target=keep, name=f"child {Path(argv[0]).name}", daemon=True).start()
    return started.result()


def stop(process: subprocess.Popen[bytes], signals: Sequence[signal.Signals], grace: float) -> None:
    """End a child: each signal in turn with `grace` seconds to obey, then SIGKILL to its whole process group."""
    for each in signals:
        process.send_signal(each)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
            return
    kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the child and what shares its process group; returns when the child is gone."""
    # macOS refuses the signal, instead of finding nobody, for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie, which only waits for its parent to look, does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_gone(processes: Sequence[psutil.Process], timeout: float) -> bool:
    """Wait until none of these, which need not be our children, is alive; False when one is after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while any(alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def find(pid: int, argument: str) -> psutil.Process | None:
    """The process with this id, if it is alive and has `argument` on its command line: not a later one with its id."""
    try:
        process = psutil.Process(pid)
        return process if alive(process) and argument in process.cmdline() else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody listens on, all different. Another process may still take one first."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def free_port() -> int:
    """One of `free_ports`."""
    return free_ports(1)[0]

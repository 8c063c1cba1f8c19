"""What the processes that read files can no longer do, whatever takes them over."""

import subprocess
import sys

import pytest

ATTEMPTS = {
    "a socket": "import socket; socket.socket()",
    "a pair of sockets": "import socket; socket.socketpair()",
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "another process's memory": "import ctypes; assert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "much memory": "bytearray(2 * 1024**3)",
    "a large file": "open('large', 'wb').write(bytes(2 * 1024**2))",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_restricted_process_gets_none_of(attempt: str, tmp_path) -> None:
    restrict = (
        "from sql_generator.sources.worker.sandbox import Bounds, restrict_this_process;"
        "import resource;"
        "restrict_this_process(Bounds(address_space=1024**3, file=1024**2), 1.0)"
    )
    freely = subprocess.run([sys.executable, "-c", attempt], cwd=tmp_path, capture_output=True, check=False)
    held = subprocess.run(
        [sys.executable, "-c", f"{restrict}\n{attempt}"], cwd=tmp_path, capture_output=True, check=False
    )
    assert held.returncode != 0
    assert freely.returncode == 0 or "ptrace" in attempt

"""What a process that reads files of others may still do: compute, and read and write files, within its bounds.

Limits of the kernel hold whatever the engine or a hostile file does. The filter of system calls (seccomp; Linux on
x86-64 and ARM64) needs no privilege and holds in containers too: no socket is made, no program started, no other
process looked into. Elsewhere the engine's own settings and the parent's deadline stand alone.
"""

import ctypes
import math
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Final

_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_REFUSE: Final = 0x00050001  # the call fails with EPERM
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_AT_NUMBER, _AT_ARCHITECTURE = 0, 4
# The numbers of x32, a second set of calls on x86-64, begin here.
_X32: Final = 0x40000000

# The architecture as audit(7) names it, and socket, socketpair, execve, execveat, ptrace, process_vm_readv,
# process_vm_writev, io_uring_setup (which makes sockets without `socket`).
_CALLS: Final = {
    "x86_64": (0xC000003E, (41, 53, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 199, 221, 281, 117, 270, 271, 425)),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of address space, and of each file that is written."""

    address_space: int
    file: int


def restrict_this_process(bounds: Bounds, seconds: float) -> None:
    """Hold this process to the bounds and to so many seconds of CPU, and take from it what readers never need."""
    _limit_resources(bounds, seconds)
    if sys.platform == "linux" and platform.machine() in _CALLS:
        _filter_system_calls(*_CALLS[platform.machine()])


def _limit_resources(bounds: Bounds, seconds: float) -> None:
    try:
        import resource  # noqa: PLC0415  # Unix only
    except ModuleNotFoundError:
        return
    for limit, value in (
        (resource.RLIMIT_AS, bounds.address_space),
        (resource.RLIMIT_CPU, math.ceil(seconds) + 1),
        (resource.RLIMIT_FSIZE, bounds.file),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (ceiling, ceiling))


def _filter_system_calls(architecture: int, refused: tuple[int, ...]) -> None:
    steps = [
        _step(_LOAD, _AT_ARCHITECTURE),
        _step(_JUMP_EQUAL, architecture, if_true=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _AT_NUMBER),
        _step(_JUMP_AT_LEAST, _X32, if_false=1),
        _step(_RETURN, _REFUSE),
    ]
    for number in refused:
        steps += [_step(_JUMP_EQUAL, number, if_false=1), _step(_RETURN, _REFUSE)]
    steps.append(_step(_RETURN, _ALLOW))
    program = ctypes.create_string_buffer(b"".join(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    described = _Program(len(steps), ctypes.addressof(program))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the filter of system calls was refused")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def _step(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction of a filter (linux/filter.h): a jump skips so many of those that follow."""
    return struct.pack("HBBI", code, if_true, if_false, value)

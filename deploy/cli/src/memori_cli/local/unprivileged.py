"""PostgreSQL refuses to run as root; an `Account` is whom a child of a root process runs as instead."""

import ctypes
import os
import pwd
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_SYSTEM_USER = "memori-postgres"
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Account:
    """A user other than root, as the child sees itself (`alias`) and as the files on disk see it (`uid`, `gid`).

    In a user namespace root is only renamed: files stay root's, so nothing has to be opened up for another user, and
    without capabilities the child can do no more than any owner of files. Where namespaces are forbidden, as in most
    containers, it is a system user, who must be able to reach the program and the data.
    """

    uid: int
    gid: int
    alias: int | None = None

    def enter(self) -> None:
        """Become this account; called in the child between fork and exec."""
        if self.alias is None:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
            return
        if _libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
        for name, text in (
            ("setgroups", b"deny"),
            ("uid_map", b"%d %d 1" % (self.alias, self.uid)),
            ("gid_map", b"%d %d 1" % (self.alias, self.gid)),
        ):
            descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(descriptor, text)
            os.close(descriptor)

    def own(self, path: Path) -> None:
        """Give the file or the whole folder to this account."""
        if path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path):
            for name in files:
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)
            os.chown(folder, self.uid, self.gid)
        os.chown(path, self.uid, self.gid)

    def unreachable(self, path: Path) -> Path | None:
        """The first folder on the way to `path` that this account may not pass through."""
        if self.alias is not None:
            return None
        closed = (
            folder
            for folder in reversed(path.parents)
            if folder.exists() and folder.stat().st_uid != self.uid and not folder.stat().st_mode & stat.S_IXOTH
        )
        return next(closed, None)


def account(data: Path) -> Account | None:
    """Whom a server that refuses root has to run as; None when we are not root and it can run as we do.

    Data that exist and belong to another user than root are served as that user, so that they stay usable for them.

    Raises OSError when a system user is needed and cannot be created.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    return renamed_root() or system_user()


@cache
def renamed_root() -> Account | None:
    """Root under another name in a user namespace, or None where the kernel or the container forbids that."""
    if sys.platform != "linux":
        return None
    # Any id with an entry will do, since programs look themselves up; 65534 also stands for all unmapped users.
    alias = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid not in {0, 65534})
    candidate = Account(os.geteuid(), os.getegid(), alias)
    try:
        subprocess.run(
            [sys.executable, "-S", "-c", ""],
            preexec_fn=candidate.enter,
            check=True,
            capture_output=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return candidate


@cache
def system_user() -> Account:
    """The system user that Postgres runs as, created on first use."""
    try:
        entry = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
        completed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        try:
            # Whatever useradd says: another process may have created the user in the meantime.
            entry = pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            raise OSError(f"{' '.join(command)}: {completed.stderr.strip()}") from None
    return Account(entry.pw_uid, entry.pw_gid)

# SPDX-License-Identifier: MIT
"""The credentials directory: a ramfs, never swapped, that the run alone sees."""

from __future__ import annotations

import errno
import os

from credhelper.commands import kernel
from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

_STRING_PAGES: Final = 32  # MAX_ARG_STRLEN of linux/binfmts.h: of one string, whatever the stack
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
PLACE: Final = "/run/credentials/credhelper-decrypt-run"  # beside those of units: systemd.exec(5)
_HINTS: Final = {
    errno.EPERM: "it needs CAP_SYS_ADMIN, which containers often lack: run it on the host",
    errno.ENOSYS: "it needs Linux 5.12 or newer",
    errno.EFBIG: "a value is longer than a file may be here: ulimit -f, LimitFSIZE= of the unit",
    errno.ENOSPC: "free space and inodes in /run",
    errno.EROFS: "give this system a /run that can be written to, such as a tmpfs",
    errno.ENOENT: "give this system a /run that can be written to, such as a tmpfs",
}


def deliver(values: Mapping[str, bytes], uid: int, gid: int) -> str:
    """The path of a directory with one file per value, read-only, for the user ``uid`` alone.

    This process and what it starts see it, and nobody else; it is gone with the last of them.
    Raises :class:`RunnerFailed`.
    """
    try:
        mount = kernel.ramfs(0o700)
        try:
            for name, value in values.items():
                _write(name, value, mount, uid, gid)
            os.chmod(".", 0o500, dir_fd=mount)
            os.chown(".", uid, gid, dir_fd=mount)
            kernel.make_read_only(mount)
            _make_place()
            _attach_unseen(mount, PLACE)
        finally:
            os.close(mount)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise RunnerFailed(
            f"the credentials directory cannot be made: {where}{error.strerror}",
            _HINTS.get(error.errno or 0, "see credhelper-decrypt-run(8)"),
        ) from None
    return PLACE


def _write(name: str, value: bytes, directory: int, uid: int, gid: int) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400, dir_fd=directory)
    try:
        view = memoryview(value)
        while view:
            view = view[os.write(file, view) :]
        os.fchown(file, uid, gid)
    finally:
        os.close(file)


def _make_place() -> None:
    """It stays, and stays empty: the rest of the system has the same ``/run``."""
    if os.path.exists(PLACE):
        return
    for directory in (os.path.dirname(PLACE), PLACE):
        try:
            os.mkdir(directory)
        except FileExistsError:  # by systemd, or another run
            continue
        os.chmod(directory, 0o755)  # noqa: S103 # as systemd makes it, whatever the umask


def _attach_unseen(mount: int, directory: str) -> None:
    """Attaches the detached ``mount`` to ``directory``, for this process and what it starts.

    All other mounts propagate as before: what is mounted on the machine arrives here, and what is
    mounted here arrives there; before Linux 5.15, not those in the mount that holds ``directory``.
    Raises ``OSError``.
    """
    kernel.own_mounts()
    start, root = os.open(".", os.O_PATH), os.open("/", os.O_PATH)
    try:
        target = os.open(directory, _DIRECTORY)
        try:
            os.fchdir(target)
            if _go_to_mount():
                _attach(mount, target)
            else:  # above the root directory, after a chroot(2): no path leads there
                _attach_below_root(mount, target, root)
        finally:
            os.close(target)
        os.fchdir(start)
    finally:
        os.close(start)
        os.close(root)


def _go_to_mount() -> bool:
    """Makes the root of the mount that holds the working directory the working directory.

    Where it is above the root directory, that is, and this returns false.
    """
    while not kernel.is_mount():
        here = os.stat(".")
        os.chdir("..")
        if os.path.samestat(here, os.stat(".")):
            return False
    return True


def _attach_below_root(mount: int, target: int, root: int) -> None:
    kernel.real_root()
    try:
        os.fchdir(root)
        if not _go_to_mount():
            raise OSError(errno.EINVAL, "the root directory is in no mount")
        _attach(mount, target)
    finally:
        os.fchdir(root)
        os.chroot(".")


def _attach(mount: int, target: int) -> None:
    """The working directory is the root of the mount that holds ``target``.

    What is attached to a mount that propagates would be seen by the rest of the system.
    """
    before = kernel.twin()
    try:
        kernel.stop_propagation()
        kernel.attach(mount, target)
        try:
            kernel.propagate_as(before)
        except OSError as error:
            if error.errno != errno.EINVAL:  # it did not before, or Linux cannot
                raise
    finally:
        os.close(before)


def check_variables(wanted: Mapping[str, str], values: Mapping[str, bytes]) -> None:
    """Raises :class:`RunnerFailed` for a value of ``wanted`` that no environment variable holds."""
    most = _STRING_PAGES * os.sysconf("SC_PAGE_SIZE") - 1  # and a zero at the end
    for variable, name in wanted.items():
        if b"\0" in values[name]:
            raise RunnerFailed(
                f"credential {name} holds a zero byte, which no variable can",
                "read it from $CREDENTIALS_DIRECTORY",
            )
        if len(variable) + 1 + len(values[name]) > most:
            raise RunnerFailed(
                f"credential {name} is too long for the variable {variable}: "
                f"with its name, one holds {most} bytes at most (execve(2))",
                "read it from $CREDENTIALS_DIRECTORY",
            )

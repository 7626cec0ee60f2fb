# SPDX-License-Identifier: MIT
"""The credentials directory: a ramfs that is in no mount table and is never swapped."""

from __future__ import annotations

import os

from credhelper.commands import kernel
from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

_STRING_PAGES: Final = 32  # MAX_ARG_STRLEN of linux/binfmts.h: of one string, whatever the stack
SHARED: Final = "/run/credentials"  # systemd's own place: systemd.exec(5)


def deliver(values: Mapping[str, bytes], uid: int, gid: int, *, shared: bool) -> str:
    """The path of a directory with one file per value, read-only, for the user ``uid`` alone.

    It is gone with the last process that holds its descriptor, which this one leaves open.
    ``shared`` attaches it in a mount namespace that only this process and its children see.
    Raises :class:`RunnerFailed`.
    """
    try:
        mount = kernel.ramfs(0o700)
        for name, value in values.items():
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400, dir_fd=mount)
            try:
                view = memoryview(value)
                while view:
                    view = view[os.write(file, view) :]
                os.fchown(file, uid, gid)
            finally:
                os.close(file)
        os.chown(".", uid, gid, dir_fd=mount)
        kernel.make_read_only(mount)
        if shared:
            return _attached(mount)
        os.set_inheritable(mount, True)
    except OSError as error:
        raise RunnerFailed(
            f"the credentials directory cannot be made: {error.strerror}",
            "it needs CAP_SYS_ADMIN, which containers often lack: run it on the host",
        ) from None
    return f"/proc/self/fd/{mount}"


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


def _attached(mount: int) -> str:
    kernel.private_mounts()
    if not os.path.exists(SHARED):  # it stays: the rest of the system has the same /run
        os.mkdir(SHARED)
        os.chmod(SHARED, 0o755)  # noqa: S103 # as systemd makes it, whatever the umask
    kernel.attach(mount, SHARED)
    os.close(mount)
    return SHARED

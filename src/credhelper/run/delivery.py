"""The credentials directory: a ramfs that is in no mount table and is never swapped."""

from __future__ import annotations

import os

from credhelper import kernel
from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

SHARED: Final = "/run/credentials"  # systemd's own place: systemd.exec(5)


class Directory:
    """The directory as the script sees it: its ``path``, and the descriptor that keeps it."""

    __slots__ = ("descriptor", "path")

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path


def deliver(values: Mapping[str, bytes], uid: int, gid: int, *, shared: bool) -> Directory:
    """A directory with one file per value, read-only, for the user ``uid`` alone.

    It is gone with the last process that holds its descriptor. ``shared`` attaches it in a mount
    namespace that only this process and its children see. Raises :class:`RunnerFailed`.
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
    return Directory(mount, f"/proc/self/fd/{mount}")


def _attached(mount: int) -> Directory:
    kernel.private_mounts()
    try:
        os.mkdir(SHARED, 0o755)
    except FileExistsError:
        pass
    kernel.attach(mount, SHARED)
    os.close(mount)
    return Directory(-1, SHARED)

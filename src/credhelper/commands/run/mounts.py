# SPDX-License-Identifier: MIT
"""A mount that this process and its children see, and nobody else."""

from __future__ import annotations

import errno
import os

from credhelper.commands import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW


def attach_unseen(mount: int, directory: str) -> None:
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

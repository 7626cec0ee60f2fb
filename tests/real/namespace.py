# SPDX-License-Identifier: MIT
"""A private mount namespace: the product's real paths, and a machine that stays as it was."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/mount.h, linux/sched.h
_CLONE_NEWNS: Final = 0x20000
_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x40000
_MNT_DETACH: Final = 2

_CHANGED: Final = ("/etc", "/var/lib", "/usr/local/lib")  # as on this machine, changes go to memory
_EMPTY: Final = {
    "/tmp": "1777",
    "/dev/shm": "1777",
    "/run": "0755",
    "/opt": "0755",
    "/home": "0755",  # others may enter: where the checkout lies in somebody's home, they reach it
    "/root": "0755",
}

_libc = ctypes.CDLL(None, use_errno=True)


def enter(keep: Iterable[Path]) -> list[Path]:
    """Moves the calling thread, and what it starts, into a mount namespace of its own.

    ``keep`` are directories that stay where they are though one that is emptied would hide them.
    Returns the directories that hold all that is written from then on, anywhere. Raises
    ``OSError`` that names the mount which this machine refuses.
    """
    if _libc.unshare(_CLONE_NEWNS):
        raise _error("unshare(CLONE_NEWNS)")
    mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    kept = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in keep}
    mount("tmpfs", "/tmp", "tmpfs", 0, "mode=0755")  # for the layers: nothing shows it later
    for lower in _CHANGED:
        layer = Path("/tmp", lower.replace("/", "_"))
        for part in ("upper", "work"):
            Path(layer, part).mkdir(parents=True)
        options = f"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work"
        mount("overlay", lower, "overlay", 0, options)
    layers = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
    unmount("/tmp")
    for directory, mode in _EMPTY.items():
        mount("tmpfs", directory, "tmpfs", 0, f"mode={mode}")
    for path, descriptor in kept.items():
        if any(path.is_relative_to(directory) for directory in _EMPTY):
            path.mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", str(path), "", _MS_BIND | _MS_REC)
        os.close(descriptor)
    return [Path(f"/proc/self/fd/{layers}"), *map(Path, _EMPTY)]


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). Raises ``OSError``."""
    arguments = [text.encode() for text in (source, target, kind)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), options.encode()):
        raise _error(f"mount of {kind or source} on {target}")


def unmount(target: str) -> None:
    """umount2(2), at once, whoever uses it. Raises ``OSError``."""
    if _libc.umount2(target.encode(), _MNT_DETACH):
        raise _error(f"umount of {target}")


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")

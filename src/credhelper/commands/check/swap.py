# SPDX-License-Identifier: MIT
"""Swap: what is in memory may be written there, so is it on a disk in the clear?"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper.commands.check.finding import Area, Finding, Severity, command

if TYPE_CHECKING:
    from collections.abc import Iterator

SWAPS: Final = Path("/proc/swaps")
MOUNTS: Final = Path("/proc/self/mountinfo")
_BLOCK: Final = Path("/sys/dev/block")


def findings() -> Iterator[Finding]:
    """Each swap area on a disk that is not encrypted."""
    try:
        lines = SWAPS.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        path = _unescaped(line.split()[0])
        if not is_encrypted(path):
            yield Finding(
                Area.MACHINE,
                Severity.WARNING,
                "swap",
                path,
                "is swap on a disk that is not encrypted: values of running scripts may get there. "
                "Off until the next boot; encrypt it or take it out of /etc/fstab for good",
                command("swapoff", path),
            )


def is_encrypted(path: str) -> bool:
    """Whether the file or block device ``path`` is in memory or on an encrypted disk."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    if stat.S_ISBLK(status.st_mode):
        return _device_is_encrypted(status.st_rdev)
    if os.major(status.st_dev):
        return _device_is_encrypted(status.st_dev)
    source = _mount_source(status.st_dev)  # file systems such as Btrfs have no device of their own
    if source in ("tmpfs", "ramfs"):
        return True
    try:
        return _device_is_encrypted(os.stat(source).st_rdev)
    except OSError:
        return False


def _device_is_encrypted(device: int) -> bool:
    directory = _BLOCK / f"{os.major(device)}:{os.minor(device)}"
    if not directory.exists():
        return False
    name = directory.resolve().name
    if name.startswith(("zram", "ram")):
        return True
    try:
        if (directory / "dm/uuid").read_text().startswith("CRYPT-"):
            return True
    except OSError:
        pass
    below = directory / "slaves"
    slaves = list(below.iterdir()) if below.is_dir() else []
    if slaves:
        return all(_by_name(slave) for slave in slaves)
    if (directory / "partition").exists():  # a partition of an encrypted whole
        return _by_name(directory.resolve().parent)
    return False


def _by_name(directory: Path) -> bool:
    try:
        major, minor = (directory / "dev").read_text().strip().split(":")
    except (OSError, ValueError):
        return False
    return _device_is_encrypted(os.makedev(int(major), int(minor)))


def _mount_source(device: int) -> str:
    """What is mounted from the device number, as in the kernel's mount table (proc(5))."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in MOUNTS.read_text().splitlines():
        fields = line.split()
        if fields[2] == number:
            kind, source = fields[fields.index("-") + 1 :][:2]
            return kind if kind in ("tmpfs", "ramfs") else _unescaped(source)
    return ""


def _unescaped(text: str) -> str:
    """``text`` without the kernel's octal escapes of blanks."""
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")

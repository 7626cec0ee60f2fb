# SPDX-License-Identifier: MIT
"""A disk in the virtual machine that stops to write, to read or to answer when it is told to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.machines.machine import Machine

PATH = "/dev/mapper/disk"
WORKS = "linear {device} 0"
REFUSES_WRITES = "flakey {device} 0 0 1 1 error_writes"
DEAD = "error"
_IMAGE = "/var/disk"
_SECTORS = 32768
# as a fault comes: nothing that waits to be written is written first
_TURN = """\
dmsetup suspend --noflush --nolockfs disk
dmsetup load disk --table "$0"
dmsetup resume disk
"""


@dataclass(frozen=True)
class Disk:
    """A device of the device mapper at PATH, with an empty ext4 on it."""

    machine: Machine
    device: str  # what lies below

    def turning(self, target: str) -> list[str]:
        """The command that makes it behave as `target` from now on."""
        table = f"0 {_SECTORS} {target.format(device=self.device)}"
        return ["/bin/sh", "-ec", _TURN, table]

    def turn(self, target: str) -> None:
        """Makes it behave as `target` from now on."""
        self.machine.run(self.turning(target), check=True)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Takes what is asked of it and does not answer, until this ends."""
        self.machine.run(["/usr/sbin/dmsetup", "suspend", "--nolockfs", "disk"], check=True)
        try:
            yield
        finally:
            self.machine.run(["/usr/sbin/dmsetup", "resume", "disk"], check=True)

    def mount_anew(self, place: str) -> None:
        """Nothing of it is in the kernel's cache after that."""
        self.machine.run(["/usr/bin/umount", place], check=True)
        self.machine.run(["/usr/bin/mount", PATH, place], check=True)


@contextlib.contextmanager
def plugged_in(machine: Machine) -> Iterator[Disk]:
    """A disk that works; has to be unmounted in the end."""
    machine.run(["/usr/bin/truncate", "--size", str(_SECTORS * 512), _IMAGE], check=True)
    losetup = ["/usr/sbin/losetup", "--find", "--show", _IMAGE]
    disk = Disk(machine, machine.run(losetup, check=True).stdout.strip())
    table = f"0 {_SECTORS} {WORKS.format(device=disk.device)}"
    machine.run(["/usr/sbin/dmsetup", "create", "disk", "--table", table], check=True)
    machine.run(["/usr/sbin/mke2fs", "-q", "-t", "ext4", PATH], check=True)
    try:
        yield disk
    finally:
        machine.run(["/usr/sbin/dmsetup", "remove", "disk"], check=True)
        machine.run(["/usr/sbin/losetup", "--detach", disk.device], check=True)
        machine.run(["/usr/bin/rm", _IMAGE], check=True)

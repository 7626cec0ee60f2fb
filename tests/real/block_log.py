# SPDX-License-Identifier: MIT
"""A disk whose writes and flushes are logged, and what a power cut may leave of it.

qemu-storage-daemon(1) exports a file over FUSE through its ``blklogwrites`` driver, whose log has
the format of the kernel's dm-log-writes; a loop device makes a disk of it. A disk may keep what
is written to it in a cache of its own until it is told to flush it, in any order, some of it never.
"""

from __future__ import annotations

import hashlib
import random
import signal
import struct
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DAEMON: Final = "/usr/bin/qemu-storage-daemon"
_START_SECONDS: Final = 60
# dm-log-writes: the superblock and each entry fill a sector; see the kernel's admin-guide
_SECTOR: Final = 512
_MAGIC: Final = 0x6A736677736872
_ENTRY: Final = struct.Struct("<QQQQ")
_FLUSH: Final = 1
_DISCARD: Final = 4
_PIECE: Final = 4096  # what a disk writes whole or not at all


@dataclass(frozen=True)
class Write:
    """What was written where, in bytes."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class State:
    """What a power cut leaves: the ``writes`` that reached the disk, in order.

    The first ``flushed`` operations of the log reached it for certain.
    """

    label: str
    writes: Sequence[Write]
    flushed: int

    def contents(self) -> bytes:
        """A digest of what the disk holds then: the same for states that do not differ."""
        sectors = {}
        for write in self.writes:
            for begin in range(0, len(write.data), _SECTOR):
                sectors[write.offset + begin] = write.data[begin : begin + _SECTOR]
        whole = hashlib.sha256()
        for offset, data in sorted(sectors.items()):
            whole.update(offset.to_bytes(8, "little") + data)
        return whole.digest()


@dataclass(frozen=True)
class Log:
    """Every write and flush (None) of a disk, in order."""

    operations: Sequence[Write | None]

    def states(self, most: int, seed: int = 7) -> list[State]:
        """What a cut may leave: each prefix, and subsets of what was not flushed; ``most`` of them.

        Those around each flush come first; the others are drawn, the same ones each time.
        """
        draw = random.Random(seed)  # noqa: S311 # the same states each time
        flushes = [n for n, operation in enumerate(self.operations) if operation is None]
        edges = [0, *(n + 1 for n in flushes), len(self.operations)]
        wanted = [self._prefix(n) for n in dict.fromkeys(edges)]
        others = [self._prefix(n) for n in range(len(self.operations)) if n not in edges]
        for begin, end in pairwise(edges):
            pieces = [piece for write in self.operations[begin:end] for piece in _pieces(write)]
            if len(pieces) < 2:
                continue
            kept = self._prefix(begin).writes
            wanted.append(_subset(begin, end, kept, pieces, draw, 0.5))
            others += [_subset(begin, end, kept, pieces, draw, draw.random()) for _ in range(8)]
        draw.shuffle(others)
        draw.shuffle(wanted)
        return (wanted + others)[:most]

    def flushed_before(self, position: int) -> int:
        """How many operations of the first ``position`` ones were flushed for certain."""
        flushes = [n for n, operation in enumerate(self.operations[:position]) if operation is None]
        return flushes[-1] + 1 if flushes else 0

    def _prefix(self, end: int) -> State:
        kept = [operation for operation in self.operations[:end] if operation]
        return State(f"the first {end}", kept, self.flushed_before(end))


def _pieces(write: Write | None) -> Iterator[Write]:
    if write:
        for begin in range(0, len(write.data), _PIECE):
            yield Write(write.offset + begin, write.data[begin : begin + _PIECE])


def _subset(
    begin: int,
    end: int,
    kept: Sequence[Write],
    pieces: Sequence[Write],
    draw: random.Random,
    share: float,
) -> State:
    some = [piece for piece in pieces if draw.random() < share]
    label = f"the first {begin} and {len(some)} of {len(pieces)} pieces up to {end}"
    return State(label, [*kept, *some], begin)


@dataclass(frozen=True)
class LoggedDisk:
    """``device`` is the file to mount with a loop device."""

    device: Path
    log: Path

    def position(self) -> int:
        """How many operations the log has by now."""
        return len(read(self.log).operations)


@contextmanager
def logged(disk: Path, scratch: Path) -> Iterator[LoggedDisk]:
    """Serves the image ``disk`` as a LoggedDisk, which must be unmounted in the end."""
    device, log = scratch / "device", scratch / "log"
    device.touch()
    log.write_bytes(b"")
    size = disk.stat().st_size
    daemon = subprocess.Popen(
        [
            "/usr/bin/setpriv", "--pdeathsig=KILL", "--", _DAEMON,
            f"--blockdev=driver=file,node-name=disk,filename={disk}",
            f"--blockdev=driver=file,node-name=log,filename={log}",
            "--blockdev=driver=blklogwrites,node-name=logged,file=disk,log=log",
            f"--export=type=fuse,id=export,node-name=logged,mountpoint={device},writable=on",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while device.stat().st_size != size:  # until then it is the file below
            assert daemon.poll() is None, f"{_DAEMON} ended with {daemon.returncode}"
            assert time.monotonic() < deadline, f"{_DAEMON} serves nothing"
            time.sleep(0.01)
        yield LoggedDisk(device, log)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)


def read(log: Path) -> Log:
    """The log of qemu's ``blklogwrites``, with sectors of 512 bytes."""
    data = memoryview(log.read_bytes())
    if not data:
        return Log([])
    assert int.from_bytes(data[:8], "little") in {_MAGIC, 0}  # written last, by a flush
    operations: list[Write | None] = []
    at = _SECTOR
    while at + _SECTOR <= len(data):
        sector, count, flags, _ = _ENTRY.unpack_from(data, at)
        at += _SECTOR
        size = count * _SECTOR
        if flags & _DISCARD:
            operations.append(Write(sector * _SECTOR, bytes(size)))
        elif count:
            operations.append(Write(sector * _SECTOR, bytes(data[at : at + size])))
            at += size
        if flags & _FLUSH:
            operations.append(None)
    return Log(operations)

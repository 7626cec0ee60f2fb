# SPDX-License-Identifier: MIT
"""Every object of a repository, reachable or not, packed or loose, as Git delivers it.

A first reading runs over the whole output of `git cat-file --batch-all-objects` in large buffers
across objects and only notes which objects hold a probe; those few are then read one by one.
"""

import os
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from credhelper.commands.leaks.compressed import MAGIC
from credhelper.commands.leaks.matching import Matcher
from credhelper.commands.leaks.repository import PIPE, Git, Repository, finished, git, set_pipe_size

OVERLAP = 256  # bytes: a header line or a probe that lies across two buffers
BUFFER = 256 << 10
PAUSE = 0.0005  # seconds: let Git fill the pipe and not wake this process for every write
RESTARTS = 100  # damaged objects that are stepped over

HEADER = re.compile(rb"([0-9a-f]{40,64}) (\w+)(?: (\d{1,18}))?")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """An object: id in hexadecimal, type as Git calls it."""

    oid: str
    type: str


@dataclass(slots=True)
class Survey:
    """What the first reading noted. unread says what could not be read."""

    suspects: dict[str, str] = field(default_factory=dict)
    archives: list[str] = field(default_factory=list)
    objects: int = 0
    size: int = 0
    unread: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """Where a reading of Git's output is: the header that comes next, the object before it."""

    next_header: int = OVERLAP
    current: Found | None = None
    last: str = ""
    complete: bool = True


def survey(repository: Repository, matcher: Matcher, progress: Progress) -> Survey:
    """Read all objects once. Damaged ones are noted and stepped over."""
    result = Survey()
    with git(
        repository, "cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch"
    ) as running:
        reading = _read(running, matcher, result, progress)
        damaged = finished(running) != 0 or not reading.complete
    if not damaged:
        result.unread.extend(running.problems)
        return result
    return _careful(repository, matcher, progress)


def contents(
    repository: Repository, oids: list[str], unread: list[str]
) -> Iterator[tuple[Found, Iterator[bytes]]]:
    """Each object with its content in pieces; the ids of those that Git cannot read to unread."""
    rest = oids
    while rest:
        lines = "".join(f"{oid}\n" for oid in rest).encode()
        with git(repository, "cat-file", "--buffer", "--batch", lines=lines) as running:
            done = 0
            for oid in rest:
                header = running.output.readline().split()
                if len(header) != 3:
                    if header:
                        done += 1
                        unread.append(_unreadable(oid))
                        continue
                    break
                left = [int(header[2])]
                pieces = _pieces(running, left)
                yield Found(oid, header[1].decode()), pieces
                for _ in pieces:
                    pass
                if left[0] or not running.output.read(1):
                    break
                done += 1
        if done < len(rest):
            unread.append(_unreadable(rest[done]))
        rest = rest[done + 1 :]


def _unreadable(oid: str) -> str:
    return f"object {oid} cannot be read: git fsck tells more"


def _pieces(running: Git, left: list[int]) -> Iterator[bytes]:
    while left[0]:
        piece = running.output.read(min(left[0], PIPE))
        if not piece:
            return
        left[0] -= len(piece)
        yield piece


def _read(running: Git, matcher: Matcher, result: Survey, progress: Progress) -> _Reading:
    """Run the search over Git's output, up to its end."""
    descriptor = running.output.fileno()
    set_pipe_size(descriptor)
    buffer = bytearray(OVERLAP + BUFFER)
    view = memoryview(buffer)
    reading = _Reading()
    at_end = False
    while not at_end:
        filled = OVERLAP
        while filled < len(buffer):
            count = os.readv(descriptor, [view[filled:]])
            if not count:
                at_end = True
                break
            filled += count
            if count < PIPE // 8 and filled < len(buffer):
                time.sleep(PAUSE)
        before = reading.current
        starts, found = _headers(buffer, filled, reading, result, at_end)
        result.size += filled - OVERLAP
        block = buffer if filled == len(buffer) else buffer[:filled]
        for position, *_ in matcher.probes.places(block):
            holder = [before, *found][bisect_right(starts, position)]
            if holder:
                result.suspects[holder.oid] = holder.type
        reading.next_header -= filled - OVERLAP
        view[:OVERLAP] = view[filled - OVERLAP : filled]
        progress(result.objects, result.size)
    reading.complete = reading.next_header == OVERLAP
    view.release()
    return reading


def _headers(
    buffer: bytearray, filled: int, reading: _Reading, result: Survey, at_end: bool
) -> tuple[list[int], list[Found]]:
    """The objects that begin in the buffer: where their content starts, and which they are."""
    starts, found = [], []
    while 0 <= reading.next_header < filled:
        line_end = buffer.find(b"\n", reading.next_header, filled)
        if line_end < 0 or (line_end + len(MAGIC) >= filled and not at_end):
            break
        header = HEADER.fullmatch(buffer, reading.next_header, line_end)
        if header is None:
            break
        oid, kind, size = header.groups()
        reading.next_header = line_end + 1
        if kind == b"missing":
            result.unread.append(_unreadable(oid.decode()))
            continue
        reading.last = oid.decode()
        reading.current = Found(reading.last, kind.decode())
        starts.append(line_end + 1)
        found.append(reading.current)
        result.objects += 1
        if kind == b"blob" and buffer.startswith(MAGIC, line_end + 1):
            result.archives.append(reading.last)
        reading.next_header += int(size) + 1
    return starts, found


def _careful(repository: Repository, matcher: Matcher, progress: Progress) -> Survey:
    """Read the objects in a known order, so that reading can go on after one that is damaged."""
    result = Survey()
    with git(
        repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    ) as listing:
        oids = [line.split()[0].decode() for line in listing.output if line.strip()]
    if not oids:
        result.unread += listing.problems or ["Git cannot read it"]
    restarts = 0
    while oids and restarts < RESTARTS:
        restarts += 1
        lines = "".join(f"{oid}\n" for oid in oids).encode()
        with git(repository, "cat-file", "--buffer", "--batch", lines=lines) as running:
            reading = _read(running, matcher, result, progress)
            good = finished(running) == 0 and reading.complete
        if good:
            return result
        # Git ends at an object that it cannot read, before or after its header
        done = oids.index(reading.last) if reading.last in oids else -1
        if reading.complete:
            done += 1
        result.unread.append(_unreadable(oids[min(done, len(oids) - 1)]))
        oids = oids[done + 1 :]
    if oids:
        result.unread.append(f"{len(oids):,} objects were not read: too many are damaged")
    return result

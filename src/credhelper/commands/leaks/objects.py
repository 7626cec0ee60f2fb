# SPDX-License-Identifier: MIT
"""Every object of a repository, reachable or not, packed or loose, as Git delivers it.

One reading runs over the whole output of `git cat-file --batch-all-objects` in large buffers
across objects and notes which objects hold a whole value, not merely a part of one: those are read
again, one by one, and their owner, who can watch which are, learns no more than he had.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.git import PIPE, STALLED, TOO_LARGE, Git, enlarge_pipe, git
from credhelper.commands.leaks.repository import size_on_disk
from credhelper.commands.leaks.unpack import HEAD, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from credhelper.commands.leaks.matching import Matcher
    from credhelper.commands.leaks.repository import Repository

    Progress = Callable[[int, int], None]

BUFFER: Final = 256 << 10
BEGINNING: Final = 128 + HEAD  # bytes of a line that tells an object, and its beginning
PAUSE: Final = 0.0005  # seconds: let Git fill the pipe and not wake this process for every write
RESTARTS: Final = 100  # damaged objects that are stepped over
# A pack of a few kilobytes can be made to expand without end; honest histories stay far below.
EXPANDED: Final = 8 << 30  # bytes that any repository may expand to
EXPANSION: Final = 1000  # times its size on the disk that a larger one may

_HEADER: Final = re.compile(rb"([0-9a-f]{40,64}) (\w+)(?: (\d{1,18}))?")


@dataclass(frozen=True, slots=True)
class Found:
    """An object: id in hexadecimal, type as Git calls it."""

    oid: str
    type: str


@dataclass(slots=True)
class Survey:
    """What the reading noted: objects with a value, archives. unread: what could not be read.

    raw_commits has the ids of all commits, reachable or not, one after the other, as bytes.
    """

    holders: dict[str, str] = field(default_factory=dict)
    raw_commits: bytearray = field(default_factory=bytearray, repr=False)
    id_length: int = 20
    archives: dict[str, None] = field(default_factory=dict)
    objects: int = 0
    size: int = 0
    unread: list[str] = field(default_factory=list)

    def commits(self) -> list[str]:
        """The ids of all commits."""
        raw, length = self.raw_commits, self.id_length
        return [raw[start : start + length].hex() for start in range(0, len(raw), length)]


def survey(repository: Repository, matcher: Matcher, progress: Progress) -> Survey:
    """Read all objects once. Damaged ones are noted and stepped over."""
    result = Survey()
    most = max(EXPANDED, EXPANSION * size_on_disk(repository.common))
    arguments = ("--batch-all-objects", "--unordered", "--buffer", "--batch")
    with git(repository, "cat-file", *arguments) as running:
        reading = _Reading(running, matcher, result, progress, most)
        reading.run()
        status = running.status() if reading.complete else 1
    if status == 0 or reading.too_much:
        result.unread.extend(running.problems)
        return result
    return _careful(repository, matcher, progress, most)


def contents(
    repository: Repository, oids: list[str], unread: list[str]
) -> Iterator[tuple[Found, Iterator[bytes]]]:
    """Each object with its content in pieces; the ids of those that Git cannot read to unread."""
    rest = oids
    while rest and repository.patience.left > 0:
        lines = "".join(f"{oid}\n" for oid in rest).encode()
        with git(repository, "cat-file", "--batch", lines=lines) as running:
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
            unread.append(_unreadable(rest[done], running))
        rest = rest[done + 1 :]
    if rest:
        unread.append(f"{len(rest):,} objects were not read: {STALLED}")


def _unreadable(oid: str, running: Git | None = None) -> str:
    for reason in (TOO_LARGE, STALLED):
        if running and reason in running.problems:
            return f"object {oid} cannot be read: {reason}"
    return f"object {oid} cannot be read: git fsck tells more"


def _pieces(running: Git, left: list[int]) -> Iterator[bytes]:
    while left[0]:
        piece = running.output.read(min(left[0], PIPE))
        if not piece:
            return
        left[0] -= len(piece)
        yield piece


class _Reading:
    """The search of Git's output, object after object, in one buffer.

    The end of a buffer, as long as what can hold a value, is searched with the next one. Header
    lines lie between objects: no value spans them.
    """

    def __init__(
        self, running: Git, matcher: Matcher, result: Survey, progress: Progress, most: int
    ) -> None:
        self._descriptor = running.output.fileno()
        self._matcher = matcher
        self._result = result
        self._progress = progress
        self._most = most
        self._overlap = max(matcher.overlap, BEGINNING)
        self._buffer = bytearray(self._overlap + max(BUFFER, self._overlap))
        self._next_header = self._overlap
        self._starts: list[int] = []  # of the contents in the buffer
        self._found: list[tuple[bytes, bytes]] = []  # the object of each: id and type
        self._last = b""
        self.complete = False
        self.too_much = False

    @property
    def last(self) -> str:
        """The id of the last object that Git began."""
        return self._last.decode()

    def run(self) -> None:
        """Read to the end of the output, or to where it is too much."""
        enlarge_pipe(self._descriptor)
        begun = self._overlap  # where what was not searched yet begins
        at_end = False
        with memoryview(self._buffer) as view:
            while not at_end:
                filled, at_end = self._fill(view)
                self._headers(filled, at_end)
                safe = filled if at_end else filled - self._overlap
                self._note(begun, safe, filled)
                self._result.size += filled - self._overlap
                moved = filled - self._overlap
                view[: self._overlap] = view[moved:filled]
                begun = safe - moved
                self._forget(moved)
                self._progress(self._result.objects, self._result.size)
                if self._result.size > self._most:
                    self.too_much = True
                    self._result.unread.append(
                        f"its objects expand to more than {self._most >> 30} GB: "
                        "the others were not read"
                    )
                    return
        self.complete = self._next_header == self._overlap

    def _fill(self, view: memoryview) -> tuple[int, bool]:
        """Read until the buffer is full; where what was read ends, and whether that was all."""
        filled = self._overlap
        while filled < len(view):
            count = os.readv(self._descriptor, [view[filled:]])
            if not count:
                return filled, True
            filled += count
            if count < PIPE // 8 and filled < len(view):
                time.sleep(PAUSE)
        return filled, False

    def _headers(self, filled: int, at_end: bool) -> None:
        """Note the objects that begin in the buffer: where their content starts."""
        buffer, result, place = self._buffer, self._result, self._next_header
        while 0 <= place < filled:
            line_end = buffer.find(b"\n", place, filled)
            if line_end < 0 or (line_end + HEAD >= filled and not at_end):
                break
            header = _HEADER.fullmatch(buffer, place, line_end)
            if header is None:
                break
            oid, kind, size = header.groups()
            place = line_end + 1
            if kind == b"missing":
                result.unread.append(_unreadable(oid.decode()))
                continue
            self._last = oid
            self._starts.append(place)
            self._found.append((oid, kind))
            result.objects += 1
            length = int(size)
            if kind == b"blob":
                if kind_of(buffer[place : place + min(HEAD, length)]):
                    result.archives[oid.decode()] = None
            elif kind == b"commit":
                result.id_length = len(oid) // 2
                result.raw_commits += bytes.fromhex(oid.decode())
            place += length + 1
        self._next_header = place

    def _note(self, begun: int, safe: int, filled: int) -> None:
        """Note the objects with a value, or an archive in base64, from buffer[begun:safe] on."""
        whole = filled == len(self._buffer)
        packed: list[int] = []
        for span in self._matcher.spans(self._buffer if whole else self._buffer[:filled], packed):
            if begun <= span.start < safe and (found := self._at(span.start)):
                self._result.holders[found.oid] = found.type
        for place in packed:
            found = self._at(place) if begun <= place < safe else None
            if found and found.type == "blob":
                self._result.archives[found.oid] = None

    def _at(self, place: int) -> Found | None:
        """The object that has its content at a place in the buffer."""
        index = bisect_right(self._starts, place) - 1
        return Found(*map(bytes.decode, self._found[index])) if index >= 0 else None

    def _forget(self, moved: int) -> None:
        """Go on with what is left in the buffer once its beginning has moved out."""
        self._next_header -= moved
        keep = max(0, bisect_right(self._starts, moved) - 1)
        self._starts = [start - moved for start in self._starts[keep:]]
        self._found = self._found[keep:]


def _careful(repository: Repository, matcher: Matcher, progress: Progress, most: int) -> Survey:
    """Read the objects in a known order, so that reading can go on after one that is damaged.

    Without --buffer: all that comes before that one has been delivered.
    """
    result = Survey()
    with git(
        repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    ) as listing:
        oids = [line.split()[0].decode() for line in listing.output if line.strip()]
    if not oids:
        result.unread += listing.problems or ["Git cannot read it"]
    restarts = 0
    while oids and restarts < RESTARTS and repository.patience.left > 0:
        restarts += 1
        lines = "".join(f"{oid}\n" for oid in oids).encode()
        with git(repository, "cat-file", "--batch", lines=lines) as running:
            reading = _Reading(running, matcher, result, progress, most)
            reading.run()
            status = running.status() if reading.complete else 1
        if status == 0 or reading.too_much:
            return result
        # Git ends at an object that it cannot read, before or after its header
        done = oids.index(reading.last) if reading.last in oids else -1
        if reading.complete:
            done += 1
        result.unread.append(_unreadable(oids[min(done, len(oids) - 1)], running))
        oids = oids[done + 1 :]
    if oids:
        reason = STALLED if repository.patience.left <= 0 else "too many are damaged"
        result.unread.append(f"{len(oids):,} objects were not read: {reason}")
    return result

# SPDX-License-Identifier: MIT
"""The search of what ``git cat-file --batch`` writes, of several of them side by side."""

from __future__ import annotations

import os
import re
import select
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.git import PIPE, Git, enlarge_pipe
from credhelper.commands.leaks.objects import Found, unreadable
from credhelper.commands.leaks.unpack import HEAD, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credhelper.commands.leaks.matching import Matcher
    from credhelper.commands.leaks.objects import Survey

    Progress = Callable[[int, int], None]

BUFFER: Final = 256 << 10
BEGINNING: Final = 128 + HEAD  # bytes of a line that tells an object, and its beginning
PAUSE: Final = 0.0005  # seconds: let Git fill the pipe and not wake this process for every write

_HEADER: Final = re.compile(rb"([0-9a-f]{40,64}) (\w+)(?: (\d{1,18}))?")


class Reading:
    """The search of one Git's output, object after object, in one buffer.

    The end of a buffer, as long as what can hold a value, is searched with the next one. Header
    lines lie between objects: no value spans them.
    """

    def __init__(self, running: Git, matcher: Matcher, result: Survey) -> None:
        self.descriptor = running.output.fileno()
        enlarge_pipe(self.descriptor)
        self._matcher = matcher
        self._result = result
        self._overlap = max(matcher.overlap, BEGINNING)
        self._buffer = bytearray(self._overlap + max(BUFFER, self._overlap))
        self._view = memoryview(self._buffer)
        self._filled = self._overlap
        self._begun = self._overlap  # where what was not searched yet begins
        self._next_header = self._overlap
        self._starts: list[int] = []  # of the contents in the buffer
        self._found: list[tuple[bytes, bytes]] = []  # the object of each: id and type
        self._last = b""
        self.complete = False

    @property
    def last(self) -> str:
        """The id of the last object that Git began."""
        return self._last.decode()

    def take(self) -> int:
        """Read what is there, and search once the buffer is full; 0 is the end of the output."""
        count = os.readv(self.descriptor, [self._view[self._filled :]])
        self._filled += count
        if not count or self._filled == len(self._buffer):
            self._search(at_end=not count)
        return count

    def _search(self, *, at_end: bool) -> None:
        filled = self._filled
        self._headers(filled, at_end)
        safe = filled if at_end else filled - self._overlap
        self._note(self._begun, safe, filled)
        self._result.size += filled - self._overlap
        moved = filled - self._overlap
        self._view[: self._overlap] = self._view[moved:filled]
        self._filled, self._begun = self._overlap, safe - moved
        self._forget(moved)
        self.complete = at_end and self._next_header == self._overlap

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
                result.unread.append(unreadable(oid.decode()))
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


def read(readings: Iterable[Reading], result: Survey, progress: Progress, most: int) -> bool:
    """Read to the end of each output; False where they expand to more than so many bytes."""
    pending = {reading.descriptor: reading for reading in readings}
    while pending:
        largest = 0
        for descriptor in select.select(list(pending), [], [])[0]:
            count = pending[descriptor].take()
            largest = max(largest, count)
            if not count:
                del pending[descriptor]
        progress(result.objects, result.size)
        if result.size > most:
            result.unread.append(
                f"its objects expand to more than {most >> 30} GB: the others were not read"
            )
            return False
        if largest < PIPE // 8:
            time.sleep(PAUSE)
    return True

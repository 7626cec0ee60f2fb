# SPDX-License-Identifier: MIT
"""Reading pieces of a stream by size, and what may come out of all archives of a search."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STEP: Final = 1 << 18  # bytes of a piece, at most


class Unreadable(Exception):
    """What is being unpacked is damaged, cut off, encrypted or of an unknown kind. Says which."""


class Exhausted(Exception):
    """The allowance is spent: nothing more is unpacked in this search."""


MOST_BYTES: Final = 4 << 30  # that come out beyond those that archives of their size hold
BYTES_EACH: Final = 100  # for each byte of an archive
MOST_SECONDS: Final = 40.0
SECONDS_EACH: Final = 1e-6  # for each byte
SHARE: Final = 4  # one archive may take so much of what is left: a fourth


@dataclass(slots=True)
class Allowance:
    """How much may come out of archives, and how long that may take, for a whole search.

    It grows with what is read, so that real archives stay within it however many there are, and a
    bomb, a thousand times as large as its file, does not. No bomb takes all of it.
    """

    bytes_left: float = field(default_factory=lambda: float(MOST_BYTES))
    seconds_left: float = field(default_factory=lambda: MOST_SECONDS)
    produced: int = 0  # bytes of the archive under way, at all levels
    consumed: int = 0  # bytes of it, as it is on the disk or in Git
    started: float = 0.0

    def begin(self) -> None:
        """Another archive."""
        self.produced = self.consumed = 0
        self.started = time.monotonic()

    def check(self) -> None:
        """Raises Exhausted."""
        if self._bytes() > self.bytes_left / SHARE or self._seconds() > self.seconds_left / SHARE:
            raise Exhausted

    def end(self) -> None:
        """The archive is done with."""
        self.bytes_left -= max(0.0, self._bytes())
        self.seconds_left -= max(0.0, self._seconds())

    def _bytes(self) -> float:
        return self.produced - BYTES_EACH * self.consumed

    def _seconds(self) -> float:
        return time.monotonic() - self.started - SECONDS_EACH * self.consumed


class Reader:
    """Pieces of bytes, read by size."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end; they stay."""
        parts = [self._rest]
        have = len(self._rest)
        while have < size and (piece := next(self._pieces, b"")):
            parts.append(piece)
            have += len(piece)
        self._rest = b"".join(parts) if len(parts) > 1 else self._rest
        return self._rest[:size]

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        result = self.peek(size)
        self._rest = self._rest[len(result) :]
        return result

    def exactly(self, size: int, what: str) -> bytes:
        """The next ``size`` bytes. Raises Unreadable at the end of what."""
        result = self.read(size)
        if len(result) < size:
            raise Unreadable(f"{what} is cut off")
        return result

    def some(self) -> bytes:
        """The next piece, empty at the end."""
        result, self._rest = self._rest or next(self._pieces, b""), b""
        return result

    def put_back(self, data: bytes) -> None:
        """Data that was read comes next again."""
        self._rest = data + self._rest

    def limited(self, size: int, what: str) -> Iterator[bytes]:
        """The next ``size`` bytes in pieces. Raises Unreadable where what ends before."""
        left = size
        while left:
            piece = self.some()
            if not piece:
                raise Unreadable(f"{what} is cut off")
            if len(piece) > left:
                self.put_back(piece[left:])
                piece = piece[:left]
            left -= len(piece)
            yield piece

    def skip(self, size: int, what: str) -> None:
        """Goes over the next ``size`` bytes; raises as :meth:`limited` does."""
        for _ in self.limited(size, what):
            pass

    def rest(self) -> Iterator[bytes]:
        """What is left, in pieces."""
        while piece := self.some():
            yield piece

    def skip_to(self, mark: bytes) -> bool:
        """Goes to where mark begins; False, at the end, where it does not come."""
        before = b""
        while piece := self.some():
            data = before + piece
            place = data.find(mark)
            if place >= 0:
                self.put_back(data[place:])
                return True
            before = data[max(0, len(data) - len(mark) + 1) :]
        return False

# SPDX-License-Identifier: MIT
"""Finding any of many strings of bytes in a block, where it seldom holds one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

_WORD: Final = 4  # bytes
_STRIDES: Final = (4, 8, 16, 32, 64)
_STUB: Final = 7  # bytes; a beginning of fewer is looked up as it is
# rare ones first; in a block that lacks the rarest byte of a string it need not be looked for
_BY_FREQUENCY: Final = (
    b"QXZJKYVWHBUGMLPjzqFDCxkNRSAOTIE^~`|$!@&*%+;?#<>{}\\vwybfghpumcdlnrsoiate"
    b"'()[]+_\",:=-/.9876543210 \t\r\n"
)


class Needles:
    """The strings to look for, arranged so that a block without any costs little.

    Short ones are looked for one by one. Of the others, each occurrence covers one of the words
    that stand at every so many bytes of the block: one set tells whether any of those is theirs,
    at a cost that does not grow with their number.
    """

    def __init__(self, needles: Iterable[bytes]) -> None:
        ordered = sorted(needles, key=len)
        stride = _stride([len(needle) for needle in ordered])
        reach = stride + _WORD - 1
        self._single = [needle for needle in ordered if not stride or len(needle) < reach]
        # in every single one is one of these, which are filed by the rarest of their bytes
        self._telling: dict[int, list[bytes]] = {}
        for needle in self._single:
            if not any(telling in needle for some in self._telling.values() for telling in some):
                self._telling.setdefault(_rarest(needle), []).append(needle)
        sampled = ordered[len(self._single) :]
        self._rarest = {_rarest(needle) for needle in sampled}
        # the end of a value tells more than its beginning: https://, sk_live_
        self._sampled = _Words([(needle, len(needle) - reach) for needle in sampled], stride)
        self._opening = _Words([(needle, 0) for needle in ordered if len(needle) > _STUB], _WORD)
        self._stubs = {
            needle[:size] for needle in ordered for size in range(1, min(_STUB, len(needle)))
        }
        self._within = set[int]().union(*(needle[:-1] for needle in ordered))
        self._longest = len(ordered[-1]) if ordered else 0

    def matches(self, block: bytes) -> Matches:
        """What of the needles is in ``block``."""
        single: Iterable[bytes] = ()
        if any(
            rarest in block and any(needle in block for needle in needles)
            for rarest, needles in self._telling.items()
        ):
            single = self._single
        sampled = []
        if any(rarest in block for rarest in self._rarest):
            for start, needle in self._sampled.near(block, 0):
                if start >= 0 and block.startswith(needle, start):
                    sampled.append((start, needle))
        return Matches(block, single, sampled)

    def hold(self, block: bytes, done: int) -> int:
        """Where the longest end of ``block`` starts, from ``done`` on, that begins a needle."""
        size = len(block)
        if done == size or block[-1] not in self._within:
            return size
        low = max(done, size - self._longest + 1)
        best = size
        for start, needle in self._opening.near(block, low):
            if start >= best + _WORD:
                break  # candidates come in order, but for those of one word
            if not low <= start < best or size - start >= len(needle):
                continue
            if needle.startswith(block[start:]):
                best = start
        if best < size:
            return best
        for start in range(max(low, size - _STUB + 1), size):
            if block[start:] in self._stubs:
                return start
        return size


class Matches:
    """Needles found in a block."""

    __slots__ = ("_block", "_sampled", "_single")

    def __init__(
        self, block: bytes, single: Iterable[bytes], sampled: list[tuple[int, bytes]]
    ) -> None:
        self._block = block
        self._single = dict.fromkeys(single, -1)  # where each one is next
        self._sampled = sorted(sampled, key=lambda match: (-match[0], len(match[1])))

    def first(self, done: int) -> tuple[int, bytes] | None:
        """Where the leftmost needle from ``done`` on starts, and which: the longest there is."""
        best = None
        while self._sampled and self._sampled[-1][0] < done:
            self._sampled.pop()
        if self._sampled:
            best = self._sampled[-1]
        for needle, start in tuple(self._single.items()):
            if start < done:
                start = self._block.find(needle, done)
                if start < 0:
                    del self._single[needle]
                    continue
                self._single[needle] = start
            if not best or (start, -len(needle)) < (best[0], -len(best[1])):
                best = (start, needle)
        return best


class _Words:
    """The words at ``count`` successive offsets of each needle, from its given one on."""

    def __init__(self, needles: Sequence[tuple[bytes, int]], count: int) -> None:
        self._needles = needles
        self._count = count
        self._words: set[int] = set()
        for needle, offset in needles:
            view = memoryview(needle)
            for first in range(offset, offset + _WORD):
                self._words.update(view[first : first + count].cast("I"))
        self._places: dict[int, list[tuple[bytes, int]]] = {}

    def near(self, block: bytes, low: int) -> Iterable[tuple[int, bytes]]:
        """Where in ``block[low:]`` a needle may start, and which."""
        size = (len(block) - low) // _WORD * _WORD
        if not self._words or size <= 0:
            return ()
        words = memoryview(block)[low : low + size].cast("I")[:: self._count // _WORD]
        if self._words.isdisjoint(words):
            return ()
        if not self._places:  # most runs never get here
            for needle, first in self._needles:
                for offset in range(first, first + self._count):
                    word = memoryview(needle)[offset : offset + _WORD].cast("I")[0]
                    self._places.setdefault(word, []).append((needle, offset))
        return (
            (low + index * self._count - offset, needle)
            for index, word in enumerate(words)
            for needle, offset in self._places.get(word, ())
        )


def _rarest(needle: bytes) -> int:
    return min(needle, key=_BY_FREQUENCY.find)


def _stride(sizes: list[int]) -> int:
    """At every how many bytes to look at a word, for needles of these ``sizes``; 0 for nowhere."""

    def one_by_one(below: float) -> float:
        return sum(0.5 + 20 / size for size in sizes if size < below)

    # measured, in µs per 8 KiB
    costs = {stride: 200 / stride + one_by_one(stride + _WORD - 1) for stride in _STRIDES}
    costs[0] = one_by_one(float("inf"))
    return min(costs, key=lambda stride: costs[stride])

# SPDX-License-Identifier: MIT
"""Breaks and colours within a value: what a line too long, or a terminal, brings into it.

A *gap* is a line break with all that layouts put around it: ``textwrap`` indents the next line,
``pprint`` closes a quote and opens another (``'...' \\n b'...'``), tables draw their borders
(``... │ \\n │ ...``), mail and YAML end the line with ``=`` or a backslash. Where a line is
broken at a blank of the value, that blank is gone.

    the key is sk_live_4eC39        sk_live_4eC39 then a gap of 5 bytes, then HqLyjWDarjtT:
        HqLyjWDarjtT                the value sk_live_4eC39HqLyjWDarjtT
"""

from __future__ import annotations

from _bisect import bisect_right
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    Pieces = list[tuple[int, int]]  # where the parts of a value are, without the gaps

LEAST: Final = 8  # bytes of a value that stand before its first gap; fewer are not missed
LONGEST: Final = 400  # bytes of a gap: two margins of a wide terminal
_BLANKS: Final = b" \t\r\n"
SIGNS: Final = b" \t\r\n\"'|\\="
_QUOTES: Final = b"\"'"
_BOX: Final = (b"\xe2\x94", b"\xe2\x95")  # the first two bytes of the box drawing characters
LAST: Final = SIGNS + b"b\xe2"  # of a block which may end within a gap
# all bytes of gaps, and more: without them, what is left of a value is the same with and without
SQUEEZED: Final = SIGNS + b"b\xe2" + bytes(range(0x80, 0xC0))


class Uncoloured:
    """A block without the sequences that set colours (SGR in ECMA-48), and where they were.

    A sequence that the end of the block cuts is none of the text, unless the block is the ``last``.
    """

    __slots__ = ("_raw", "_text", "text")

    def __init__(self, block: bytes, last: bool) -> None:
        first, *rest = block[: len(block) if last else _unfinished(block)].split(b"\x1b[")
        pieces, raw, size = [first], len(first), len(first)
        self._text, self._raw = [0], [0]  # from this place on in text, it is from that one in block
        for part in rest:
            end = part.find(b"m")
            if end < 0 or part[:end].strip(b"0123456789;:"):
                plain, sequence = b"\x1b[" + part, 0
            else:
                plain, sequence = part[end + 1 :], end + 3
                self._text.append(size)
                self._raw.append(raw + sequence)
            pieces.append(plain)
            raw += sequence + len(plain)
            size += len(plain)
        self.text = b"".join(pieces)

    def start(self, place: int) -> int:
        """Where in the block the byte is that is at ``place`` of the text."""
        index = bisect_right(self._text, place) - 1
        return self._raw[index] + place - self._text[index]

    def place(self, start: int) -> int:
        """Where in the text the first byte is that is not before ``start`` of the block."""
        index = bisect_right(self._raw, start) - 1
        most = self._text[index + 1] if index + 1 < len(self._text) else len(self.text)
        return min(self._text[index] + start - self._raw[index], most)

    def runs(self, pieces: Pieces) -> Pieces:
        """Where in the block the bytes of those pieces of the text are."""
        runs = []
        for start, end in pieces:
            edges = [start, *dict.fromkeys(at for at in self._text if start < at < end), end]
            for one, other in pairwise(edges):
                runs.append((self.start(one), self.start(other - 1) + 1))
        return runs


def _unfinished(block: bytes) -> int:
    """Where a colour sequence begins that the end of ``block`` cuts; its size where none does."""
    place = block.rfind(b"\x1b", max(0, len(block) - 32))
    rest = block[place:] if place >= 0 else b""
    if rest[:2] in (b"\x1b", b"\x1b[") and not rest[2:].strip(b"0123456789;:"):
        return place
    return len(block)


def squeezed(text: bytes) -> bytes:
    """``text`` without the bytes of gaps, and those that look like them: see ``SQUEEZED``."""
    return text.translate(None, SQUEEZED)


def after(block: bytes, place: int) -> int:
    """Where the gap ends that begins at ``place``; ``place`` where none does."""
    at, broken, limit = place, False, min(len(block), place + LONGEST)
    while at < limit:
        byte = block[at]
        if byte in SIGNS:
            broken = broken or byte == 10
            at += 1
        elif byte == 0xE2 and block[at : at + 2] in _BOX:
            at += 3
        elif byte == 0x62 and at + 1 < limit and block[at + 1] in _QUOTES:  # b'
            at += 1
        else:
            break
    return min(at, len(block)) if broken else place


def before(block: bytes, place: int, *, unfinished: bool = False) -> int:
    """Where the gap begins that ends at ``place``; ``place`` where none does.

    An ``unfinished`` one may still lack its line break.
    """
    at, broken, limit = place, False, max(0, place - LONGEST)
    while at > limit:
        byte = block[at - 1]
        if byte in SIGNS:
            broken = broken or byte == 10
            at -= 1
        elif at >= 3 and block[at - 3 : at - 1] in _BOX:
            at -= 3
        elif byte == 0x62 and at < place and block[at] in _QUOTES:
            at -= 1
        else:
            break
    return at if broken or unfinished else place


def may_end(block: bytes) -> bool:
    """Whether the end of ``block`` may be within a gap."""
    return block[-1:] in LAST or block[-2:-1] == b"\xe2" or block[-3:-1] in _BOX


def ends(block: bytes) -> set[int]:
    """Where a form may be cut by the end of ``block``: there, or before a gap there."""
    found = {len(block), before(block, len(block), unfinished=True)}
    for start in (b"b", b"\xe2", *_BOX):  # which goes on with a quote, or a character's rest
        if block.endswith(start):
            found.add(before(block, len(block) - len(start), unfinished=True))
    return found


def forwards(block: bytes, place: int, form: bytes, index: int) -> Pieces | None:
    """Where ``form[index:]`` is from ``place`` on, with gaps or without; None for nowhere."""
    pieces: Pieces = []
    while True:
        size = common(block[place : place + len(form) - index], form[index:])
        if size:
            pieces.append((place, place + size))
            place, index = place + size, index + size
        if index == len(form):
            return pieces
        end = after(block, place)
        while index < len(form) and form[index] in _BLANKS and end > place:
            index += 1
        rest = form[index : index + 4]
        while end > place and not block.startswith(rest[: max(1, len(block) - end)], end):
            end -= 1  # the form goes on with what looks like a part of the gap
        if end <= place or end == len(block):
            return None
        place = end


def backwards(block: bytes, place: int, form: bytes, index: int) -> tuple[Pieces, int]:
    """Where the end of ``form[:index]`` is before ``place``; how much of its beginning is not.

    What stands before the first gap is not counted where it is short: it may have been written.
    """
    pieces: Pieces = []
    while True:
        size = _common_end(block[max(0, place - index) : place], form[:index])
        if size:
            pieces.append((place - size, place))
            place, index = place - size, index - size
        start = before(block, place) if index else place
        rest = form[:index].rstrip(_BLANKS) if start < place else form[:index]
        if start == place or not start or not rest or block[start - 1] != rest[-1]:
            break
        place, index = start, len(rest)
    pieces.reverse()
    while len(pieces) > 1 and pieces[0][1] - pieces[0][0] < LEAST and index < LEAST:
        index += pieces[0][1] - pieces[0][0]
        del pieces[0]
    return pieces, index


def may_begin(block: bytes, pieces: Pieces, missing: int) -> bool:
    """Whether a form counts that begins with ``pieces``, so many bytes of it ``missing`` before."""
    start = pieces[0][0]
    return not missing or (missing < LEAST and before(block, start) < start)


def around(block: bytes, place: int, form: bytes, offset: int) -> Pieces | None:
    """Where ``form`` is, which has a byte at ``place`` that is at ``offset`` of it; or None."""
    start = place - offset
    if start >= 0 and block.startswith(form, start):
        return [(start, start + len(form))]
    ahead = forwards(block, place, form, offset)
    if not ahead:
        return None
    behind, missing = backwards(block, place, form, offset)
    if behind and behind[-1][1] == place:
        ahead[0] = (behind.pop()[0], ahead[0][1])
    pieces = behind + ahead
    return pieces if may_begin(block, pieces, missing) else None


def common(one: bytes, other: bytes) -> int:
    """The length of the beginning that both share."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _common_end(one: bytes, other: bytes) -> int:
    return common(one[::-1], other[::-1])

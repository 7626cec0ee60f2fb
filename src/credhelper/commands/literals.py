# SPDX-License-Identifier: MIT
"""Which of many literals a block of bytes holds, and where: the one search for values.

Masking looks at every block that a script writes, ``leaks`` at every byte of a history, for twenty
spellings of each of up to some hundred values, in Python, where looking at single bytes is out of
the question. Two observations make it fast.

A block of text lacks some bytes altogether, and asking whether ``Q`` is in 8 KiB takes 0.1 µs. A
literal with a byte that the block lacks is not there. So it is asked for twenty rare bytes, and
for each answer there is a part of the search with the literals that are left: none of a random key
of letters, in most lines of a log. Of the next block, it is enough to ask for the few bytes that
ruled out the others in this one.

What is left is sampled. Of a literal of 11 bytes, ``sk_live_4eC``, take the words of 4 bytes that
begin at 8 successive places, ``sk_l k_li _liv live ive_ ve_4 e_4e _4eC``. However the literal
stands in a block, one of them stands at a multiple of 8:

    block   t h e _ k e y _|i s _ s k _ l i|v e _ 4 e C _ .
    words   ^0              ^8              ^16: "ve_4"

So only those words of the block are looked up, all at once, in one set: ``memoryview.cast`` makes
integers of them, ``set.isdisjoint`` does the rest, and the cost does not grow with the number of
literals. Where a word is found, ``startswith`` tells whether the literal is there. The longer the
literals, the wider the stride: 4 to 64; from 24 on, the words have 8 bytes, which stand nowhere by
chance. Those too short for the best stride are looked for with ``bytes.find`` one by one.

Where only literals of few kinds of bytes are left, as the hexadecimal forms of keys are, it is
mostly enough that no text has so many such bytes in a row: of 80 of them, 8 are among every tenth
byte of a block. To have those translated, and look for 8 in a row, takes 1.9 µs for however many.

A literal that may have breaks within, as a key that was wrapped, is found by a piece: of one with
twice the length, any break leaves a half whole.

What does not work: ``re`` (70 to 130 µs for 8 KiB, against 13 for words at every 16th byte), one
``in`` for each literal (3 to 20 µs each), ``bytes.translate`` of all of it (19 µs).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Final, Literal

    Place = tuple[int, bytes, int]  # what was found: where, of which literal, from which offset on

_WORD: Final = 4  # bytes
_LONG_WORD: Final = 8  # bytes; where there is room for it, it is hardly ever there by chance
_STRIDES: Final = (4, 8, 12, 16, 24, 32, 40, 48, 56, 64)
_FEW: Final = 4  # times as many literals are out of the question: worth to go on from
_LARGE: Final = 2048  # bytes of a block
_WIDE: Final = 24  # from this stride on, the words are long
_PIECE: Final = 19  # bytes between two breaks, at least
_ENOUGH: Final = 1 << 13  # bytes of literals, to tell which bytes they have
_TELLING: Final = 20  # bytes that are asked for
_PARTS: Final = 128  # for so many sets of bytes at most: blocks of one kind lack the same
_ALL: Final = 1 << 17  # literals in all of those together
_KINDS: Final = 32  # of bytes, of which no other text has many in a row
_SAMPLES: Final = 8  # such bytes in a row, at least
_SEVERAL: Final = 4  # literals; fewer are looked for one by one in less time
_SPARSE: Final = 4  # bytes from one sample to the next, at least
# of memoryview.cast()
_FORMATS: Final[dict[int, Literal["I", "Q"]]] = {_WORD: "I", _LONG_WORD: "Q"}
_AT_ONCE: Final = 512  # words: in a large block with one of them, the others are not gone through
# in the order of how rare they are in what programs print
_RARE: Final = b"\0%&\\^`~|$QXZJKYVWHBUGMLPjzqF"


class Literals:
    """Literals arranged for the search. Never shows them."""

    def __init__(self, whole: Iterable[bytes], broken: Iterable[bytes] = ()) -> None:
        self._whole = frozenset(whole)
        self._broken = frozenset(broken)
        every = b"".join((*self._whole, *self._broken))[:_ENOUGH]
        counts = {byte: every.count(byte) for byte in _RARE}
        telling = sorted(filter(counts.get, _RARE), key=lambda byte: -counts[byte])[:_TELLING]
        self._telling = tuple((1 << place, byte) for place, byte in enumerate(telling))
        self._parts: dict[int, _Part] = {}
        # many literals make large parts
        self._most = max(4, min(_PARTS, _ALL // (1 + len(self._whole) + len(self._broken))))
        # a small part that a large block was searched with, and which bytes that must not have
        self._usual: tuple[bytes, _Part] | None = None

    def __repr__(self) -> str:
        return f"Literals({len(self._whole)} whole, {len(self._broken)} broken)"

    def places(self, block: bytes | bytearray) -> list[Place]:
        """Where the literals stand in ``block``, in any order.

        Of each whole one every place, with the offset 0; of each that is longer than 12 bytes and
        may be broken, some pieces of at least 4 bytes wherever no two breaks are within 19 bytes:
        whether the rest is around them, the caller has to see.
        """
        usual = self._usual
        if usual:
            for byte in usual[0]:
                if byte in block:
                    break
            else:
                return usual[1].places(block)
        has = 0
        for bit, byte in self._telling:
            if byte in block:
                has |= bit
        part = self._parts.get(has)
        if part is None:
            part = self._part(has)
        if len(block) > _LARGE and _FEW * len(part.texts) < len(self._whole) + len(self._broken):
            lacks = bytes(byte for bit, byte in self._telling if not bit & has)
            self._usual = (self._enough(lacks, part), part)
        return part.places(block)

    def _enough(self, lacks: bytes, part: _Part) -> bytes:
        """Of the bytes that a block ``lacks``, as many as tell that ``part`` is enough for it."""
        if part.enough is None:
            left = [text for text in (*self._whole, *self._broken) if text not in part.texts]
            enough = bytearray()
            while left:  # the byte that most have: fewer are to be asked for in each block
                most = max(lacks, key=lambda byte: sum(byte in text for text in left))
                enough.append(most)
                left = [text for text in left if most not in text]
            part.enough = bytes(enough)
        return part.enough

    def _part(self, has: int) -> _Part:
        """The search for what can be in a block with those of the telling bytes alone."""
        if len(self._parts) >= self._most:
            has = (1 << len(self._telling)) - 1
            if has in self._parts:
                return self._parts[has]
        lacks = bytes(byte for bit, byte in self._telling if not bit & has)
        part = _Part(
            [text for text in self._whole if len(text.translate(None, lacks)) == len(text)],
            [text for text in self._broken if len(text.translate(None, lacks)) == len(text)],
        )
        self._parts[has] = part
        return part


class _Part:
    """The search for some of the literals."""

    def __init__(self, whole: Collection[bytes], broken: Collection[bytes]) -> None:
        self.texts = {*whole, *broken}
        self.enough: bytes | None = None
        # so many bytes of it stand in one piece, at least
        rooms = [len(text) for text in whole]
        rooms += (min(len(text) // 2, _PIECE) for text in broken)
        stride = _stride(rooms)
        reach = stride + _word(stride) - 1 if stride else 1 << 62
        self._stride, self._word = stride, _word(stride)
        self._single = [(text, 0, text) for text in whole if len(text) < reach]
        for text in broken:
            if min(len(text) // 2, _PIECE) < reach:  # one break at most in so few bytes
                room = min(len(text) // 2, _PIECE // 2)
                for offset in (len(text) - 2 * room, len(text) - room):
                    self._single.append((text[offset : offset + room], offset, text))
        self._texts = [(text, reach, True) for text in whole if len(text) >= reach]
        self._texts += (
            (text, 2 * reach, False) for text in broken if min(len(text) // 2, _PIECE) >= reach
        )
        # and some more, at the seams, which no literal has
        ends = b"".join([text[-size:] for text, size, _ in self._texts])
        self._words = words_of(ends, self._word)
        self._by_word: dict[int, list[tuple[bytes, int, bool]]] = {}
        self._every, self._run, self._kinds = _thinned(self.texts, min(rooms, default=0))

    def _sampled(self) -> Iterator[tuple[bytes, int, bool, int]]:
        for text, size, whole in self._texts:
            view = memoryview(text)
            # the end of a value tells more than its beginning: https://, sk_live_
            for offset in range(len(text) - size, len(text) - self._word + 1):
                word = view[offset : offset + self._word].cast(_FORMATS[self._word])[0]
                yield text, offset, whole, word

    def places(self, block: bytes | bytearray) -> list[Place]:
        areas = self._areas(block)
        if not areas:
            return []
        found = []
        for sought, offset, text in self._single:
            place = block.rfind(sought)  # twice as fast as find(), where it is not there
            while place >= 0:
                found.append((place, text, offset))
                place = block.rfind(sought, 0, place + len(sought) - 1)
        if self._words:
            for start, end in areas:
                found += self._sampled_in(block, start, end)
        return found

    def _areas(self, block: bytes | bytearray) -> list[tuple[int, int]]:
        """Where literals may be: with so many bytes in a row of the few kinds, if all are such."""
        if not self._run:
            return [(0, len(block))]
        samples = block[:: self._every].translate(self._kinds) + b"\0"
        first, areas = samples.find(self._run), []
        while first >= 0:
            last = samples.find(b"\0", first)
            start, end = max(0, first - 1) * self._every, last * self._every
            areas.append((start, min(end, len(block))))
            first = samples.find(self._run, last)
        return areas

    def _sampled_in(self, block: bytes | bytearray, start: int, end: int) -> Iterator[Place]:
        word = self._word
        words = memoryview(block)[start : start + (end - start) // word * word].cast(_FORMATS[word])
        words = words[:: self._stride // word]
        for first in range(0, len(words), _AT_ONCE):
            if not self._words.isdisjoint(words[first : first + _AT_ONCE]):
                yield from self._at(block, words[first : first + _AT_ONCE], start, first)

    def _at(
        self, block: bytes | bytearray, words: memoryview, begin: int, first: int
    ) -> Iterator[Place]:
        by_word, stride = self._by_word, self._stride
        if not by_word:  # most runs never get here
            by_word = {}
            for text, offset, whole, word in self._sampled():
                by_word.setdefault(word, []).append((text, offset, whole))
            self._by_word = by_word  # once it is whole: a signal handler may raise meanwhile
        hits = [(at, by_word[word]) for at, word in enumerate(words, first) if word in by_word]
        for at, texts in hits:
            for text, offset, whole in texts:
                start = begin + at * stride - offset
                if not whole:
                    yield start + offset, text, offset
                elif start >= 0 and block.startswith(text, start):
                    yield start, text, 0


def _thinned(texts: Collection[bytes], room: int) -> tuple[int, bytes, bytes]:
    """At every how many bytes to look whether it is one of a few kinds; so many such; a table."""
    kinds = {*b"".join(texts)}
    every = room // _SAMPLES
    if len(kinds) > _KINDS or len(texts) < _SEVERAL or every < _SPARSE:
        return 1, b"", b""
    return every, b"\1" * (room // every), bytes(byte in kinds for byte in range(256))


def words_of(text: bytes, size: int = _WORD) -> set[int]:
    """Every word of 4 or 8 bytes of ``text``, at whatever place."""
    words: set[int] = set()
    for phase in range(min(size, len(text))):
        view = memoryview(text)[phase:]
        words.update(view[: len(view) // size * size].cast(_FORMATS[size]))
    return words


def _word(stride: int) -> int:
    """How many bytes are looked at, every ``stride`` bytes."""
    return _LONG_WORD if stride >= _WIDE else _WORD


def _stride(rooms: list[int]) -> int:
    """At every how many bytes to look at a word, for pieces of these sizes; 0 for nowhere."""
    sizes = {room: rooms.count(room) for room in set(rooms)}

    def one_by_one(below: float) -> float:
        return sum(
            count * (0.5 + 20 / max(room, 1)) for room, count in sizes.items() if room < below
        )

    # measured, in µs per 8 KiB
    costs = {stride: 240 / stride + one_by_one(stride + _word(stride) - 1) for stride in _STRIDES}
    costs[0] = one_by_one(float("inf"))
    return min(costs, key=lambda stride: costs[stride])

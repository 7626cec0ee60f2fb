# SPDX-License-Identifier: MIT
"""Text that was encoded as a whole: what of it a part of a value becomes, and reading it back.

A part may be anywhere in what was encoded. So ``written`` gives the text that is sure for each
way in which it may lie between the bytes before and after, and ``read`` turns the surroundings of
such a text back into bytes, where the rest of the value is looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

# what may come between the characters of one encoded text; a + may be one of them
_UNMARKED: Final = rb"""(?x:
    [ \t]* (?: \\?\r?\n | \\r\\n | \\[nrt] | \r ) [ \t]*
    | ["'] [ \t\r\n]* [+.,&]? [ \t\r\n\\]* ["'] | \\(?=/) | =\r?\n | \x1b\[[0-9;]*[mK]
    | <[^<>\r\n]{1,80}> )"""
_MARKED: Final = rb"[ \t]*\r?\n[ \t]*(?:[>+#*|-]|//)[ \t]*|" + _UNMARKED
# + and / of base64 in URLs, JSON and HTML
_ESCAPED: Final = rb"%2[BbFf]|\\u002[BbFf]|&\#4[37];|&\#x2[BbFf];"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes, and where in the buffer each of them begins; one more place tells where all ends."""

    text: bytes
    starts: list[int]

    def end(self, index: int) -> int:
        """Where the byte before index ends."""
        before = self.starts[index - 1]
        return next((place for place in self.starts[index:] if place > before), self.starts[-1])


class Codec(Protocol):
    """One way to encode bytes."""

    label: str
    density: int  # bits of what is encoded in eight of its text

    def written(self, part: bytes) -> Iterator[tuple[bytes, int]]:
        """The texts that part becomes, each with its phase: how it lies in its group."""

    def read(self, buffer: bytes, at: int, phase: int) -> Iterator[Decoded]:
        """What surrounds the text with that phase at a place, decoded in each way there is."""


class Digits:
    """base64, base32 and hex: so many bits a character."""

    def __init__(
        self, label: str, alphabets: tuple[bytes, ...], bits: int, *between: bytes
    ) -> None:
        self.label = label
        self.density = bits
        self._alphabets = alphabets
        self._bits = bits
        self._group = {4: 2, 5: 8, 6: 4}[bits]  # characters that make whole bytes
        self._values = {
            sign: value for alphabet in alphabets for value, sign in enumerate(alphabet)
        }
        every = re.escape(bytes(sorted(set(b"".join(alphabets)))))
        if bits == 6:
            every += b"]|" + _ESCAPED + b"|[+"
        self._tokens = [re.compile(rb"(?P<gap>%b)|[%b]" % (gap, every)) for gap in between]

    def written(self, part: bytes) -> Iterator[tuple[bytes, int]]:
        bits = self._bits
        seen = set()
        for skip in range(self._group * bits // 8):
            first, last = -(-skip * 8 // bits), (skip + len(part)) * 8 // bits
            number = int.from_bytes(part, "big") << 16
            total = (skip + len(part)) * 8 + 16
            digits = [
                number >> total - (at + 1) * bits & (1 << bits) - 1 for at in range(first, last)
            ]
            for alphabet in self._alphabets:
                text = bytes(alphabet[digit] for digit in digits)
                way = (text, first % self._group)
                if way not in seen:
                    seen.add(way)
                    yield way

    def read(self, buffer: bytes, at: int, phase: int) -> Iterator[Decoded]:
        for tokens in self._tokens:
            yield from self._read(buffer, at, phase, tokens)

    def _read(
        self, buffer: bytes, at: int, phase: int, tokens: re.Pattern[bytes]
    ) -> Iterator[Decoded]:
        places: list[int] = []
        values: list[int] = []
        end = 0
        for token in tokens.finditer(buffer):
            if token.start() != end:
                if end > at:
                    break
                places.clear()
                values.clear()
            end = token.end()
            if token["gap"] is None:
                places.append(token.start())
                values.append(self._value(token[0]))
        index = bisect_left(places, at)
        if index == len(places) or places[index] != at:
            return
        skip = (index - phase) % self._group
        bits = self._bits
        size = (len(places) - skip) * bits // 8
        last = skip - (-size * 8 // bits)
        text = "".join([f"{value:0{bits}b}" for value in values[skip:last]])[: size * 8]
        starts = [places[skip + at * 8 // bits] for at in range(size)]
        starts.append(places[last] if last < len(places) else end)
        yield Decoded(int(text or "0", 2).to_bytes(size, "big"), starts)

    def _value(self, sign: bytes) -> int:
        if len(sign) == 1:
            return self._values[sign[0]]
        return self._values[43 if sign[-2:] in (b"3;", b"B;", b"b;") or sign[-1:] in b"Bb" else 47]


class Wide:
    """UTF-16 and UTF-32."""

    def __init__(self, label: str, name: str, width: int) -> None:
        self.label = label
        self.density = 8  # its lines are those of the text
        self._name = name
        self._width = width

    def written(self, part: bytes) -> Iterator[tuple[bytes, int]]:
        try:
            yield part.decode().encode(self._name), 0
        except UnicodeDecodeError:
            return

    def read(self, buffer: bytes, at: int, phase: int) -> Iterator[Decoded]:
        del phase
        width = self._width
        first = at % width
        text = bytearray()
        starts = []
        for place in range(first, len(buffer) - width + 1, width):
            unit = buffer[place : place + width].decode(self._name, "replace").encode()
            text += unit
            starts += [place] * len(unit)
        starts.append(first + (len(buffer) - first) // width * width)
        yield Decoded(bytes(text), starts)


_ALPHA: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE64: Final = _ALPHA + _ALPHA.lower() + b"0123456789+/"
_DUMPED: Final = rb"(?:\ {2,3}[|>]?[\x20-\x7e]{1,16}\|?)?\r?\n[0-9a-fA-F]{6,16}[:\ ]\ *"
_BETWEEN_HEX: Final = b"(?x:%b | %b | %b)" % (
    _DUMPED,
    _MARKED,
    rb"[ ,:;{-]*(?:\\?0x|\\x|\\|[%=]) | [ ,:;-]{1,2}",
)

BASE64: Final = Digits("base64", (_BASE64, _BASE64[:62] + b"-_"), 6, _UNMARKED, _MARKED)
BASE32: Final = Digits("base32", (_ALPHA + b"234567",), 5, _MARKED)
HEX: Final = Digits("hex", (b"0123456789abcdef", b"0123456789ABCDEF"), 4, _BETWEEN_HEX)
UTF16: Final = (Wide("UTF-16", "utf-16-le", 2), Wide("UTF-16", "utf-16-be", 2))
UTF32: Final = (Wide("UTF-32", "utf-32-le", 4), Wide("UTF-32", "utf-32-be", 4))

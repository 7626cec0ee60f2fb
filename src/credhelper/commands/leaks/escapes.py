# SPDX-License-Identifier: MIT
"""Reading a value in its place, whatever was done to its characters on the way.

A small automaton: it takes each character as it is or as any escape of it, those that writers put
over one another up to three times included, and between two characters what breaks a text: a new
line with the sign of a quotation or a comment, strings that are added up, colours, marks. It runs
only around a part of the value that was found, so its time does not count.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from credhelper.commands.escapers import ESCAPERS, USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    Table = dict[int, dict[bytes, str]]  # what a character may be written as, by its length
    State = tuple[int, int, str]  # a place, the next unit, and what was met so far

AS_IT_IS: Final = "as it is"
BROKEN: Final = "broken over lines"
_SURE: Final = 20  # letters that are no words
_NESTED: Final = 2  # escapes over the first one
_MOST: Final = 20_000  # states that are tried in one direction
_LONGEST_BREAK: Final = 160  # bytes
_LINE_END: Final = rb"[ \t]*[\\=^`]?(?:\r?\n|\r)[ \t]*"
# of quotations, comments and differences
_SIGN: Final = rb"""(?:[>+#*|;%"'-]|//|--)[ \t]*"""
_BREAKS: Final = (
    *(re.compile(_LINE_END + _SIGN * count) for count in range(4)),
    re.compile(_LINE_END + rb"\d{1,6}[ \t]*[:|\t][ \t]*"),
    re.compile(rb"\r\n[0-9A-Fa-f]{1,8}\r\n"),  # between chunks of HTTP
    re.compile(
        rb"""(?x) \\[nrt]
        | \\?["'] \)? [ \t\r\n]* (?: [+.&,] | \|\| | << )? [ \t\r\n\\_]* \(? [a-z]{0,2} \\?["']
        | \x1b\[ [0-9;?]* [A-Za-z]
        | <[^<>\r\n]{1,120}>
        | &shy; | &\#8203; | &\#xad;
        | \xc2\xad | \xe2\x80[\x8b-\x8f] | \xe2\x81\xa0 | \xef\xbb\xbf"""
    ),
)
_BEGINS: Final = re.compile(rb"[ \t\r\n\\=^`\"'\x1b<&\xc2\xe2\xef]")
_LINE_ENDS: Final = (b"\n", b"\r")
_EVERY_BYTE: Final = (
    ("URL-quoted", "%%%02X"),
    ("URL-quoted", "%%%02x"),
    ("escaped in source code", "\\x%02x"),
    ("escaped in source code", "\\x%02X"),
    ("escaped in source code", "\\%03o"),
    ("quoted-printable", "=%02X"),
)
_EVERY_CODE: Final = (
    ("JSON-escaped", "\\u%04x"),
    ("JSON-escaped", "\\u%04X"),
    ("escaped in source code", "\\u{%x}"),
    ("escaped in source code", "\\U%08x"),
    ("XML-escaped", "&#%d;"),
    ("XML-escaped", "&#%03d;"),
    ("XML-escaped", "&#x%x;"),
    ("XML-escaped", "&#x%X;"),
    ("XML-escaped", "&#x%02x;"),
    ("XML-escaped", "&#x%02X;"),
)
_DOUBLED: Final = frozenset("%$\"'{}")


def fully(part: bytes) -> Iterator[bytes]:
    """An ASCII part of a value with every character escaped, as nobody has to; and that again."""
    for _, form in (*_EVERY_BYTE, *_EVERY_CODE):
        text = "".join(form % code for code in part)
        yield text.encode()
        for mark, again in (
            ("%", "%25"),
            ("%", "%2525"),
            ("\\", "\\\\"),
            ("&", "&amp;"),
            ("\\", "%5C"),
        ):
            if mark in text:
                yield text.replace(mark, again).encode()


class Units:
    """A value as the characters that are escaped one by one. Never shows it."""

    def __init__(self, value: bytes) -> None:
        try:
            self._units = [sign.encode() for sign in value.decode()]
        except UnicodeDecodeError:
            self._units = [bytes([byte]) for byte in value]
        self._value = value
        self._index: dict[int, int] = {}
        at = 0
        for index, unit in enumerate(self._units):
            self._index[at] = index
            at += len(unit)
        self._index[at] = len(self._units)
        # words of a language follow one another by chance
        self._breaks = not value.isalpha() or len(value) >= _SURE

    def boundary(self, place: int) -> int:
        """The last place, up to this one, at which a character begins, or the value ends."""
        return next(at for at in range(place, -1, -1) if at in self._index)

    def around(
        self, buffer: bytes | bytearray, start: int, end: int, first: int, last: int
    ) -> tuple[int, int, str] | None:
        """From where to where the value goes, of which value[first:last] is at [start:end].

        And how it is written; None where the rest of it is not there.
        """
        value = self._value
        whole = start - first
        if whole >= 0 and buffer[whole : whole + len(value)] == value:
            return whole, whole + len(value), AS_IT_IS
        after = self._walk(buffer, end, self._index[last], 1)
        if after is None:
            return None
        before = self._walk(buffer, start, self._index[first], -1)
        if before is None:
            return None
        return before[0], after[0], before[1] or after[1] or AS_IT_IS

    def _walk(
        self, buffer: bytes | bytearray, place: int, index: int, step: int
    ) -> tuple[int, str] | None:
        """Where the value ends, or begins, seen from a place next to the unit at index."""
        last = len(self._units) if step > 0 else 0
        pending: list[State] = [(place, index, "")]
        untried: list[State] = []
        seen: set[tuple[int, int]] = set()
        while pending and len(seen) < _MOST:
            place, index, met = pending.pop()
            while index != last and (place, index) not in seen:
                seen.add((place, index))
                untried.append((place, index, met))
                unit = self._units[index if step > 0 else index - 1]
                begin = place if step > 0 else place - len(unit)
                if begin < 0 or buffer[begin : begin + len(unit)] != unit:
                    break
                place, index = place + step * len(unit), index + step
            else:
                if index == last:
                    return place, met
            while not pending and untried:
                pending += self._otherwise(buffer, untried.pop(), step)
        return None

    def _otherwise(self, buffer: bytes | bytearray, state: State, step: int) -> Iterator[State]:
        """The states after this one, except for the character as it is."""
        place, index, met = state
        unit = self._units[index if step > 0 else index - 1]
        if self._breaks:
            for end in _breaks(buffer, place, step):
                yield end, index, met or BROKEN
        if unit in _LINE_ENDS:
            yield place, index + step, met or BROKEN
            if unit == b"\n" and buffer[min(place, place + step) :][:1] == b" ":
                yield place + step, index + step, met or BROKEN
        for length, texts in _table(unit).items():
            begin = place if step > 0 else place - length
            if begin >= 0:
                label = texts.get(bytes(buffer[begin : begin + length]))
                if label:
                    yield place + step * length, index + step, met or label


def _breaks(buffer: bytes | bytearray, place: int, step: int) -> Iterator[int]:
    """Where a break ends that begins at a place; with -1, where those begin that end there."""
    if step > 0:
        for pattern in _BREAKS:
            if found := pattern.match(buffer, place, place + _LONGEST_BREAK):
                yield found.end()
        return
    for begin in _BEGINS.finditer(buffer, max(0, place - _LONGEST_BREAK), place):
        if any(pattern.fullmatch(buffer, begin.start(), place) for pattern in _BREAKS):
            yield begin.start()


@cache
def _table(unit: bytes) -> Table:
    """Every way to write a character but as it is, with what writes it so."""
    found = dict(_first(unit))
    latest = dict(found)
    for _ in range(_NESTED):
        following: dict[bytes, str] = {}
        for text, label in latest.items():
            for _, write in USUAL:
                for outer in write(text):
                    if outer not in found:
                        following.setdefault(outer, label)
        found |= following
        latest = following
    table: Table = {}
    for text, label in found.items():
        if text not in (b"", unit):
            table.setdefault(len(text), {})[text] = label
    return table


def _first(unit: bytes) -> Iterator[tuple[bytes, str]]:
    for label, write in ESCAPERS:
        for text in write(unit):
            if text not in (b"", unit):
                yield text, label
    for label, form in _EVERY_BYTE:
        yield "".join(form % byte for byte in unit).encode(), label
    try:
        sign = unit.decode()
    except UnicodeDecodeError:
        return
    for label, form in _EVERY_CODE:
        yield (form % ord(sign)).encode(), label
    for name in _names().get(sign, ()):
        yield f"&{name}".encode(), "XML-escaped"
    if sign in _DOUBLED:
        yield unit * 2, "quotes doubled"
    if not sign.isalnum() and sign > " ":
        yield b"\\" + unit, "shell-escaped"
        yield b"^" + unit, "shell-escaped"


@cache
def _names() -> dict[str, list[str]]:
    """The names of characters in HTML."""
    from html.entities import html5

    names: dict[str, list[str]] = {}
    for name, signs in html5.items():
        if name.endswith(";"):
            names.setdefault(signs, []).append(name)
    return names

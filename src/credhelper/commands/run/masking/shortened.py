# SPDX-License-Identifier: MIT
"""Beginnings and ends of values beside an ellipsis, as reprs that are too long have them.

``reprlib`` and pytest write ``'sk_live_4eC3...T1zdp7dc'``, others ``sk_live_4eC3…``, and rich
``'sk_live_4eC3'+20``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

LEAST: Final = 8  # bytes of a beginning or an end
_STEP: Final = 16  # bytes; by fewer, the base64 of a value would tell the value in parts
_DOTS: Final = b"..."
_ELLIPSIS: Final = "…".encode()
_CUT: Final = b"'+"  # rich: the string was cut, and how many characters are missing
_MANY_DOTS: Final = b"." * (LEAST + len(_DOTS) + LEAST)
_ROW: Final = 4096  # bytes
_OUTSIDE: Final = frozenset(b" \t\r\n.'\"")  # they are beside a value, unless it has them
_STARTS: Final = b".\xe2\x80'"
MARKS: Final = _DOTS + _ELLIPSIS + _CUT
_NEAR: Final = 200  # bytes before the end of a block: an ellipsis there may matter to what follows


def has_marks(text: bytes) -> bool:
    """Whether ``text`` may have any of the marks."""
    return (
        (0x2E in text and _DOTS in text)
        or (0xE2 in text and _ELLIPSIS in text)
        or (0x27 in text and _CUT in text)
    )


class Shortened:
    """The forms whose beginnings and ends are looked for."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = tuple(forms)
        self._longest = max(map(len, self._forms), default=0)
        self._outside = _OUTSIDE.difference(b"".join(self._forms))
        self._firsts: dict[bytes, list[bytes]] = {}
        self._lasts: dict[bytes, list[bytes]] = {}
        for form in self._forms:
            self._firsts.setdefault(form[:LEAST], []).append(form)
            self._lasts.setdefault(form[-LEAST:], []).append(form)

    def places(self, text: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Where in ``text`` beginnings and ends are: start, end, form."""
        for mark in self._marks(text):
            place = text.find(mark)
            while place >= 0:
                yield from self._around(text, place, place + len(mark))
                if place >= LEAST and text.startswith(_MANY_DOTS, place - LEAST):
                    row = text[place : place + _ROW]  # no form is beside those within
                    place += len(row) - len(row.lstrip(b".")) - LEAST - len(mark)
                place = text.find(mark, place + 1)

    def hold(self, text: bytes, done: int) -> int:
        """Where the end of ``text`` starts that may become such a place; its size for nowhere."""
        best = size = len(text)
        if text[-1:] in _STARTS:
            for mark in (_DOTS, _ELLIPSIS, _CUT):
                for length in range(1, len(mark)):
                    if text.endswith(mark[:length]):
                        begun = [start for start, *_ in self._begun(text, size - length)]
                        best = min([best, *begun])
        near = text[-_NEAR:]
        for mark in self._marks(near) if has_marks(near) else ():
            end = text.rfind(mark) + len(mark)
            rest = text[end:]
            # whatever it is, if it may be one at all: see _told()
            if rest and len(rest) < self._longest and not self._outside.intersection(rest):
                best = min(best, end)
        return best if best >= done else size

    def _marks(self, text: bytes) -> Iterator[bytes]:
        """The marks that ``text`` has; a byte that it lacks is told at once."""
        if 0x2E in text and _DOTS in text:
            yield _DOTS
        if 0xE2 in text and _ELLIPSIS in text:
            yield _ELLIPSIS
        if 0x27 in text and _CUT in text:
            yield _CUT

    def _around(self, text: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
        yield from self._begun(text, start)
        near = text[end : end + self._longest]
        for last in [last for last in self._lasts if last in near]:
            for form in self._lasts[last]:
                stop = near.find(last, 0, len(form) - 1) + LEAST
                while stop >= LEAST:
                    whole = _told(stop)
                    rest = near[: stop - whole]
                    if near.endswith(form[-whole:], 0, stop) and _may_belong(rest, form):
                        yield end, end + stop, form
                        break
                    stop = near.find(last, stop - LEAST + 1, len(form) - 1) + LEAST

    def _begun(self, text: bytes, end: int) -> Iterator[tuple[int, int, bytes]]:
        """The beginnings of forms that end at ``end``."""
        near = text[max(0, end - self._longest) : end]
        for first in [first for first in self._firsts if first in near]:
            for form in self._firsts[first]:
                place = near.find(first, max(0, len(near) - len(form) + 1))
                while place >= 0:
                    whole = _told(len(near) - place)
                    rest = near[place + whole :]
                    if near.startswith(form[:whole], place) and _may_belong(rest, form):
                        yield end - len(near) + place, end, form
                        break
                    place = near.find(first, place + 1)


def _told(size: int) -> int:
    """How many bytes of ``size`` are held to a form: the others, fewer than ``_STEP``, are not.

    Else who has a script print guesses learns one character after the other by what is masked.
    """
    return LEAST + (size - LEAST) // _STEP * _STEP


def _may_belong(rest: bytes, form: bytes) -> bool:
    return not rest or all(byte in form for byte in _OUTSIDE.intersection(rest))

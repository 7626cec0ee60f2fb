# SPDX-License-Identifier: MIT
"""Beginnings and ends of values beside an ellipsis, as reprs that are too long have them.

``reprlib`` and pytest write ``'sk_live_4eC3...T1zdp7dc'``, others ``sk_live_4eC3…``, and rich
``'sk_live_4eC3'+20``.
"""

from __future__ import annotations

from credhelper.commands.run.masking import gaps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

LEAST: Final = 8  # bytes of a beginning or an end
_DOTS: Final = b"..."
_ELLIPSIS: Final = "…".encode()
_CUT: Final = b"'+"  # rich: the string was cut, and how many characters are missing
_MANY_DOTS: Final = b"." * (LEAST + len(_DOTS) + LEAST)
_ROW: Final = 4096  # bytes
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
            if rest and any(rest in form[:-1] for form in self._forms):
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
        for form in self._forms:
            head = text[end : end + LEAST]
            index = form.find(head) if len(head) == LEAST else -1
            while index >= 0:
                if index and text.startswith(form[index:], end):
                    yield end, end + len(form) - index, form
                    break
                index = form.find(head, index + 1)

    def _begun(self, text: bytes, end: int) -> Iterator[tuple[int, int, bytes]]:
        """The beginnings of forms that end at ``end``."""
        tail = text[max(0, end - LEAST) : end]
        for form in self._forms if len(tail) == LEAST else ():
            index = form.find(tail)
            while index >= 0:
                size = index + LEAST
                if gaps.common(form, text[max(0, end - size) : end]) == size:
                    yield end - size, end, form
                    break
                index = form.find(tail, index + 1)

# SPDX-License-Identifier: MIT
"""How much of the end of a stream may be the beginning of a form."""

from __future__ import annotations

from sys import byteorder

from credhelper.commands.literals import words_of
from credhelper.commands.run.masking import gaps
from credhelper.commands.run.masking.shortened import MARKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

_from_bytes = int.from_bytes
_WORD: Final = 4  # bytes
_FEW: Final = 32  # bytes of the end, which mostly tell enough
_TAIL: Final = 64  # bytes of the end, which mostly have one that is foreign
ENDS: Final = b"!#$%&()*,:;<>?@[]^`{}~"  # few values have one: mostly, a form ends before it
_OF_MOST: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-./=_"  # values
_BETWEEN: Final = gaps.SQUEEZED + MARKS  # what a form, broken or cut, has besides its own bytes


class Openings:
    """The beginnings of forms, arranged so that an end without any costs little."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = tuple(forms)
        self._within = bytes({*b"".join(self._forms)})
        self._longest = max(map(len, self._forms), default=0)
        self._heads: dict[bytes, list[bytes]] = {}  # by their first bytes, one to four
        self._words: set[int] | None = None

    def hold(self, text: bytes, done: int) -> tuple[int, bytes]:
        """Where the longest end of ``text`` starts, from ``done`` on, that begins a form.

        And an end that has all gaps and marks which a form could go on after.
        """
        low, tail = len(text) - self._longest + 1, text[-_TAIL:]
        strange = tail.translate(None, self._within)
        foreign = strange.translate(None, _BETWEEN)
        if strange:  # whatever began before that byte, it ended there
            low = len(text) - len(tail.rpartition(strange[-1:])[2])
        near = tail.rpartition(foreign[-1:])[2] if foreign else text[-2 * gaps.LONGEST :]
        return self._begun(text, max(done, low)), near

    def _begun(self, text: bytes, low: int) -> int:
        size = len(text)
        heads = self._heads or self._arranged()
        for start in self._near(text, low) if size - low > _TAIL else range(low, size):
            head = text[start : start + _WORD]
            if head in heads:
                end = text[start:]
                for form in heads[head]:
                    if len(form) > len(end) and form.startswith(end):
                        return start
        return size

    def _near(self, text: bytes, low: int) -> Iterator[int]:
        """Where in ``text[low:]`` a form may start, in order."""
        last = len(text) - 2 * _WORD + 1
        words = memoryview(text)[low : low + (len(text) - low) // _WORD * _WORD].cast("I")
        heads = self._words
        if heads is None:  # however an end is laid over a form, one of these is in it
            heads = self._words = words_of(
                b"".join([form[: 2 * _WORD - 1] for form in self._forms])
            )
        if not heads.isdisjoint(words):
            for index, word in enumerate(words):
                if word in heads:
                    place = low + index * _WORD
                    yield from range(max(low, place - _WORD + 1), min(place + 1, last))
        yield from range(last, len(text))

    def _arranged(self) -> dict[bytes, list[bytes]]:
        heads: dict[bytes, list[bytes]] = {}
        for form in self._forms:
            heads.setdefault(form[:_WORD], []).append(form)
        for head in tuple(heads):
            for size in range(1, _WORD):
                heads.setdefault(head[:size], heads[head])
        self._heads = heads  # once it is whole: a signal handler may raise meanwhile
        return heads


class Gapped:
    """The same for forms that may have gaps: where the end of a stream may be within one."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = [(form, gaps.squeezed(form)) for form in forms]
        # the words of four bytes that the forms hold, gaps and what looks like them left out
        self._words = words_of(b"".join([squeezed for _, squeezed in self._forms]))
        self._sparse = [  # whose first bytes are mostly quotes, blanks and the like
            form for form, _ in self._forms if len(gaps.squeezed(form[: gaps.LEAST])) < _WORD
        ]
        self._having: dict[bytes, list[bytes]] = {}  # the forms by such a word, once it was seen
        self._eights: set[int] = set()  # the same of eight bytes, made when first needed
        self._possible = _OF_MOST + b"".join([form for form, _ in self._forms])

    def nearly(self, text: bytes) -> Iterator[tuple[bytes, int]]:
        """``text`` without up to seven bytes before its end, or before a gap there; how many are
        left before it. Only where those could be a value's, and a part of a form is left."""
        near = gaps.squeezed(text[-_FEW:])
        if len(near) < gaps.LEAST + _WORD:
            near = gaps.squeezed(text[-2 * gaps.LONGEST :])
        for at in range(max(0, len(near) - gaps.LEAST - _WORD + 1), len(near) - _WORD + 1):
            if _from_bytes(near[at : at + _WORD], byteorder) in self._words:
                break
        else:
            return
        if not self._eights:
            every = b"".join([form + parts for form, parts in self._forms])
            self._eights = words_of(every, gaps.LEAST)
        body = text[: gaps.before(text, len(text), unfinished=True)]
        for size in range(len(body) - 1, max(0, len(body) - gaps.LEAST), -1):
            if body[size] not in self._possible:
                break
            last = body[max(0, size - 2 * gaps.LONGEST) : size]
            for part in (last, gaps.squeezed(last)):
                if _from_bytes(part[-gaps.LEAST :], byteorder) in self._eights:
                    break
            else:
                continue
            yield body[:size] + text[len(body) :], size

    def hold(self, text: bytes, done: int) -> int:
        """Where the longest end of ``text`` starts that is the beginning of a form with a gap."""
        size = len(text)
        if not self._words:
            return size
        if text.rfind(b"\n", max(0, size - 2 * gaps.LONGEST)) < 0 and not gaps.may_end(text):
            return size  # without a gap, it is as of other forms
        squeezed = gaps.squeezed(text[-_FEW:])[-_WORD:]
        if len(squeezed) < _WORD:
            squeezed = gaps.squeezed(text[-2 * gaps.LONGEST :])[-_WORD:]
        # LEAST bytes of a form stand before its first gap: these are in it, gaps or not
        forms = self._having.get(squeezed)
        if forms is None:
            forms = self._sparse
            if len(squeezed) == _WORD and _from_bytes(squeezed, byteorder) in self._words:
                forms = [form for form, parts in self._forms if squeezed in parts] + forms
                self._having[squeezed] = forms
        if not forms:
            return size
        starts = (
            start
            for end in gaps.ends(text)
            for form in forms
            for start in _starts(text, end, form, end < size)
        )
        return min((start for start in starts if start >= done), default=size)


def _starts(text: bytes, end: int, form: bytes, in_gap: bool) -> Iterator[int]:
    """Where ``form`` begins if a part of it ends at ``end``, just before a gap or within a line."""
    last = text[end - 1 : end]
    index = form.find(last) if last else -1
    while 0 <= index < len(form) - 1:
        pieces, missing = gaps.backwards(text, end, form, index + 1)
        if pieces and gaps.may_begin(text, pieces, missing):
            first = pieces[0][1] - pieces[0][0]
            # with a part missing, each place after a line break would tell of other bytes
            if not missing and (len(pieces) > 1 or (in_gap and first >= gaps.LEAST)):
                yield pieces[0][0]
        index = form.find(last, index + 1)

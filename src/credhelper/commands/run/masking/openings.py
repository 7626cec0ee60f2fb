# SPDX-License-Identifier: MIT
"""How much of the end of a stream may be the beginning of a form."""

from __future__ import annotations

from sys import byteorder

from credhelper.commands.literals import words_of
from credhelper.commands.run.masking import gaps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

_from_bytes = int.from_bytes
_WORD: Final = 4  # bytes
_FEW: Final = 32  # bytes of the end, which mostly tell enough
LARGE: Final = 2048  # bytes; so much to write is worth another table
_ALL: Final = bytes(range(256))
_NOT_PLAIN: Final = gaps.SQUEEZED + b".+"
_STUB: Final = 7  # bytes; a beginning of fewer is looked up as it is


class Openings:
    """The beginnings of forms, arranged so that an end without any costs little."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = tuple(forms)
        lacks = _ALL.translate(None, b"".join(self._forms))
        self._within = frozenset(_ALL.translate(None, lacks))
        self._longest = max(map(len, self._forms), default=0)
        self._stubs: frozenset[bytes] | None = None
        self._words: set[int] | None = None
        self._inside: set[int] | None = None
        self._by_word: dict[int, list[tuple[bytes, int]]] | None = None

    def hold(self, block: bytes, done: int) -> int:
        """Where the longest end of ``block`` starts, from ``done`` on, that begins a form."""
        size = len(block)
        if done == size or block[-1] not in self._within:
            return size
        if size - done > LARGE and self._is_outside(block):
            return self._stub(block, size - _WORD + 1)
        low = max(done, size - self._longest + 1)
        best = size
        for start, form in self._near(block, low):
            if start >= best + _WORD:
                break  # candidates come in order, but for those of one word
            if not low <= start < best or size - start >= len(form):
                continue
            if form.startswith(block[start:]):
                best = start
        if best < size:
            return best
        return self._stub(block, max(low, size - _STUB + 1))

    def plain(self, block: bytes) -> int:
        """The same for a large block that ends with four plain bytes, as no form has; else -1.

        Such an end is none of a gap either, nor of what stands after an ellipsis.
        """
        if self._is_outside(block) and len(block[-_WORD:].translate(None, _NOT_PLAIN)) == _WORD:
            return self._stub(block, len(block) - _WORD + 1)
        return -1

    def _is_outside(self, block: bytes) -> bool:
        """Whether no form has the last word: where one begins, its words go up to the end."""
        inside = self._inside
        if inside is None:
            inside = self._inside = words_of(b"".join(self._forms))
        return _from_bytes(block[-_WORD:], byteorder) not in inside

    def _stub(self, block: bytes, low: int) -> int:
        """The same from ``low`` on, which is near the end."""
        stubs, size = self._stubs, len(block)
        if stubs is None:
            sizes = range(1, _STUB)
            stubs = frozenset(
                [form[:stub] for form in self._forms for stub in sizes if stub < len(form)]
            )
            self._stubs = stubs
        for start in range(low, size):
            if block[start:] in stubs:
                return start
        return size

    def _near(self, block: bytes, low: int) -> Iterator[tuple[int, bytes]]:
        """Where in ``block[low:]`` a form may start, and which."""
        size = (len(block) - low) // _WORD * _WORD
        words = memoryview(block)[low : low + size].cast("I")
        heads = self._words
        if heads is None:
            heads = self._words = words_of(b"".join([form[:_STUB] for form in self._forms]))
        if heads.isdisjoint(words):
            return
        by_word = self._by_word
        if by_word is None:
            by_word = self._by_word = self._arranged()
        for index, word in enumerate(words):
            for form, offset in by_word.get(word, ()):
                yield low + index * _WORD - offset, form

    def _arranged(self) -> dict[int, list[tuple[bytes, int]]]:
        """However an end is laid over a form, one of its words is among the first four of that."""
        by_word: dict[int, list[tuple[bytes, int]]] = {}
        for form in sorted(self._forms, key=len):
            if len(form) > _STUB:
                view = memoryview(form)
                for offset in range(_WORD):
                    word = view[offset : offset + _WORD].cast("I")[0]
                    by_word.setdefault(word, []).append((form, offset))
        return by_word


class Gapped:
    """The same for forms that may have gaps: where the end of a stream may be within one."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = [(form, form.translate(None, gaps.SQUEEZED)) for form in forms]
        # the words of four bytes that the forms hold, gaps and what looks like them left out
        self._words = words_of(b"".join([squeezed for _, squeezed in self._forms]))

    def within(self, end: bytes) -> bool:
        """Whether a form may have what stands before the last line break of ``end``."""
        squeezed = end.translate(None, gaps.SQUEEZED)[-_WORD:]
        return len(squeezed) < _WORD or _from_bytes(squeezed, byteorder) in self._words

    def hold(self, text: bytes, done: int) -> int:
        """Where the longest end of ``text`` starts that is the beginning of a form with a gap."""
        size = len(text)
        if not self._words:
            return size
        tail, line = text[-_FEW:], text.rfind(b"\n", max(0, size - 2 * gaps.LONGEST)) + 1
        if not (line or gaps.may_end(text)):
            return size  # without a gap, it is as of other forms
        squeezed = tail.translate(None, gaps.SQUEEZED)[-_WORD:]
        if len(squeezed) < _WORD:
            squeezed = text[-2 * gaps.LONGEST :].translate(None, gaps.SQUEEZED)[-_WORD:]
            if len(squeezed) < _WORD:
                return size
        if _from_bytes(squeezed, byteorder) not in self._words and not (
            0 < len(text[max(line, size - _FEW) :].strip(gaps.SQUEEZED)) < _WORD
        ):
            return size
        starts = (
            start
            for end in gaps.ends(text)
            for form, parts in self._forms
            if squeezed in parts or squeezed[-1:] in parts[: gaps.LEAST + _WORD]
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
            if len(pieces) > 1 or missing or (in_gap and first >= gaps.LEAST):
                yield pieces[0][0]
        index = form.find(last, index + 1)

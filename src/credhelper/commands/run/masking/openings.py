# SPDX-License-Identifier: MIT
"""How much of the end of a stream may be the beginning of a form."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

_WORD: Final = 4  # bytes
_STUB: Final = 7  # bytes; a beginning of fewer is looked up as it is


class Openings:
    """The beginnings of forms, arranged so that an end without any costs little."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        ordered = sorted(forms, key=len)
        # however an end is laid over them, one of its words is among the first four of a form
        self._by_word: dict[int, list[tuple[bytes, int]]] = {}
        for form in ordered:
            if len(form) > _STUB:
                view = memoryview(form)
                for offset in range(_WORD):
                    word = view[offset : offset + _WORD].cast("I")[0]
                    self._by_word.setdefault(word, []).append((form, offset))
        self._stubs = {form[:size] for form in ordered for size in range(1, min(_STUB, len(form)))}
        self._within = set[int]().union(*(form[:-1] for form in ordered))
        self._longest = len(ordered[-1]) if ordered else 0

    def hold(self, block: bytes, done: int) -> int:
        """Where the longest end of ``block`` starts, from ``done`` on, that begins a form."""
        size = len(block)
        if done == size or block[-1] not in self._within:
            return size
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
        for start in range(max(low, size - _STUB + 1), size):
            if block[start:] in self._stubs:
                return start
        return size

    def _near(self, block: bytes, low: int) -> Iterator[tuple[int, bytes]]:
        """Where in ``block[low:]`` a form may start, and which."""
        size = (len(block) - low) // _WORD * _WORD
        words = memoryview(block)[low : low + size].cast("I")
        if self._by_word.keys().isdisjoint(words):
            return
        for index, word in enumerate(words):
            for form, offset in self._by_word.get(word, ()):
                yield low + index * _WORD - offset, form

# SPDX-License-Identifier: MIT
"""A text stream whose buffer is written in Python, on a CPython where that takes some care.

Before 3.11.10 and 3.12.5, what a signal handler or another thread writes to a ``TextIOWrapper``
while that is in the ``write()`` of its buffer breaks what it holds: text gets lost, and memory is
written in its place (CPython's gh-119506). It does not where each write goes on at once.

To be deleted after October 2028, when the last of these versions, 3.12, is out of support.
"""

from __future__ import annotations

import io
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from credhelper.commands.run.masking import MaskedWriter


class Text(io.TextIOWrapper):
    """A text stream on ``writer``, which is what its ``buffer`` is to the script."""

    closed = False  # asked for at every write: what is below would answer slowly

    def __init__(self, writer: MaskedWriter, *arguments: Any, **options: Any) -> None:
        guard = _Guard(writer)
        super().__init__(guard, *arguments, **options)
        self._writer = writer
        guard.watch(self)
        this = ref(self)

        def close() -> None:  # by another text stream on the same writer
            text = this()
            if text is not None:
                text.closed = True

        writer.closes = close

    @property
    def buffer(self) -> io.BufferedWriter:
        """As :attr:`io.TextIOWrapper.buffer`."""
        return self._writer

    def close(self) -> None:
        """As :meth:`io.TextIOWrapper.close`."""
        try:
            super().close()
        finally:
            self.closed = True

    def detach(self) -> io.BufferedWriter:
        """As :meth:`io.TextIOWrapper.detach`."""
        super().detach()
        return self._writer


class _Guard:
    """Passes everything on to ``writer``."""

    def __init__(self, writer: io.BufferedWriter) -> None:
        self._writer = writer
        self._inside = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def watch(self, text: Text) -> None:
        """Tells it the stream; that one ends before this."""
        self._text = ref(text)
        self._size: int = text._CHUNK_SIZE  # type: ignore[attr-defined] # no stub has it

    def write(self, data: bytes) -> int:
        """Writes ``data``, which the text stream held."""
        text: Any = self._text()
        if text is None:
            return self._writer.write(data)
        self._inside += 1
        try:
            text._CHUNK_SIZE = 1  # until the end of this, the stream holds nothing
            if not text.write_through:
                text.write("")  # nor does it go on to hold what came just before
            return self._writer.write(data)
        finally:  # there is no call here, so nothing gets in between
            self._inside -= 1
            if not self._inside:
                text._CHUNK_SIZE = self._size

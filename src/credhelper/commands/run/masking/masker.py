# SPDX-License-Identifier: MIT
"""Credential values in a stream of bytes, replaced by their names."""

from __future__ import annotations

from _thread import RLock  # threading imports more than the hot path can afford
from sys import is_finalizing  # by name: at the very end, the module is emptied

from credhelper.commands.run.masking.forms import AS_THEY_ARE
from credhelper.commands.run.masking.vocabulary import NOTHING, Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from credhelper.commands.run.masking.vocabulary import State

_BLOCK: Final = 1 << 18  # bytes that are looked at in one go


class Masker:
    """Replaces each form of each value by ``[credential NAME]``.

    The leftmost form is replaced, of several there the longest, and the replacement is not looked
    at again. A form that is longer than ``HEAD`` bytes is replaced as far as the stream follows it.
    Held back is the longest end of the stream that a form could begin with, and nothing else.
    """

    def __init__(self, values: Mapping[str, bytes], encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._values = dict(values)
        self._vocabulary: Vocabulary | None = None  # made when first needed: many print nothing
        self._ended = False
        self.forget()

    def end(self) -> None:
        """Holds nothing back any more, once something is written: it may be the last."""
        self._ended = True
        if self._vocabulary is None and self._encoding.lower() not in AS_THEY_ARE:
            self._vocabulary = Vocabulary(self._values, self._encoding)  # while there are codecs

    def forget(self) -> None:
        """Drops what is held back: after a fork it is the parent's to write."""
        self._lock = RLock()
        self._state = NOTHING
        self._waiting: list[bytes] = []
        self._unsent = b""  # what a full descriptor that does not block has not taken yet
        self._busy = False

    def add(self, name: str, value: bytes) -> None:
        """Masks ``value`` too, in what comes from now on. Any thread may call it."""
        with self._lock:
            self._values[name] = value
            self._vocabulary = None

    def feed(self, data: bytes) -> bytes:
        """What can be written of the stream, now that ``data`` came."""
        written: list[bytes] = []
        self.write(data, written.append)
        return b"".join(written)

    def finish(self) -> bytes:
        """What was held back: nothing comes after it."""
        written: list[bytes] = []
        self.write(b"", written.append, last=True)
        return b"".join(written)

    def write(self, data: bytes, sink: Callable[[bytes], object], *, last: bool = False) -> None:
        """Passes to ``sink`` what :meth:`feed`, or if ``last`` :meth:`finish`, would return.

        Raises what ``sink`` raises; then ``data`` counts as written, as it does in :mod:`io`.
        """
        if is_finalizing() and not self._lock.acquire(timeout=1):
            raise RuntimeError("a thread that does not run any more is in the middle of a write")
        last = last or self._ended
        with self._lock:
            self._waiting.append(data)
            if self._busy:  # this is a signal handler in the middle of a write, which goes on
                return
            self._busy = True
            try:
                while self._waiting:
                    self._pass(self._waiting[0], sink, last and len(self._waiting) == 1)
            finally:
                self._busy = False

    def _pass(self, data: bytes, sink: Callable[[bytes], object], last: bool) -> None:
        interrupt: BaseException | None = None
        try:
            ready, state = self._masked(data, last)
        except BaseException as error:  # a signal handler's, such as KeyboardInterrupt
            interrupt = error
            ready, state = self._again(data, last)  # so that no byte is lost
        if self._unsent:
            ready, self._unsent = self._unsent + ready, b""
        try:
            sink(ready)
        except BlockingIOError as error:
            if ready is not data:  # the count is not one of the caller's bytes
                self._unsent = ready[error.characters_written :]
                error.characters_written = len(data)
            raise
        finally:
            self._state = state
            del self._waiting[0]
        if interrupt:
            raise interrupt

    def _again(self, data: bytes, last: bool) -> tuple[bytes, State]:
        try:
            return self._masked(data, last)
        except BaseException:
            del self._waiting[0]
            raise

    def _masked(self, data: bytes, last: bool) -> tuple[bytes, State]:
        """What to write, and the state afterwards; changes nothing."""
        vocabulary = self._vocabulary
        if vocabulary is None:
            vocabulary = self._vocabulary = Vocabulary(self._values, self._encoding)
        if len(data) <= _BLOCK:
            return vocabulary.masked(data, self._state, last)
        parts, state = [], self._state
        for start in range(0, len(data), _BLOCK):
            end = start + _BLOCK
            masked, state = vocabulary.masked(data[start:end], state, last and end >= len(data))
            parts.append(masked)
        ready = b"".join(parts)
        return data if ready == data else ready, state

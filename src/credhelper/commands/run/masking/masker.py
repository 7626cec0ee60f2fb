# SPDX-License-Identifier: MIT
"""Credential values in a stream of bytes, replaced by their names."""

from __future__ import annotations

import sys
from _io import TextIOWrapper  # io's C half: io has classes of its own to make
from _thread import RLock, start_new_thread  # threading imports more than the hot path affords
from sys import is_finalizing  # by name: at the very end, the module is emptied
from time import sleep

from credhelper.commands.run.masking.forms import AS_THEY_ARE
from credhelper.commands.run.masking.gaps import common
from credhelper.commands.run.masking.openings import ENDS
from credhelper.commands.run.masking.vocabulary import NOTHING, Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from credhelper.commands.run.masking.vocabulary import State

    Sink = Callable[[bytes], object]

_BLOCK: Final = 1 << 18  # bytes that are looked at in one go
_QUIET: Final = (
    0.05  # seconds without a write: then a person may be waiting for the rest of a prompt
)
_SHOWN: Final = 7  # bytes; more of a form is none of a prompt
_NO_ENDS: Final = bytes(range(256)).translate(None, ENDS)
_TAIL: Final = 64  # bytes of a block that mostly have one of the ends


class Masker:
    """Replaces each form of each value by ``[credential NAME]``.

    The leftmost form is replaced, of several there the longest, and the replacement is not looked
    at again. A form that is longer than ``HEAD`` bytes is replaced as far as the stream follows it.
    Held back is the longest end of the stream that a form could begin with, and nothing else.
    """

    def __init__(self, values: Mapping[str, bytes], encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._ask: Callable[[], str] = lambda: encoding
        self._values = dict(values)
        # by encoding, made when first needed: many print nothing
        self._vocabularies: dict[str, Vocabulary] = {}
        self._ended = False
        self._terminal = False
        self.forget()

    def follow(self, encoding: Callable[[], str], *, terminal: bool) -> None:
        """Asks at each write for the ``encoding`` of what comes.

        At a ``terminal``, of a few bytes that are held back a person gets to see those that a form
        begins with, when nothing follows for 50 ms: they may be the end of a prompt.
        """
        self._ask = encoding
        self._terminal = terminal

    def end(self) -> None:
        """Holds nothing back any more, once something is written: it may be the last."""
        self._ended = True
        self._encoding = self._ask()
        if self._encoding.lower() not in AS_THEY_ARE:
            self._look_up()  # while there are codecs

    def forget(self) -> None:
        """Drops what is held back: after a fork it is the parent's to write."""
        self._lock = RLock()
        self._state = NOTHING
        self._passing: list[bytes] | None = None  # the blocks that are on their way
        self._unsent = b""  # what a full descriptor that does not block has not taken yet
        self._writes = 0
        self._shown = 0  # bytes of what is held back that a person has seen
        self._waits = False  # a thread does, to show more

    def add(self, name: str, value: bytes) -> None:
        """Masks ``value`` too, in what comes from now on. Any thread may call it."""
        with self._lock:
            self._values[name] = value
            self._vocabularies = {}

    def feed(self, data: bytes) -> bytes:
        """What can be written of the stream, now that ``data`` came."""
        written: list[bytes] = []
        self.write([data], written.append)
        return b"".join(written)

    def finish(self) -> bytes:
        """What was held back: nothing comes after it."""
        written: list[bytes] = []
        self.write([b""], written.append, last=True)
        return b"".join(written)

    def write(
        self,
        blocks: list[bytes],
        sink: Sink,
        *,
        last: bool = False,
        gathered: bool = False,
        more: bool = False,
    ) -> None:
        """Passes to ``sink`` what :meth:`feed`, or if ``last`` :meth:`finish`, would return.

        The ``blocks``, any number, are taken out of the list; so may be what a thread or a signal
        handler adds to it meanwhile, and to that list goes what such a handler writes elsewhere.
        Raises what ``sink`` raises; then its blocks count as written, as they do in :mod:`io`.
        Of ``gathered`` ones, who wrote them was told so before: what is not sent then comes first
        the next time. If there is ``more`` to come, a few bytes of them may stay in the list.
        """
        if is_finalizing() and not self._lock.acquire(timeout=1):
            raise RuntimeError("a thread that does not run any more is in the middle of a write")
        last = last or self._ended
        with self._lock:
            self._writes += 1
            passing = self._passing
            if passing is not None:  # this is a signal handler in the middle of a write: it goes on
                while blocks and blocks is not passing:
                    passing.append(blocks.pop(0))
                return
            self._passing = blocks
            try:
                self._encoding = self._ask()
                count = _cut(blocks) if more and blocks else len(blocks)
                while len(blocks) > more:
                    if count > 1:
                        blocks[:count] = [b"".join(blocks[:count])]
                    told = gathered or count > 1
                    self._pass(blocks, sink, last and len(blocks) == 1, gathered=told)
                    count = len(blocks)
            finally:
                self._passing = None
            if self._terminal and self._shown < len(self._state[0]) <= _SHOWN and not self._waits:
                self._waits = True
                try:
                    start_new_thread(self._show, (sink,))
                except RuntimeError:  # there are too many
                    self._waits = False

    def _show(self, sink: Sink) -> None:
        """Shows what is held back once nothing comes any more; held back it stays."""
        seen = -1
        while seen != self._writes:
            seen = self._writes
            sleep(_QUIET)
        with self._lock:
            self._waits = False
            held = self._state[0]
            if len(held) <= _SHOWN:
                rest, self._shown = held[self._shown :], len(held)
                try:
                    sink(rest)
                    sink.__self__.flush()  # type: ignore[attr-defined] # it is a stream's
                except (OSError, ValueError):  # it was closed
                    pass

    def _unseen(self, ready: bytes) -> bytes:
        """What of ``ready`` nobody has seen yet."""
        seen = common(self._state[0][: self._shown], ready)
        self._shown = self._shown - seen if seen == len(ready) else 0
        return ready[seen:]

    def _pass(self, blocks: list[bytes], sink: Sink, last: bool, *, gathered: bool) -> None:
        """The first of ``blocks``; if ``gathered``, those of several writes."""
        interrupt: BaseException | None = None
        data = blocks[0]
        try:
            ready, state = self._masked(data, last)
        except BaseException as error:  # a signal handler's, such as KeyboardInterrupt
            interrupt = error
            try:
                ready, state = self._masked(data, last)  # so that no byte is lost
            except BaseException:
                del blocks[0]
                raise
        if self._shown:
            ready = self._unseen(ready)
        if self._unsent:
            ready, self._unsent = self._unsent + ready, b""
        try:
            sink(ready)
        except BlockingIOError as error:
            if gathered or ready is not data:  # the count is not one of the caller's bytes
                self._unsent = ready[error.characters_written :]
                error.characters_written = len(data)
            raise
        finally:
            self._state = state
            del blocks[0]
        if interrupt:
            raise interrupt

    def _masked(self, data: bytes, last: bool) -> tuple[bytes, State]:
        """What to write, and the state afterwards; changes nothing."""
        vocabulary = self._vocabularies.get(self._encoding) or self._look_up()
        if len(data) <= _BLOCK:
            return vocabulary.masked(data, self._state, last)
        parts, state = [], self._state
        for start in range(0, len(data), _BLOCK):
            end = start + _BLOCK
            masked, state = vocabulary.masked(data[start:end], state, last and end >= len(data))
            parts.append(masked)
        ready = b"".join(parts)
        return data if ready == data else ready, state

    def _look_up(self) -> Vocabulary:
        try:
            vocabulary = Vocabulary(self._values, self._encoding)
        except (LookupError, UnicodeError):  # one for host names, or not there any more
            vocabulary = Vocabulary(self._values, "utf-8")
        self._vocabularies[self._encoding] = vocabulary
        return vocabulary


def _cut(blocks: list[bytes]) -> int:
    """Cuts the last of ``blocks`` near its end, where mostly no form goes on; how many end there.

    What it was is changed at once: other threads add theirs.
    """
    last = len(blocks) - 1
    block = blocks[last]
    end = block[-_TAIL:].translate(None, _NO_ENDS)[-1:]
    place = block.rfind(end) + 1 if end else len(block)
    blocks[last : last + 1] = block[:place], block[place:]
    return last + 1


def encoding_of(name: str, stream: Callable[[], TextIOWrapper | None]) -> Callable[[], str]:
    """What tells the encoding of what comes to ``stream``, or to another on its buffer."""
    last = "utf-8"

    def encoding() -> str:
        nonlocal last
        ours, current = stream(), getattr(sys, name, None)
        if current is not ours and isinstance(current, TextIOWrapper):
            try:
                if ours is None or current.buffer is ours.buffer:
                    ours = current
            except ValueError:  # one was detached
                ours = current
        if ours is not None:
            last = ours.encoding
        return last

    return encoding

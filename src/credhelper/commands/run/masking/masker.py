# SPDX-License-Identifier: MIT
"""Credential values in a stream of bytes, replaced by their names."""

from __future__ import annotations

from _thread import RLock  # threading imports more than the hot path can afford
from sys import is_finalizing  # by name: at the very end, the module is emptied

from credhelper.commands.literals import Literals
from credhelper.commands.run.masking.forms import (
    SHORTEST,
    beginning,
    continuations,
    encoded,
    lines,
    spelled,
    stripped,
)
from credhelper.commands.run.masking.openings import Openings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    Following = tuple[tuple[bytes, int], ...]  # long forms that the stream is in, and how far
    State = tuple[bytes, Following]  # the bytes held back; those are none within a long form

HEAD: Final = 1024  # bytes; so much of a longer form counts as the form: little is held back
_BLOCK: Final = 1 << 18  # bytes that are looked at in one go
_NOTHING: Final[State] = (b"", ())


def too_short(values: Mapping[str, bytes]) -> tuple[str, ...]:
    """The names of the ``values`` that are not masked: 1 to 3 bytes, blanks around them aside."""
    return tuple(name for name, value in values.items() if 0 < len(stripped(value)) < SHORTEST)


class Masker:
    """Replaces each form of each value by ``[credential NAME]``.

    The leftmost form is replaced, of several there the longest, and the replacement is not looked
    at again. A form that is longer than ``HEAD`` bytes is replaced as far as the stream follows it.
    Held back is the longest end of the stream that a form could begin with, and nothing else.
    """

    def __init__(self, values: Mapping[str, bytes], encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._values = dict(values)
        self._vocabulary: _Vocabulary | None = None  # made when first needed: many print nothing
        self._ended = False
        self.forget()

    def end(self) -> None:
        """Holds nothing back any more, once something is written: it may be the last."""
        self._ended = True

    def forget(self) -> None:
        """Drops what is held back: after a fork it is the parent's to write."""
        self._lock = RLock()
        self._state = _NOTHING
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
            vocabulary = self._vocabulary = _Vocabulary(self._values, self._encoding)
        if len(data) <= _BLOCK:
            return vocabulary.masked(data, self._state, last)
        parts, state = [], self._state
        for start in range(0, len(data), _BLOCK):
            end = start + _BLOCK
            masked, state = vocabulary.masked(data[start:end], state, last and end >= len(data))
            parts.append(masked)
        ready = b"".join(parts)
        return data if ready == data else ready, state


class _Vocabulary:
    """The forms of the values, and what replaces each."""

    def __init__(self, values: Mapping[str, bytes], encoding: str) -> None:
        self._encoding = encoding
        self._labels: dict[bytes, bytes] = {}  # by a form, or the first HEAD bytes of it
        self._cut: dict[bytes, list[bytes]] = {}  # the values by such HEAD bytes of longer forms
        self._longer: dict[bytes, Following] = {}  # the longer forms: of values that were seen
        for name, value in values.items():
            label = encoded(f"[credential {name}]", encoding)
            value = stripped(value)
            for form in (*spelled(beginning(value, HEAD), encoding), *lines(value, encoding)):
                head = form[:HEAD]
                self._labels.setdefault(head, label)
                if len(form) > HEAD:
                    self._cut.setdefault(head, []).append(value)
        self._literals = Literals(self._labels)
        self._openings = Openings(self._labels)

    def masked(self, data: bytes, state: State, last: bool) -> tuple[bytes, State]:
        """What to write when ``data`` comes after ``state``, and the state afterwards."""
        held, following = state
        if following:
            taken, following = _follow(data, following)
            if following and not last:
                return b"", (b"", following)
            data = data[taken:]
        if held:
            data = held + data
        ready: list[bytes] = []
        done, size = 0, len(data)
        # the last is the leftmost, and of those the longest
        places = self._literals.places(data)
        places.sort(key=lambda place: (-place[0], len(place[1])))
        hold = size if last else self._openings.hold(data, done)
        while places:
            start, form, _ = places.pop()
            if start < done:
                continue
            if start >= hold:
                break
            ready += data[done:start], self._labels[form]
            done = start + len(form)
            if form in self._cut:
                taken, following = _follow(data[done:], self._whole(form))
                done += taken
                if following and done == size and not last:
                    return b"".join(ready), (b"", following)
            if hold < done:
                hold = size if last else self._openings.hold(data, done)
        if not ready and hold == size:
            return data, _NOTHING
        ready.append(data[done:hold])
        return b"".join(ready), (data[hold:], ())

    def _whole(self, head: bytes) -> Following:
        """The forms that begin with ``head``, as followed up to its end."""
        if head not in self._longer:
            self._longer[head] = tuple(
                (form, HEAD)
                for value in self._cut[head]
                for form in continuations(head, value, self._encoding)
            )
        return self._longer[head]


def _follow(data: bytes, following: Following) -> tuple[int, Following]:
    """How many bytes of ``data`` go on with one of the forms; the forms that go on after it."""
    most, still = 0, []
    for form, done in following:
        taken = _common(data, form[done : done + len(data)])
        most = max(most, taken)
        if taken == len(data) and done + taken < len(form):
            still.append((form, done + taken))
    return most, tuple(still)


def _common(one: bytes, other: bytes) -> int:
    """The length of the beginning that both share."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low

# SPDX-License-Identifier: MIT
"""The script's stdout and stderr, so that no credential value shows in what it writes there.

Covered is what goes through ``sys.stdout`` and ``sys.stderr``, their ``buffer`` and ``buffer.raw``.
Not covered: ``os.write(1, ...)``, the output of a child (but see ``workers``), the prompt that
``input()`` hands to the terminal itself, and a value that the script transforms in another way than
:func:`forms` knows.
What is held back, the beginning of a value, is lost with ``os._exit`` and with a fatal signal, as
is what Python itself holds in its buffers then.
"""

from __future__ import annotations

import _io  # io's C half: io has classes of its own to make
import atexit
import os
import sys
from _io import BytesIO  # by name: at the very end, the module is emptied
from _weakref import ref

from credhelper.commands.run.masking import tracers
from credhelper.commands.run.masking.masker import Masker, encoding_of
from credhelper.commands.run.masking.tracers import prune
from credhelper.commands.run.masking.vocabulary import left_alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import ReadableBuffer

# what the module nested_writes is for
_NESTED_WRITES_BREAK = sys.version_info < (3, 11, 10) or (3, 12) <= sys.version_info < (3, 12, 5)
_ROOM = 56 << 10  # bytes: at once, they cost little more than 8 KiB, and fit into a pipe

__all__ = ["Masker", "install", "left_alone", "prune", "release"]


def install(values: Mapping[str, bytes]) -> tuple[Masker, ...]:
    """Masks ``values`` on ``sys.stdout`` and ``sys.stderr``; returns the maskers, to add to.

    A stream that is not there, because its descriptor was closed, stays away.
    """
    maskers = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            continue
        stream.flush()
        masker = Masker(values, stream.encoding)
        masked = _like(stream, masker)
        masker.follow(encoding_of(name, ref(masked)), terminal=stream.isatty())
        setattr(sys, name, masked)
        setattr(sys, f"__{name}__", masked)
        os.register_at_fork(after_in_child=masker.forget)
        atexit.register(_end, masked, masker)
        maskers.append(masker)
    tracers.keep_out()
    return tuple(maskers)


def _end(stream: _io.TextIOWrapper, masker: Masker) -> None:
    """Has what is held back written with what the stream still holds, when Python flushes it."""
    masker.end()
    for (
        name
    ) in tracers.OWN:  # Python empties the modules that it finds, before it lets go of the streams
        sys.modules.pop(name, None)
    try:
        if isinstance(stream.buffer, GatheringWriter):
            stream.buffer.end()
        stream.write("")  # a stream without anything to write would not get to the masker
        if isinstance(stream.buffer, MaskedFile):  # python3 -u: from 3.14 on, it still would not
            stream.buffer.write(b"")
    except (OSError, ValueError):  # ValueError: closed, or another stream has its buffer
        pass


def release() -> None:
    """Writes what is held back: nothing comes after it."""
    for stream in (sys.__stdout__, sys.__stderr__):
        buffer = getattr(stream, "buffer", None)
        if stream and isinstance(buffer, MaskedFile | MaskedWriter):
            try:
                stream.flush()
                buffer.release()
            except (OSError, ValueError):  # it was closed
                pass


def _like(stream: _io.TextIOWrapper, masker: Masker) -> _io.TextIOWrapper:
    """A stream as create_stdio() in CPython's pylifecycle.c made ``stream``."""
    descriptor = stream.fileno()
    buffer: MaskedFile | MaskedWriter
    if isinstance(stream.buffer, _io._RawIOBase):  # python3 -u
        buffer = MaskedFile(descriptor, stream.name, masker)
    else:
        file = _io.FileIO(descriptor, "wb", closefd=False)
        file.name = stream.name
        size = _buffer_size(descriptor)
        buffer = (GatheringWriter if size >= _ROOM else MaskedWriter)(file, size, masker)
    kind: type[_io.TextIOWrapper] = _io.TextIOWrapper
    if isinstance(buffer, MaskedWriter) and _NESTED_WRITES_BREAK:
        from credhelper.commands.run.masking.nested_writes import Text

        kind = Text
    masked = kind(
        buffer,
        stream.encoding,
        stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    masked.mode = "w"  # type: ignore[misc] # as create_stdio() sets it; read-only to the stubs
    return masked


def _buffer_size(descriptor: int) -> int:
    """What open() chooses."""
    try:
        size = os.fstat(descriptor).st_blksize
    except OSError:  # a FUSE file system of the caller's, which root may write to and not look at
        size = 0
    if sys.version_info >= (3, 14):
        return max(min(size, 8 << 20), _io.DEFAULT_BUFFER_SIZE)
    return size if size > 1 else _io.DEFAULT_BUFFER_SIZE


class _Held(_io._IOBase):
    """What both streams below share: a part of what comes to them is held back."""

    def release(self) -> None:
        """Writes what is held back."""
        self._pass_on(b"", last=True)

    def seek(self, target: int, whence: int = 0, /) -> int:
        """As :meth:`io.IOBase.seek`; what is held back belongs before the new place."""
        self.release()
        return super().seek(target, whence)

    def truncate(self, size: int | None = None, /) -> int:
        """As :meth:`io.IOBase.truncate`; what is held back is written first."""
        self.release()
        return super().truncate(size)

    def _pass_on(self, block: bytes, /, *, last: bool) -> None:
        raise NotImplementedError


class MaskedWriter(_Held, _io.BufferedWriter):
    """The ``buffer`` of a stream. What it buffers is masked, so that errors go Python's own way."""

    def __init__(self, file: _io.FileIO, size: int, masker: Masker) -> None:
        super().__init__(file, size)
        self._masker = masker
        self._blocks: list[bytes] = []  # what goes to the masker
        self._raw: MaskedFile | None = None
        self.closes: Callable[[], object] = bool  # what is to be told

    @property
    def raw(self) -> MaskedFile:  # type: ignore[override] # an attribute to the stubs
        """The stream below, masked too."""
        if self._raw is None:
            self._raw = MaskedFile(self.fileno(), str(self.name), self._masker)
        return self._raw

    def detach(self) -> MaskedFile:
        """The stream below; this one is of no use afterwards."""
        raw = self.raw
        super().detach()
        return raw

    def write(self, data: ReadableBuffer, /) -> int:
        """As :meth:`io.BufferedWriter.write`."""
        block = _bytes(data)
        self._pass_on(block)
        return len(block)

    def close(self) -> None:
        """Writes everything; the descriptor stays open."""
        try:
            if not self.closed:
                self.release()
        finally:
            super().close()
            self.closes()

    def _pass_on(self, *blocks: bytes, **how: bool) -> None:
        self._blocks += blocks
        self._masker.write(self._blocks, super().write, **how)


class GatheringWriter(MaskedWriter):
    """The same where Python buffers much: what fits into that is masked many writes at a time."""

    _size = 0  # bytes that are gathered; a little off where threads write at once

    def write(self, data: ReadableBuffer, /) -> int:
        """As :meth:`io.BufferedWriter.write`."""
        block = _bytes(data)
        if self.closed:
            return super().write(block)  # it refuses
        size, taken = len(block), 0
        try:
            if self._size + size > _ROOM:
                self._pass_on(gathered=True, more=True)
                self._send()
            self._blocks.append(block)
            self._size, taken = self._size + size, size
            if size > _ROOM:
                self._pass_on()
        except BlockingIOError as error:
            error.characters_written = min(taken, error.characters_written)
            raise
        return size

    def _send(self) -> None:
        """Lets a reader go on with that meanwhile; what a full descriptor does not take stays."""
        try:
            _io.BufferedWriter.flush(self)
        except BlockingIOError:
            pass

    def flush(self) -> None:
        """As :meth:`io.BufferedWriter.flush`; what may become a value stays back."""
        if self._blocks:  # or nothing here takes memory: Python's last flush may have none
            self._pass_on(gathered=True)
        _io.BufferedWriter.flush(self)  # super() would not do if end() comes first

    def tell(self) -> int:
        """As :meth:`io.BufferedWriter.tell`."""
        self._pass_on(gathered=True)
        return _io.BufferedWriter.tell(self)

    def end(self) -> None:
        """Gathers nothing any more: Python's own last flush then shows no frame of here."""
        self.__class__ = MaskedWriter  # type: ignore[assignment]
        self._pass_on(gathered=True)

    def _pass_on(self, *blocks: bytes, **how: bool) -> None:
        self._size = 0
        MaskedWriter._pass_on(self, *blocks, **how)


class MaskedFile(_Held, _io.FileIO):
    """A descriptor that is written to at once: the ``raw`` of a stream."""

    def __init__(self, descriptor: int, name: str, masker: Masker) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.name = name
        self._masker = masker
        self._blocks: list[bytes] = []  # what goes to the masker
        self._rest = b""  # what a full descriptor that does not block has not taken yet

    def write(self, data: ReadableBuffer, /) -> int | None:  # type: ignore[override] # narrower in the stubs
        """As :meth:`io.RawIOBase.write`, but that it takes all where the descriptor takes some."""
        block = _bytes(data)
        if self._rest:
            self._pass_on(b"")
        if self._rest:
            return None
        self._pass_on(block)
        return len(block)

    def close(self) -> None:
        """Writes everything; the descriptor stays open."""
        try:
            if not self.closed:
                self.release()
        finally:
            super().close()

    def _pass_on(self, block: bytes, *, last: bool = False) -> None:
        self._blocks.append(block)
        self._masker.write(self._blocks, self._send, last=last)

    def _send(self, data: bytes) -> None:
        data, self._rest = self._rest + data, b""
        while data:
            sent = super().write(data)
            if sent is None:
                self._rest = data
                break
            data = data[sent:]


def _bytes(data: ReadableBuffer) -> bytes:
    if type(data) is bytes:
        return data
    copy = BytesIO()
    copy.write(data)  # it refuses what it should, in the words of the other streams
    return copy.getvalue()

# SPDX-License-Identifier: MIT
"""Reading a file that may be sparse, without a size, growing or held by its owner."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK: Final = 1 << 20  # bytes
UNSIZED: Final = 64 << 20  # bytes that are read of a file without a size, as those of proc(5)


def chunks(descriptor: int, problems: list[str]) -> Iterator[bytes]:
    """The data of a regular file in pieces of at most CHUNK bytes, holes left out.

    Bounded by the size at the start: a file that grows meanwhile ends. One without a size is read
    to its end, or up to UNSIZED. A read error ends the pieces and is appended to problems.
    """
    size, position = os.fstat(descriptor).st_size, 0
    try:
        while position < size:
            end = size
            if size > CHUNK:
                start, end = _extent(descriptor, position, size)
                if start > position:
                    yield b"\0" * 8
                position = start
            while position < end:
                piece = os.pread(descriptor, min(CHUNK, end - position), position)
                if not piece:
                    return
                position += len(piece)
                yield piece
        while size == 0 and (piece := os.pread(descriptor, CHUNK, position)):
            position += len(piece)
            yield piece
            if position > UNSIZED:
                problems.append(f"has no size: its first {UNSIZED >> 20} MB were searched")
                return
    except OSError as error:
        problems.append(f"cannot be read: {reason(error)}")


def streamed(problems: list[str]) -> Iterator[bytes]:
    """Standard input in pieces, up to its end; a read error is appended to problems."""
    try:
        while piece := os.read(0, CHUNK):
            yield piece
    except OSError as error:
        problems.append(f"cannot be read: {reason(error)}")


def _extent(descriptor: int, position: int, size: int) -> tuple[int, int]:
    """Where the next data begins and ends (lseek(2)); all is data where holes are not known."""
    try:
        start = os.lseek(descriptor, position, os.SEEK_DATA)
        return start, min(size, os.lseek(descriptor, start, os.SEEK_HOLE))
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size, size
        if error.errno == errno.EINVAL:
            return position, size
        raise


def reason(error: OSError) -> str:
    """What the system says, in lowercase."""
    if error.errno == errno.EWOULDBLOCK:
        return "its owner holds it by a lease (fcntl(2))"
    return (error.strerror or "unknown error").lower()

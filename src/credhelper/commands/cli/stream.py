# SPDX-License-Identifier: MIT
"""Values from where they are: a file, standard input, a FIFO, another manager's output."""

from __future__ import annotations

import os
import stat
from typing import Final

from credhelper.commands import piped
from credhelper.commands.source import Source
from credhelper.errors import InvalidValue, UsageError
from credhelper.unsealing import MAXIMUM_VALUE_BYTES

_STANDARD_INPUT: Final = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_MOST: Final = MAXIMUM_VALUE_BYTES + 1  # enough to tell that it is too much
_PATIENCE_SECONDS: Final = 60.0  # for whoever writes into a FIFO


def obtain(path: str, *, delete: bool = False) -> tuple[bytes, Source | None]:
    """All that ``path`` holds or brings, ``-`` for standard input; and the file, if it is one.

    Raises :class:`InvalidValue` for what cannot be read, is more than a credential may hold, or
    where nobody writes. With ``delete``, which is for files, this or :class:`UsageError` for pipes.
    """
    value = _piped(path)
    if value is None:
        source = Source(path)
        return source.value, source
    if delete:
        kind = UsageError if path in _STANDARD_INPUT else InvalidValue
        raise kind("--delete-source needs a file", "leave it out: a pipe leaves nothing")
    return value, None


def standard_input() -> bytes:
    """All of standard input. Raises as :func:`obtain` does."""
    try:
        value = piped.read(piped.STDIN, _MOST)
    except OSError as error:
        raise InvalidValue(
            f"standard input cannot be read: {error.strerror}", "nothing has changed; pipe it in"
        ) from None
    return _fitting(value, "standard input")


def _piped(path: str) -> bytes | None:
    """What comes through ``path``; None where it is no pipe."""
    if path in _STANDARD_INPUT:
        return standard_input()
    try:
        return _fifo(path) if stat.S_ISFIFO(os.stat(path).st_mode) else None
    except OSError:  # said by who reads it as a file
        return None


def _fifo(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        value = piped.read(descriptor, _MOST, _PATIENCE_SECONDS)
    except TimeoutError:
        raise InvalidValue(
            "is a pipe that nobody has written to the end",
            "start who writes first, or pipe it in: ... | sudo credhelper ... -",
            path,
        ) from None
    finally:
        os.close(descriptor)
    return _fitting(value, path)


def _fitting(value: bytes, source: str) -> bytes:
    if len(value) > MAXIMUM_VALUE_BYTES:
        raise InvalidValue(
            f"has more than {MAXIMUM_VALUE_BYTES} bytes", "that is systemd's limit", source
        )
    return value

# SPDX-License-Identifier: MIT
"""Where a value comes from: the prompt, a pipe or a file."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from credhelper.commands.cli import prompt
from credhelper.errors import InvalidValue, StoreFailed, UsageError
from credhelper.sealing import MAXIMUM_VALUE_BYTES

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a verb's parser."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--stdin", action="store_true", help="read the value from standard input")
    source.add_argument(
        "--multiline", action="store_true", help="type or paste several lines, up to Control-D"
    )
    source.add_argument("--from-file", metavar="PATH", help="read the value from a file, exactly")
    parser.add_argument(
        "--delete-source",
        action="store_true",
        help="remove the file once the sealed copy is verified and on disk",
    )
    parser.add_argument(
        "--exact", action="store_true", help="keep a trailing newline of typed or piped input"
    )


def obtain(arguments: argparse.Namespace) -> tuple[bytes, Source | None]:
    """The value, and the file that it is from where there is one.

    Raises :class:`InvalidValue`, :class:`UsageError`, :class:`StoreFailed`.
    """
    name = arguments.name
    if arguments.delete_source and not arguments.from_file:
        raise UsageError("--delete-source goes with --from-file", "there is no file to delete")
    source = None
    exact = arguments.exact
    if arguments.from_file:
        source = Source(arguments.from_file)
        value = source.value
    elif arguments.stdin or not sys.stdin.isatty():
        value = _piped(name)
    elif arguments.multiline:
        value, exact = prompt.typed_lines(name), True
    else:
        value = prompt.typed(name)
    if not (exact or arguments.from_file) and value.endswith(b"\n"):
        value = value[: -2 if value.endswith(b"\r\n") else -1]
    if not value:
        raise InvalidValue(f"the value of {name} is empty", "nothing has changed; give it a value")
    return value, source


def _piped(name: str) -> bytes:
    try:
        value = sys.stdin.buffer.read(MAXIMUM_VALUE_BYTES + 1)
    except OSError as error:
        raise InvalidValue(
            f"standard input cannot be read: {error.strerror}", "nothing has changed; pipe it in"
        ) from None
    if len(value) > MAXIMUM_VALUE_BYTES:
        raise InvalidValue(
            f"the value of {name} has more than {MAXIMUM_VALUE_BYTES} bytes", "systemd's limit"
        )
    return value


class Source:
    """A file that holds a value, as it was read."""

    def __init__(self, path: str) -> None:
        """Raises :class:`InvalidValue` for what is no ordinary, readable file of a fitting size."""
        self.path = path
        try:
            with open(path, "rb", buffering=0, opener=_open_itself) as file:
                self._status = os.fstat(file.fileno())
                if not stat.S_ISREG(self._status.st_mode):
                    raise InvalidValue(f"{path} is not a regular file", "to read a pipe: --stdin")
                if self._status.st_size > MAXIMUM_VALUE_BYTES:
                    raise InvalidValue(
                        f"{path} has {self._status.st_size} bytes",
                        f"systemd's limit is {MAXIMUM_VALUE_BYTES}",
                    )
                self.value = file.readall()
        except OSError as error:
            link = os.path.islink(path)
            problem = "is a symbolic link" if link else f"cannot be read: {error.strerror}"
            hint = "give the path of the file itself" if link else "look at the path and its mode"
            raise InvalidValue(f"{path} {problem}", hint) from None

    def delete(self) -> None:
        """Removes the file, if it is still the one that was read. Raises :class:`StoreFailed`."""
        try:
            # by descriptor: its directory may be another user's, and change under our hands
            directory = os.open(os.path.dirname(self.path) or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                name = os.path.basename(self.path)
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if _identity(status) != _identity(self._status):
                    raise StoreFailed(f"{self.path} was changed meanwhile", "remove it by hand")
                os.unlink(name, dir_fd=directory)
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            if isinstance(error, StoreFailed):
                raise
            raise StoreFailed(
                f"{self.path} cannot be removed: {error.strerror}",
                "the credential is sealed; remove the file by hand",
            ) from None


def _open_itself(path: str, flags: int) -> int:
    """Opens the file, not what a symbolic link points to, and does not wait for a pipe's writer."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

# SPDX-License-Identifier: MIT
"""A file that holds a value in plaintext: read without being led astray, deleted when it may be.

The file may be another user's, and so may the directories above it: a symbolic link on the way is
followed only where root or the file's owner made it. The directory that was walked to is the one
in which the file is deleted, and only once its values are sealed and on disk.
"""

from __future__ import annotations

import os
import stat
from shlex import quote
from typing import TYPE_CHECKING, Final

from credhelper import mistakes
from credhelper.commands import installing
from credhelper.errors import CredentialError, InvalidValue, StoreFailed
from credhelper.unsealing import MAXIMUM_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credhelper.commands.directory import Change

_MAXIMUM_LINKS: Final = 40  # as the kernel follows, path_resolution(7)
_STEP: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Source:
    """A file that holds a value, as it was read: its ``path``, and its ``value`` byte for byte."""

    def __init__(self, path: str) -> None:
        """Raises :class:`InvalidValue` for what is no ordinary, readable file of a fitting size."""
        self.path = path
        try:
            self._directory, links = _walk(os.path.dirname(path))
        except OSError as error:
            raise _unreadable(path, error) from None
        try:
            self._name = os.path.basename(path)
            self._status = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
            _require_ordinary(path, self._status)  # before it is opened: that alone starts devices
            self.value = self._read()
            for owner in links - {0, self._status.st_uid}:
                raise InvalidValue(
                    f"is reached by a symbolic link of user id {owner}, whose file it is not",
                    "give the path without that link",
                    path,
                )
        except BaseException as error:
            os.close(self._directory)
            if isinstance(error, OSError):
                raise _unreadable(path, error) from None
            raise

    def _read(self) -> bytes:
        descriptor = os.open(self._name, _READ, dir_fd=self._directory)
        with open(descriptor, "rb", buffering=0) as file:
            self._status = os.fstat(descriptor)
            _require_ordinary(self.path, self._status)
            value = b""
            while len(value) <= MAXIMUM_VALUE_BYTES and (chunk := file.read(MAXIMUM_VALUE_BYTES)):
                value += chunk
            if _identity(os.fstat(descriptor)) != _identity(self._status):
                raise InvalidValue("changed while it was read", "try again", self.path)
        return value

    def delete(self, sealed: Mapping[str, bytes], change: Change | None = None) -> None:
        """Removes the file, if it is still the one that was read.

        ``sealed`` are the credentials (by name) that hold its values: they are made durable first,
        whoever stored them. Raises :class:`StoreFailed`; the file is there then,
        or may come back: that is said.
        """
        try:
            installing.make_durable(sealed, change)
        except CredentialError as error:
            raise StoreFailed(
                f"is kept: {error.problem}", "fix that, then remove it by hand", self.path
            ) from None
        try:
            # the walk's own descriptor cannot be synced
            directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._directory)
            try:
                status = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
                if status.st_nlink > 1 and _same_file(status, self._status):
                    raise StoreFailed(
                        f"has {status.st_nlink} names, and the value stays under the others: kept",
                        f"find them, then remove them: sudo find / -samefile {quote(self.path)}",
                        self.path,
                    )
                if _identity(status) != _identity(self._status):
                    raise StoreFailed("was changed meanwhile", "remove it by hand", self.path)
                os.unlink(self._name, dir_fd=directory)
                self._sync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            if isinstance(error, StoreFailed):
                raise
            raise StoreFailed(
                f"cannot be removed: {error.strerror}",
                "the credential is sealed; remove the file by hand",
                self.path,
            ) from None

    def _sync(self, directory: int) -> None:
        try:
            os.fsync(directory)
        except OSError as error:
            raise StoreFailed(
                f"is removed, but may come back with a power failure: {error.strerror}",
                "the credential is sealed; look at the disk, then at the path",
                self.path,
            ) from None


def _walk(path: str) -> tuple[int, set[int]]:
    """A descriptor of the directory ``path``, and who owns the symbolic links on the way to it."""
    left = path.split("/")
    here = os.open("/" if path.startswith("/") else ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    owners: set[int] = set()
    links = 0
    try:
        while left:
            part = left.pop(0)
            if part in ("", "."):
                continue
            step = os.open(part, _STEP, dir_fd=here)
            status = os.fstat(step)
            if not stat.S_ISLNK(status.st_mode):
                os.close(here)
                here = step
                continue
            try:
                target = os.readlink("", dir_fd=step)
            finally:
                os.close(step)
            owners.add(status.st_uid)
            links += 1
            if links > _MAXIMUM_LINKS:
                raise OSError(40, "Too many levels of symbolic links")
            left[:0] = target.split("/")
            if target.startswith("/"):
                os.close(here)
                here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except BaseException:
        os.close(here)
        raise
    return here, owners


def _require_ordinary(path: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        hint = f"give the path of the file itself: {quote(os.path.realpath(path))}"
        raise InvalidValue("is a symbolic link", hint, path)
    if stat.S_ISDIR(status.st_mode):
        raise InvalidValue("is a directory", "give the path of a file in it", path)
    if not stat.S_ISREG(status.st_mode):
        raise InvalidValue("is not a regular file", "give the path of one, or of a pipe", path)
    if status.st_size > MAXIMUM_VALUE_BYTES:
        limit = f"systemd's limit is {MAXIMUM_VALUE_BYTES}"
        raise InvalidValue(f"has {status.st_size} bytes", limit, path)


def _unreadable(path: str, error: OSError) -> InvalidValue:
    reason = f"cannot be read: {error.strerror}"
    meant = mistakes.closest_file(path) if isinstance(error, FileNotFoundError) else ""
    hint = f"did you mean {quote(meant)}?" if meant else "look at the path and its mode"
    return InvalidValue(reason, hint, path)


def _same_file(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file that was not touched; another name for it changes the last two."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_nlink,
    )

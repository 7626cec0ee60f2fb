# SPDX-License-Identifier: MIT
"""Root's own files in ``/etc``, beside the store: put there whole and checked, or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from credhelper.commands.directory import Change, Directory, NameTaken, opened
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(path: Path) -> bytes | None:
    """What is in the file at ``path``: None where there is none, empty for what is no file.

    Raises :class:`CredentialError`.
    """
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed(path, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with open(descriptor, "rb") as file:
        return file.read()


def place(
    path: Path, data: bytes, mode: int, accept: Callable[[bytes], None] | None = None
) -> None:
    """Puts ``data`` at ``path``, root:root with ``mode``, durably; it may replace what is there.

    ``accept`` gets the bytes as they were read back, and raises where they are not to be put in
    place. No signal ends this process between the new name and its way to the disk. Raises
    :class:`CredentialError`; nothing has changed then.
    """
    there = read(path) is not None
    with _changing(path, mode) as directory:
        try:
            directory.put(
                {path.name: data},
                lambda found: accept(found[path.name]) if accept else None,
                replaced=(path.name,) if there else (),
            )
        except NameTaken:
            raise CredentialError(f"{path} was made meanwhile", "run it again") from None


def remove(path: Path) -> None:
    """Removes the file at ``path``, durably. Raises :class:`CredentialError`."""
    with _changing(path) as directory, Change() as change:
        change.begin()
        try:
            os.unlink(path.name, dir_fd=directory.descriptor)
            os.fsync(directory.descriptor)
        except OSError as error:
            raise _failed(path, error) from None


def discard(path: Path) -> None:
    """Removes the file at ``path``, if there is one. Raises :class:`CredentialError`."""
    if read(path) is not None:
        remove(path)


@contextmanager
def _changing(path: Path, mode: int = 0o600) -> Iterator[Directory]:
    try:
        with opened(str(path.parent), mode) as directory:
            yield directory
    except FileNotFoundError as error:
        if isinstance(error, CredentialError):
            raise
        raise _failed(path.parent, error) from None


def _failed(path: Path, error: OSError) -> CredentialError:
    hint = f"look at it: ls -ld {path}"
    if isinstance(error, FileNotFoundError):
        hint = f"make the directory, as its package does: {path.parent}"
    return CredentialError(f"{path}: {error.strerror}", hint)

# SPDX-License-Identifier: MIT
"""Root's own files in ``/etc``, beside the store: put there whole and checked, or not at all."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from credhelper.commands.installing import LEFTOVER_PREFIX
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
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


def place(path: Path, data: bytes, mode: int, accept: Callable[[str], None] | None = None) -> None:
    """Puts ``data`` at ``path``, root:root with ``mode``, durably.

    ``accept`` gets the path of the complete file under another name, and raises where it is not
    to be put in place. No signal ends this process between the new name and its way to the disk.
    Raises :class:`CredentialError`; nothing has changed then.
    """
    with _locked(path) as directory:
        temporary = LEFTOVER_PREFIX + os.urandom(8).hex()
        try:
            _write(directory, temporary, data, mode)
            if accept:
                accept(f"{path.parent}/{temporary}")
            with _no_signals():
                os.rename(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
                os.fsync(directory)
        except OSError as error:
            if isinstance(error, CredentialError):
                raise
            raise _failed(path, error) from None
        finally:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)


def remove(path: Path) -> None:
    """Removes the file at ``path``, durably. Raises :class:`CredentialError`."""
    with _locked(path) as directory:
        try:
            with _no_signals():
                os.unlink(path.name, dir_fd=directory)
                os.fsync(directory)
        except OSError as error:
            raise _failed(path, error) from None


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The directory of ``path``, locked; what an interrupted command left there is swept."""
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failed(path.parent, error) from None
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        for name in os.listdir(directory):
            if name.startswith(LEFTOVER_PREFIX):
                os.unlink(name, dir_fd=directory)
        yield directory
    finally:
        os.close(directory)


@contextmanager
def _no_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write(directory: int, name: str, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(name, flags, 0o600, dir_fd=directory), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _failed(path: Path, error: OSError) -> CredentialError:
    hint = f"look at it: ls -ld {path}"
    if isinstance(error, FileNotFoundError):
        hint = f"make the directory, as its package does: {path.parent}"
    return CredentialError(f"{path}: {error.strerror}", hint)

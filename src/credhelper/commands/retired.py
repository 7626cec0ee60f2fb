# SPDX-License-Identifier: MIT
"""Values that others have replaced, kept sealed for ``leaks`` alone.

A key that has leaked is rotated first, and then its old value is what has to be found and taken
out of files and histories. So the sealed file stays, for a time, as ``NAME:SECONDS``: no name that
a credential may have, in a directory that systemd searches for no unit (systemd.exec(5)).
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from credhelper import envelope, store
from credhelper.errors import CredentialError, DamagedCredential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STATE: Final = "/var/lib/credhelper"
DIRECTORY: Final = f"{STATE}/retired"
MAXIMUM_AGE_DAYS: Final = 180


@dataclass(frozen=True)
class Retired:
    """A sealed value that ``name`` had until ``until`` (seconds since the epoch)."""

    name: str
    until: int
    blob: bytes


@contextmanager
def kept(blobs: Mapping[str, bytes]) -> Iterator[None]:
    """Keeps what is replaced within (by name), unless that raises; nothing of a damaged one.

    Raises :class:`StoreFailed`, :class:`UnsafeStore`, :class:`NotPermitted`.
    """
    with ExitStack() as undo:
        for name, blob in blobs.items():
            try:
                envelope.binding(blob)
            except DamagedCredential:
                continue
            undo.callback(_keep(name, blob))
        yield
        undo.pop_all()


def _keep(name: str, blob: bytes) -> Callable[[], None]:
    """Keeps what was sealed as ``name``, on the disk once this returns; what undoes it."""
    try:
        for directory in (STATE, DIRECTORY):
            try:
                os.mkdir(directory, 0o700)
            except FileExistsError:
                continue
            _sync(os.path.dirname(directory))
        descriptor = store.open_directory(DIRECTORY)
        try:
            file_name = _write(descriptor, name, blob)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except CredentialError:
        raise
    except OSError as error:
        raise store.failure(error, DIRECTORY) from None
    return lambda: os.unlink(f"{DIRECTORY}/{file_name}")


def entries() -> list[Retired]:
    """All that are kept, by name, the latest first. Raises as :func:`kept` does."""
    found = []
    with _Directory() as descriptor:
        for name, until in _names(descriptor):
            try:
                blob = store.read_at(descriptor, DIRECTORY, f"{name}:{until}").blob
            except FileNotFoundError:  # forgotten meanwhile
                continue
            found.append(Retired(name, until, blob))
    return sorted(found, key=lambda entry: (entry.name, -entry.until))


def count() -> dict[str, int]:
    """How many are kept, by name."""
    result: dict[str, int] = {}
    with _Directory() as descriptor:
        for name, _ in _names(descriptor):
            result[name] = result.get(name, 0) + 1
    return result


def forget(name: str = "", older_than_days: float = 0) -> int:
    """Removes those of ``name``, or of all; only those older than so many days. How many."""
    removed = 0
    before = time.time() - older_than_days * 86400
    with _Directory() as descriptor:
        for kept, until in _names(descriptor):
            if name in ("", kept) and (until <= before or not older_than_days):
                os.unlink(f"{kept}:{until}", dir_fd=descriptor)
                removed += 1
        if removed:
            os.fsync(descriptor)
    return removed


class _Directory:
    """The directory, open; -1 where nothing was kept yet. Any failure names it."""

    def __enter__(self) -> int:
        try:
            self._descriptor = store.open_directory(DIRECTORY)
        except FileNotFoundError:
            self._descriptor = -1
        return self._descriptor

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        if isinstance(error, OSError) and not isinstance(error, CredentialError):
            raise store.failure(error, DIRECTORY) from None


def _names(descriptor: int) -> Iterator[tuple[str, int]]:
    for file_name in os.listdir(descriptor) if descriptor >= 0 else ():
        name, colon, until = file_name.rpartition(":")
        if name and colon and until.isdecimal():
            yield name, int(until)


def _write(directory: int, name: str, blob: bytes) -> str:
    """A new file, complete and synced before it has its name; that name."""
    temporary = f".{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        view = memoryview(blob)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
        until = int(time.time())
        while True:
            try:
                os.link(temporary, f"{name}:{until}", src_dir_fd=directory, dst_dir_fd=directory)
            except FileExistsError:
                until += 1
            else:
                return f"{name}:{until}"
    finally:
        os.close(file)
        os.unlink(temporary, dir_fd=directory)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

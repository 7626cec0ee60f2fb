# SPDX-License-Identifier: MIT
"""Values that others have replaced, kept sealed for ``leaks`` alone.

A key that has leaked is rotated first, and then its old value is what has to be found and taken
out of files and histories. So the sealed file stays, for a time, as ``NAME:SECONDS``: no name that
a credential may have, in a directory that systemd searches for no unit (systemd.exec(5)).
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper import envelope, store
from credhelper.commands import directory
from credhelper.errors import CredentialError, DamagedCredential

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
            _keep(name, blob, undo)
        yield
        undo.pop_all()


def _keep(name: str, blob: bytes, undo: ExitStack) -> None:
    """Keeps what was sealed as ``name``, on the disk once this returns; ``undo`` takes it back."""
    try:
        for path in (STATE, DIRECTORY):
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)
                directory.sync(os.path.dirname(path))
        with directory.Change(resume=True) as change, directory.opened(DIRECTORY, 0o600) as here:
            until = int(time.time())
            while store.exists(here.descriptor, f"{name}:{until}"):
                until += 1
            undo.callback(Path(DIRECTORY, f"{name}:{until}").unlink, missing_ok=True)
            here.put({f"{name}:{until}": blob}, lambda _: None, change=change)
    except CredentialError:
        raise
    except OSError as error:
        raise store.failure(error, DIRECTORY) from None


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

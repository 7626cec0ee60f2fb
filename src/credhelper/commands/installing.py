# SPDX-License-Identifier: MIT
"""Changing the store: installing and removing, under a lock on its directory (``directory``)."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from credhelper import store
from credhelper.commands.directory import Change, NameTaken, opened, sweep_path, sync
from credhelper.errors import CredentialExists, CredentialNotFound, StoreFailed
from credhelper.name import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Final

    from credhelper.commands.directory import Directory

_MODE: Final = 0o600


def install_many(
    blobs: Mapping[str, bytes],
    verify: Callable[[Mapping[str, bytes]], None],
    replaced: Collection[str],
    *,
    modified_ns: Mapping[str, int] | None = None,
    change: Change | None = None,
) -> None:
    """Puts all of ``blobs`` (by name) into the store, root:root 0600, or none.

    ``verify`` gets the bytes as they were read back from the disk and raises where they do not
    unseal to what was meant; nothing has changed then. ``modified_ns`` are the files' times, now
    by default. Those in ``replaced`` have to be there, the others must not. What fails undoes what
    it did; a crash in between leaves the first of them new and the others old, each of them whole.
    ``change`` tells how long to wait for others, and has signals wait from the first name on, to
    the end of its context. Raises :class:`CredentialExists`, :class:`CredentialNotFound`,
    :class:`UnsafeStore`, :class:`StoreFailed`.
    """
    with locked(change) as directory:
        for name in blobs:
            there = store.exists(directory.descriptor, name)
            if there and name not in replaced:
                raise already_there(name)
            if name in replaced and not there:
                raise store.absent(name)
        try:
            directory.put(blobs, verify, replaced=replaced, modified_ns=modified_ns, change=change)
        except NameTaken as taken:
            raise already_there(taken.name) from None


def already_there(name: str) -> CredentialExists:
    """The error for a name that is taken."""
    return CredentialExists(
        f"there is a credential {name} already",
        f"to give it a new value: sudo credhelper rotate {quoted(name)}",
    )


def remove(name: str, change: Change | None = None) -> None:
    """Removes ``name`` from ``/etc/credstore.encrypted``.

    Raises :class:`CredentialNotFound`, :class:`UnsafeStore` or :class:`StoreFailed`.
    """
    with locked(change) as directory, Change() as own:
        (change or own).begin()
        try:
            os.unlink(name, dir_fd=directory.descriptor)
        except FileNotFoundError:
            raise CredentialNotFound(
                f"there is no credential {name} in {store.WRITTEN}", "see sudo credhelper list"
            ) from None
        except OSError as error:
            raise store.failure(error, f"{store.WRITTEN}/{name}") from None
        try:
            os.fsync(directory.descriptor)
        except OSError as error:
            raise StoreFailed(
                f"is removed, but may come back with a power failure: {error.strerror}",
                "look at the disk, then at what is there: sudo credhelper list",
                f"{store.WRITTEN}/{name}",
            ) from None


def make_durable(blobs: Mapping[str, bytes], change: Change | None = None) -> None:
    """Makes sure that ``blobs`` (by name) are what the store has on disk, whoever put them there.

    That is the proof without which no plaintext is deleted. Raises :class:`StoreFailed`,
    :class:`UnsafeStore` or :class:`CredentialNotFound`.
    """
    with locked(change) as directory:
        for name, blob in blobs.items():
            path = f"{store.WRITTEN}/{name}"
            if store.read_at(directory.descriptor, store.WRITTEN, name).blob != blob:
                raise StoreFailed("was changed meanwhile", "look at it, then decide", path)
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                file = os.open(name, flags, dir_fd=directory.descriptor)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)
            except OSError as error:
                raise store.failure(error, path) from None
        try:
            os.fsync(directory.descriptor)
            sync(os.path.dirname(store.WRITTEN))
        except OSError as error:
            raise store.failure(error, store.WRITTEN) from None


def sweep() -> None:
    """Removes what an interrupted command left in the store, unless one is at work there now."""
    sweep_path(store.WRITTEN)


@contextmanager
def locked(change: Change | None = None) -> Iterator[Directory]:
    """The store, which nobody else changes meanwhile (flock(2)); made where it is missing.

    Raises :class:`StoreFailed`, :class:`UnsafeStore` or :class:`NotPermitted`.
    """
    try:
        os.mkdir(store.WRITTEN, 0o700)
        sync(os.path.dirname(store.WRITTEN))  # else a power failure could take all of it
    except FileExistsError:
        pass
    except OSError as error:
        raise store.failure(error, store.WRITTEN) from None
    with opened(store.WRITTEN, _MODE, change) as directory:
        try:
            if stat.S_IMODE(os.fstat(directory.descriptor).st_mode) != 0o700:
                os.fchmod(directory.descriptor, 0o700)
        except OSError as error:
            raise store.failure(error, store.WRITTEN) from None
        yield directory

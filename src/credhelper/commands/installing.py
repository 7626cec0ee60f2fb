# SPDX-License-Identifier: MIT
"""Changing the store: installing and removing.

A file changes only by a rename of a complete, verified and synced one, under a lock on the
directory, so that a crash at any instruction leaves the old or the new credential whole.
"""

from __future__ import annotations

import fcntl
import os
import stat

from credhelper import store
from credhelper.errors import CredentialError, CredentialExists, CredentialNotFound, StoreFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from typing import Final

# systemd's own manner of naming what is not finished: no glob of ImportCredential= matches it
LEFTOVER_PREFIX: Final = ".#credhelper-"


def install(
    name: str,
    blob: bytes,
    verify: Callable[[bytes], None],
    *,
    replace: bool = False,
    modified_ns: int | None = None,
) -> None:
    """Puts ``blob`` into the store as ``name``, root:root 0600, whole or not at all.

    ``verify`` gets the bytes as they were read back from the disk and raises where they do not
    unseal to what was meant; nothing has changed then. ``modified_ns`` is the file's time, now
    by default. Raises :class:`CredentialExists` without, :class:`CredentialNotFound` with
    ``replace``, and :class:`UnsafeStore`, :class:`StoreFailed`.
    """
    replaced = (name,) if replace else ()
    times = {} if modified_ns is None else {name: modified_ns}
    install_many({name: blob}, lambda read: verify(read[name]), replaced, modified_ns=times)


def install_many(
    blobs: Mapping[str, bytes],
    verify: Callable[[Mapping[str, bytes]], None],
    replaced: Collection[str],
    *,
    modified_ns: Mapping[str, int] | None = None,
) -> None:
    """Puts all of ``blobs`` (by name) into the store, or none: as :func:`install` does each.

    Those in ``replaced`` have to be there, the others must not. What fails undoes what it did;
    a crash in between leaves the first of them new and the others old, each of them whole.
    """
    with locked() as directory:
        for name in blobs:
            _check_whether_there(directory, name, name in replaced)
        temporary = {name: LEFTOVER_PREFIX + os.urandom(8).hex() for name in blobs}
        undo: list[Callable[[], None]] = []
        failing = next(iter(blobs), "")
        times = modified_ns or {}
        try:
            for failing in blobs:
                time = times.get(failing)
                _write_new(directory, temporary[failing], blobs[failing], time)
            verify({name: _read_back(directory, temporary[name]) for name in blobs})
            for failing in blobs:
                undo.append(_take_name(directory, temporary[failing], failing, failing in replaced))
            os.fsync(directory)
        except BaseException as error:
            _undo(undo, f"{store.WRITTEN}/{failing}")
            if isinstance(error, FileExistsError) and not isinstance(error, CredentialError):
                raise already_there(failing) from None
            if isinstance(error, OSError) and not isinstance(error, CredentialError):
                raise store.failure(error, f"{store.WRITTEN}/{failing}") from None
            raise
        finally:
            _sweep_quietly(directory)


def _undo(steps: list[Callable[[], None]], path: str) -> None:
    try:
        for step in reversed(steps):
            step()
    except OSError as error:
        raise StoreFailed(
            f"{path}: {error.strerror}, and what was done before cannot be undone",
            "look at the disk, then see what stands there: sudo credhelper list --verify",
        ) from None


def _check_whether_there(directory: int, name: str, expected: bool) -> None:
    there = store.exists(directory, name)
    if there and not expected:
        raise already_there(name)
    if expected and not there:
        raise store.absent(name)


def already_there(name: str) -> CredentialExists:
    """The error for a name that is taken."""
    return CredentialExists(
        f"there is a credential {name} already",
        f"to give it a new value: sudo credhelper rotate {name}",
    )


def _take_name(directory: int, temporary: str, name: str, replace: bool) -> Callable[[], None]:
    """Gives the file ``temporary`` its ``name``; what undoes that."""
    if not replace:  # a link refuses what is there, whoever put it there
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        return lambda: os.unlink(name, dir_fd=directory)
    kept = LEFTOVER_PREFIX + os.urandom(8).hex()
    os.link(name, kept, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    return lambda: os.rename(kept, name, src_dir_fd=directory, dst_dir_fd=directory)


def remove(name: str) -> None:
    """Removes ``name`` from ``/etc/credstore.encrypted``.

    Raises :class:`CredentialNotFound`, :class:`UnsafeStore` or :class:`StoreFailed`.
    """
    with locked() as directory:
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            raise CredentialNotFound(
                f"there is no credential {name} in {store.WRITTEN}", "see sudo credhelper list"
            ) from None
        except OSError as error:
            raise store.failure(error, f"{store.WRITTEN}/{name}") from None
        try:
            os.fsync(directory)
        except OSError as error:
            raise StoreFailed(
                f"{store.WRITTEN}/{name} is removed, but may come back with a power failure: "
                f"{error.strerror}",
                "look at the disk, then see what is there: sudo credhelper list",
            ) from None


def sweep() -> None:
    """Removes what an interrupted command left in the store, unless one is at work there now."""
    try:
        directory = store.open_directory(store.WRITTEN)
    except (FileNotFoundError, CredentialError):
        return
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sweep_quietly(directory)
    except OSError:  # somebody is at work there
        return
    finally:
        os.close(directory)


class _Lock:
    """The store, open and locked; made where it is missing. The lock goes with the descriptor."""

    def __enter__(self) -> int:
        try:
            os.mkdir(store.WRITTEN, 0o700)
            _sync(os.path.dirname(store.WRITTEN))  # else a power failure could take all of it
        except FileExistsError:
            pass
        except OSError as error:
            raise store.failure(error, store.WRITTEN) from None
        self._directory = store.open_directory(store.WRITTEN)
        try:
            fcntl.flock(self._directory, fcntl.LOCK_EX)
            if stat.S_IMODE(os.fstat(self._directory).st_mode) != 0o700:
                os.fchmod(self._directory, 0o700)
        except BaseException as error:
            os.close(self._directory)
            if isinstance(error, OSError):
                raise store.failure(error, store.WRITTEN) from None
            raise
        _sweep_quietly(self._directory)
        return self._directory

    def __exit__(self, *_: object) -> None:
        os.close(self._directory)


def locked() -> AbstractContextManager[int]:
    """A descriptor of the store, which nobody else changes meanwhile (flock(2))."""
    return _Lock()


def _write_new(directory: int, name: str, data: bytes, modified_ns: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        os.fchown(file, 0, 0)
        os.fchmod(file, 0o600)  # whatever the umask took away
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        if modified_ns is not None:
            os.utime(file, ns=(modified_ns, modified_ns))
        os.fsync(file)
    finally:
        os.close(file)


def _read_back(directory: int, name: str) -> bytes:
    return store.read_at(directory, store.WRITTEN, name).blob


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep_quietly(directory: int) -> None:
    """Removes leftovers; what keeps it from that shows where it matters, or to the next one."""
    try:
        for name in os.listdir(directory):
            if name.startswith(LEFTOVER_PREFIX):
                os.unlink(name, dir_fd=directory)
    except OSError:
        return

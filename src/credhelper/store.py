"""The credential store: the directories of systemd.exec(5), read in systemd's order.

Written is ``/etc/credstore.encrypted`` alone. A file's name is the credential's embedded name. A
file changes only by a rename of a complete, verified and synced one, under a lock on the
directory, so that a crash at any instruction leaves the old or the new credential whole.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from credhelper.errors import (
    CredentialError,
    CredentialExists,
    CredentialNotFound,
    DamagedCredential,
    NotPermitted,
    StoreFailed,
    UnsafeStore,
)
from credhelper.sealing import MAXIMUM_BLOB_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from typing import Final

WRITTEN: Final = "/etc/credstore.encrypted"
SEARCHED: Final = (
    WRITTEN,
    "/run/credstore.encrypted",
    "/usr/local/lib/credstore.encrypted",
    "/usr/lib/credstore.encrypted",
)
# systemd's own manner of naming what is not finished: no glob of ImportCredential= matches it
LEFTOVER_PREFIX: Final = ".#credhelper-"

_DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Sealed:
    """A sealed credential as it was read: its ``blob``, its ``path``, and the file's status."""

    __slots__ = ("blob", "name", "path", "status")

    def __init__(self, name: str, path: str, blob: bytes, status: os.stat_result) -> None:
        self.name = name
        self.path = path
        self.blob = blob
        self.status = status


def read(name: str) -> Sealed:
    """The sealed credential ``name``, from the first directory that has it.

    Raises :class:`CredentialNotFound`, :class:`NotPermitted`, :class:`UnsafeStore` where somebody
    else than root could have put the file there, or :class:`StoreFailed`.
    """
    for directory in SEARCHED:
        try:
            descriptor = open_directory(directory)
        except FileNotFoundError:
            continue
        try:
            return read_at(descriptor, directory, name)
        except CredentialNotFound:
            continue
        finally:
            os.close(descriptor)
    raise CredentialNotFound(
        f"there is no credential {name}",
        f"add it: sudo credhelper add {name}; what is there: sudo credhelper list",
    )


def read_written(name: str) -> Sealed:
    """The sealed credential ``name`` of ``/etc/credstore.encrypted``; raises as :func:`read`."""
    try:
        descriptor = open_directory(WRITTEN)
    except FileNotFoundError:
        raise _absent(name) from None
    try:
        return read_at(descriptor, WRITTEN, name)
    except CredentialNotFound:
        raise _absent(name) from None
    finally:
        os.close(descriptor)


def read_at(descriptor: int, directory: str, name: str) -> Sealed:
    """The sealed credential ``name`` of the open ``directory``; raises as :func:`read` does."""
    path = f"{directory}/{name}"
    try:
        file = os.open(name, _FILE_FLAGS, dir_fd=descriptor)
    except FileNotFoundError:
        raise CredentialNotFound(f"there is no {path}", f"sudo credhelper add {name}") from None
    except OSError as error:
        raise _failure(error, path) from None
    try:
        status = os.fstat(file)
        if problem := file_danger(status):
            raise UnsafeStore(f"{path} {problem}", f"look at it, then remove it or: {_mend(path)}")
        return Sealed(name, path, _read_all(file, path), status)
    finally:
        os.close(file)


def directory_danger(status: os.stat_result) -> str:
    """Why somebody else than root could have put files into this directory; empty if nobody."""
    if status.st_uid != 0:
        return f"belongs to user id {status.st_uid}, not to root"
    if status.st_mode & 0o022:
        return f"may be written by others (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""


def file_danger(status: os.stat_result) -> str:
    """Why this file is not to be taken for root's credential; empty if it is."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    return directory_danger(status)


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
    install_many({name: blob}, lambda read: verify(read[name]), replaced, modified_ns=modified_ns)


def install_many(
    blobs: Mapping[str, bytes],
    verify: Callable[[Mapping[str, bytes]], None],
    replaced: Collection[str],
    *,
    modified_ns: int | None = None,
) -> None:
    """Puts all of ``blobs`` (by name) into the store, or none: as :func:`install` does each.

    Those in ``replaced`` have to be there, the others must not. What fails undoes what it did;
    a crash in between leaves the first of them new and the others old, each of them whole.
    """
    with locked() as store:
        for name in blobs:
            _check_whether_there(store, name, name in replaced)
        temporary = {name: LEFTOVER_PREFIX + os.urandom(8).hex() for name in blobs}
        undo: list[Callable[[], None]] = []
        failing = next(iter(blobs), "")
        try:
            for failing in blobs:
                _write_new(store, temporary[failing], blobs[failing], modified_ns)
            verify({name: _read_back(store, temporary[name]) for name in blobs})
            for failing in blobs:
                undo.append(_take_name(store, temporary[failing], failing, failing in replaced))
            os.fsync(store)
        except BaseException as error:
            _undo(undo, f"{WRITTEN}/{failing}")
            if isinstance(error, FileExistsError) and not isinstance(error, CredentialError):
                raise _exists(failing) from None
            if isinstance(error, OSError) and not isinstance(error, CredentialError):
                raise _failure(error, f"{WRITTEN}/{failing}") from None
            raise
        finally:
            _sweep_quietly(store)


def _undo(steps: list[Callable[[], None]], path: str) -> None:
    try:
        for step in reversed(steps):
            step()
    except OSError as error:
        raise StoreFailed(
            f"{path}: {error.strerror}, and what was done before cannot be undone",
            "look at the disk, then see what stands there: sudo credhelper list --verify",
        ) from None


def _check_whether_there(store: int, name: str, expected: bool) -> None:
    there = exists(store, name)
    if there and not expected:
        raise _exists(name)
    if expected and not there:
        raise _absent(name)


def _absent(name: str) -> CredentialNotFound:
    return CredentialNotFound(
        f"there is no credential {name} in {WRITTEN}", f"add it: sudo credhelper add {name}"
    )


def _exists(name: str) -> CredentialExists:
    return CredentialExists(
        f"there is a credential {name} already",
        f"to give it a new value: sudo credhelper rotate {name}",
    )


def _take_name(store: int, temporary: str, name: str, replace: bool) -> Callable[[], None]:
    """Gives the file ``temporary`` its ``name``; what undoes that."""
    if not replace:  # a link refuses what is there, whoever put it there
        os.link(temporary, name, src_dir_fd=store, dst_dir_fd=store)
        return lambda: os.unlink(name, dir_fd=store)
    kept = LEFTOVER_PREFIX + os.urandom(8).hex()
    os.link(name, kept, src_dir_fd=store, dst_dir_fd=store, follow_symlinks=False)
    os.rename(temporary, name, src_dir_fd=store, dst_dir_fd=store)
    return lambda: os.rename(kept, name, src_dir_fd=store, dst_dir_fd=store)


def remove(name: str) -> None:
    """Removes ``name`` from ``/etc/credstore.encrypted``.

    Raises :class:`CredentialNotFound`, :class:`UnsafeStore` or :class:`StoreFailed`.
    """
    with locked() as store:
        try:
            os.unlink(name, dir_fd=store)
        except FileNotFoundError:
            raise CredentialNotFound(
                f"there is no credential {name} in {WRITTEN}", "see sudo credhelper list"
            ) from None
        except OSError as error:
            raise _failure(error, f"{WRITTEN}/{name}") from None
        try:
            os.fsync(store)
        except OSError as error:
            raise StoreFailed(
                f"{WRITTEN}/{name} is removed, but may come back with a power failure: "
                f"{error.strerror}",
                "look at the disk, then see what is there: sudo credhelper list",
            ) from None


def sweep() -> None:
    """Removes what an interrupted command left in the store, unless one is at work there now."""
    try:
        store = open_directory(WRITTEN)
    except (FileNotFoundError, CredentialError):
        return
    try:
        fcntl.flock(store, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sweep_quietly(store)
    except OSError:  # somebody is at work there
        return
    finally:
        os.close(store)


def present(name: str) -> bool:
    """Whether ``/etc/credstore.encrypted`` has ``name``; nothing is made or locked for that.

    Raises :class:`UnsafeStore`, :class:`NotPermitted` or :class:`StoreFailed`.
    """
    try:
        store = open_directory(WRITTEN)
    except FileNotFoundError:
        return False
    try:
        return exists(store, name)
    finally:
        os.close(store)


class _Lock:
    """The store, open and locked; made where it is missing. The lock goes with the descriptor."""

    def __enter__(self) -> int:
        try:
            os.mkdir(WRITTEN, 0o700)
            _sync(os.path.dirname(WRITTEN))  # else a power failure could take all of it
        except FileExistsError:
            pass
        except OSError as error:
            raise _failure(error, WRITTEN) from None
        self._store = open_directory(WRITTEN)
        try:
            fcntl.flock(self._store, fcntl.LOCK_EX)
            if stat.S_IMODE(os.fstat(self._store).st_mode) != 0o700:
                os.fchmod(self._store, 0o700)
        except BaseException as error:
            os.close(self._store)
            if isinstance(error, OSError):
                raise _failure(error, WRITTEN) from None
            raise
        _sweep_quietly(self._store)
        return self._store

    def __exit__(self, *_: object) -> None:
        os.close(self._store)


def locked() -> AbstractContextManager[int]:
    """A descriptor of the store, which nobody else changes meanwhile (flock(2))."""
    return _Lock()


def open_directory(path: str) -> int:
    """A descriptor of a directory of the store that root alone can have filled.

    Raises ``FileNotFoundError`` as it is, :class:`UnsafeStore`, :class:`NotPermitted` and
    :class:`StoreFailed`.
    """
    try:
        descriptor = os.open(path, _DIRECTORY_FLAGS)
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise UnsafeStore(
            f"{path} is a symbolic link or not a directory",
            f"put a real directory there: sudo install -d -m 0700 {path}",
        ) from None
    except OSError as error:
        raise _failure(error, path) from None
    if problem := directory_danger(os.fstat(descriptor)):
        os.close(descriptor)
        raise UnsafeStore(f"{path} {problem}", _mend(path, "0700"))
    return descriptor


def _mend(path: str, mode: str = "0600") -> str:
    return f"sudo chown root:root {path} && sudo chmod {mode} {path}"


def _failure(error: OSError, path: str) -> CredentialError:
    if isinstance(error, PermissionError) and os.geteuid():
        return NotPermitted(
            f"only root may use {path}",
            "run the script with sudo credhelper-decrypt-run, or this command with sudo",
        )
    if error.errno == errno.ELOOP:
        return UnsafeStore(f"{path} is a symbolic link", f"look at it, then: sudo rm {path}")
    return StoreFailed(
        f"{path}: {error.strerror}", "nothing has changed; mend that and run it again"
    )


def exists(store: int, name: str) -> bool:
    """Whether the open directory ``store`` holds a file ``name``."""
    try:
        os.stat(name, dir_fd=store, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _failure(error, f"{WRITTEN}/{name}") from None
    return True


def _write_new(store: int, name: str, data: bytes, modified_ns: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(name, flags, 0o600, dir_fd=store)
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


def _read_back(store: int, name: str) -> bytes:
    file = os.open(name, _FILE_FLAGS, dir_fd=store)
    try:
        return _read_all(file, name)
    finally:
        os.close(file)


def _read_all(file: int, path: str) -> bytes:
    chunks = []
    left = MAXIMUM_BLOB_BYTES + 1
    while chunk := os.read(file, min(left, 1 << 20)):
        chunks.append(chunk)
        left -= len(chunk)
        if left <= 0:
            raise DamagedCredential(f"{path} is larger than any credential", f"sudo rm {path}")
    return b"".join(chunks)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, _DIRECTORY_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep_quietly(store: int) -> None:
    """Removes leftovers; what keeps it from that shows where it matters, or to the next one."""
    try:
        for name in os.listdir(store):
            if name.startswith(LEFTOVER_PREFIX):
                os.unlink(name, dir_fd=store)
    except OSError:
        return

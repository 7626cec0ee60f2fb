# SPDX-License-Identifier: MIT
"""The credential store: the directories of systemd.exec(5), read in systemd's order.

Written is ``/etc/credstore.encrypted`` alone (``installing``). A file's name is the credential's
embedded name.
"""

from __future__ import annotations

import errno
import os
import stat

from credhelper.errors import (
    CredentialError,
    CredentialNotFound,
    DamagedCredential,
    NotPermitted,
    StoreFailed,
    UnsafeStore,
)
from credhelper.name import quoted
from credhelper.unsealing import MAXIMUM_BLOB_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

WRITTEN: Final = "/etc/credstore.encrypted"
# what the firmware, the boot loader or a container's manager gave: systemd.system-credentials(7)
SYSTEM: Final = "/run/credentials/@system"
SYSTEM_SEALED: Final = "/run/credentials/@encrypted"
SEARCHED: Final = (
    SYSTEM_SEALED,
    WRITTEN,
    "/run/credstore.encrypted",
    "/usr/local/lib/credstore.encrypted",
    "/usr/lib/credstore.encrypted",
)
_DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK_BYTES: Final = 1 << 16  # no more: each has a mapping of its own made for it, and undone
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Sealed:
    """A file of the store as it was found: where it is, its ``status``, and what it holds.

    ``blob`` is the sealed credential; empty where it could not be read, and ``error`` says why.
    """

    __slots__ = ("blob", "directory", "error", "name", "status")

    def __init__(
        self,
        name: str,
        directory: str,
        status: os.stat_result,
        blob: bytes,
        error: CredentialError | None = None,
    ) -> None:
        self.name = name
        self.directory = directory
        self.status = status
        self.blob = blob
        self.error = error

    @property
    def path(self) -> str:
        """The whole path."""
        return f"{self.directory}/{self.name}"

    @property
    def is_written(self) -> bool:
        """Whether the commands can change it: whether it is in ``/etc``."""
        return self.directory == WRITTEN


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
    raise missing([name])


def given(name: str) -> bytes | None:
    """The value of the system credential ``name``, which is not sealed; None where there is none.

    Units with ``ImportCredential=`` see it before any other. Raises :class:`UnsafeStore` or
    :class:`StoreFailed`.
    """
    try:
        descriptor = open_directory(SYSTEM)
    except (FileNotFoundError, NotPermitted):  # root's alone
        return None
    try:
        return read_at(descriptor, SYSTEM, name).blob
    except CredentialNotFound:
        return None
    finally:
        os.close(descriptor)


def read_written(name: str) -> Sealed:
    """The sealed credential ``name`` of ``/etc/credstore.encrypted``; raises as :func:`read`."""
    try:
        descriptor = open_directory(WRITTEN)
    except FileNotFoundError:
        raise absent(name) from None
    try:
        return read_at(descriptor, WRITTEN, name)
    except CredentialNotFound:
        raise absent(name) from None
    finally:
        os.close(descriptor)


def read_at(descriptor: int, directory: str, name: str) -> Sealed:
    """The sealed credential ``name`` of the open ``directory``; raises as :func:`read` does."""
    path = f"{directory}/{name}"
    try:
        file = os.open(name, _FILE_FLAGS, dir_fd=descriptor)
    except FileNotFoundError:
        hint = f"sudo credhelper add {quoted(name)}"
        raise CredentialNotFound(f"there is no {path}", hint) from None
    except OSError as error:
        raise failure(error, path) from None
    try:
        status = os.fstat(file)
        if problem := file_danger(status):
            raise UnsafeStore(problem, f"look at it; where it is yours: {_mend(path)}", path)
        return Sealed(name, directory, status, _read_all(file, path))
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


def absent(name: str) -> CredentialNotFound:
    """The error for a name that ``/etc/credstore.encrypted`` does not have."""
    return missing([name], WRITTEN)


def missing(
    names: Sequence[str], directory: str = "", *, wanted: bool = True
) -> CredentialNotFound:
    """The error for ``names`` that the ``directory`` does not have (by default: none has).

    Its hint tells which name may have been meant, or to add what is ``wanted``; it repeats nothing
    that looks like a value.
    """
    from credhelper import mistakes

    for other in SEARCHED if directory and len(names) == 1 else ():
        if os.path.lexists(f"{other}/{names[0]}"):
            return CredentialNotFound(
                f"there is no credential {names[0]} in {directory}",
                f"it is in {other}; to have your own of that name: sudo credhelper add {names[0]}",
            )
    return CredentialNotFound(*mistakes.missing(names, known(), directory, wanted=wanted))


def known() -> list[str]:
    """The names that the search path offers, as far as this user may see them."""
    found: set[str] = set()
    for directory in SEARCHED:
        try:
            found.update(os.listdir(directory))
        except OSError:
            continue
    return sorted(name for name in found if not name.startswith("."))


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


def open_directory(path: str) -> int:
    """A descriptor of a directory of the store that root alone can have filled.

    Raises ``FileNotFoundError`` as it is, :class:`UnsafeStore`, :class:`NotPermitted` and
    :class:`StoreFailed`.
    """
    flags = _DIRECTORY_FLAGS
    if path in (SYSTEM, SYSTEM_SEALED):  # where systemd may have put a link to a manager's own
        flags &= ~os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise UnsafeStore(
            "is a symbolic link or not a directory",
            f"put a real directory there: sudo install -d -m 0700 {path}",
            path,
        ) from None
    except OSError as error:
        raise failure(error, path) from None
    if problem := directory_danger(os.fstat(descriptor)):
        os.close(descriptor)
        raise UnsafeStore(problem, _mend(path, "0700"), path)
    return descriptor


def names(descriptor: int, directory: str) -> list[str]:
    """What the open ``directory`` holds. Raises :class:`StoreFailed`."""
    try:
        return os.listdir(descriptor)
    except OSError as error:
        raise failure(error, directory) from None


def _mend(path: str, mode: str = "0600") -> str:
    return f"sudo chown root:root {path} && sudo chmod {mode} {path}"


def failure(error: OSError, path: str) -> CredentialError:
    """The typed error for what the system said about ``path``."""
    if isinstance(error, PermissionError) and os.geteuid():
        return NotPermitted(
            f"only root may use {path}",
            "run the script with sudo credhelper-decrypt-run, or this command with sudo",
        )
    if error.errno == errno.ELOOP:
        return UnsafeStore(
            "is a symbolic link", f"put the file itself there; look at it: ls -l {path}", path
        )
    return StoreFailed(
        f"cannot be used: {error.strerror}", "nothing has changed; fix that and run it again", path
    )


def exists(store: int, name: str) -> bool:
    """Whether the open directory ``store`` holds a file ``name``."""
    try:
        os.stat(name, dir_fd=store, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise failure(error, f"{WRITTEN}/{name}") from None
    return True


def _read_all(file: int, path: str) -> bytes:
    chunks = []
    left = MAXIMUM_BLOB_BYTES + 1
    try:
        while chunk := os.read(file, min(left, _CHUNK_BYTES)):
            chunks.append(chunk)
            left -= len(chunk)
            if left <= 0:
                raise DamagedCredential("is larger than any credential", "look at it", path)
    except OSError as error:
        raise failure(error, path) from None
    return b"".join(chunks)

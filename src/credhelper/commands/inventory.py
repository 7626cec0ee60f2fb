# SPDX-License-Identifier: MIT
"""What is in the credential store, without unsealing any of it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from credhelper import envelope, store
from credhelper.errors import CredentialError, CredentialNotFound
from credhelper.name import NewName
from credhelper.store import Sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED: Final = ".#"  # how systemd and credhelper begin the names of files they write
_ANYWAY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def entries(*, untrusted: bool = False) -> list[Sealed]:
    """Every file that the search path offers, by name; one that is shadowed is left out.

    Directories are there too: units load whole ones (systemd.exec(5)). With ``untrusted``, what is
    in a directory that others could have filled is listed anyway, and one that cannot be
    opened is passed over. Else raises :class:`UnsafeStore`, :class:`NotPermitted` or
    :class:`StoreFailed` for a directory.
    """
    found: dict[str, Sealed] = {}
    for directory, descriptor in _directories(untrusted=untrusted):
        for name in store.names(descriptor, directory):
            if name in found or name.startswith(UNFINISHED):
                continue
            try:
                found[name] = _entry(descriptor, directory, name)
            except FileNotFoundError:  # removed meanwhile
                continue
    return [found[name] for name in sorted(found)]


def binding(entry: Sealed) -> envelope.Binding:
    """How the credential is bound; ``UNKNOWN`` where its file does not tell."""
    try:
        return envelope.binding(entry.blob) if entry.blob else envelope.UNKNOWN
    except CredentialError:
        return envelope.UNKNOWN


def problems(entry: Sealed) -> list[str]:
    """What is wrong with the file: sentences without a subject (``may be read by others``)."""
    found = []
    try:
        NewName(entry.name)
    except CredentialError as error:
        found.append(error.reason)
    if entry.status.st_mode & 0o077 and not store.file_danger(entry.status):
        found.append(f"may be read by others (mode {stat.S_IMODE(entry.status.st_mode):04o})")
    if entry.error:
        found.append(entry.error.reason)
    else:
        try:
            envelope.binding(entry.blob)
        except CredentialError as error:
            found.append(error.reason)
    return found


def _directories(*, untrusted: bool) -> Iterator[tuple[str, int]]:
    for directory in store.SEARCHED:
        try:
            descriptor = (
                os.open(directory, _ANYWAY) if untrusted else store.open_directory(directory)
            )
        except FileNotFoundError:
            continue
        except OSError:
            if not untrusted:
                raise
            continue
        try:
            yield directory, descriptor
        finally:
            os.close(descriptor)


def _entry(descriptor: int, directory: str, name: str) -> Sealed:
    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    try:
        return store.read_at(descriptor, directory, name)
    except CredentialNotFound:
        raise  # removed meanwhile
    except CredentialError as error:
        return Sealed(name, directory, status, b"", error)

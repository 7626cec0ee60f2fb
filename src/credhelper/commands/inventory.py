# SPDX-License-Identifier: MIT
"""What is in the credential store, without unsealing any of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from credhelper import envelope, store
from credhelper.errors import CredentialError, CredentialNotFound
from credhelper.name import CredentialName


@dataclass(frozen=True)
class Entry:
    """One file of the store. ``size`` is in bytes, ``modified`` in seconds since the epoch.

    ``blob`` is the sealed credential, empty where it could not be read; ``problems`` are
    sentences without a subject (``may be read by others (mode 0644)``).
    """

    name: str
    path: Path
    size: int
    modified: float
    mode: int
    uid: int
    gid: int
    binding: envelope.Binding
    blob: bytes
    problems: tuple[str, ...]


def entries() -> list[Entry]:
    """Every credential that the search path offers, by name; one that is shadowed is left out.

    Raises :class:`UnsafeStore`, :class:`NotPermitted` or :class:`StoreFailed` for a directory.
    """
    found: dict[str, Entry] = {}
    for directory in store.SEARCHED:
        try:
            descriptor = store.open_directory(directory)
        except FileNotFoundError:
            continue
        try:
            for name in store.names(descriptor, directory):
                if name in found or name.startswith("."):
                    continue
                try:
                    found[name] = _entry(descriptor, directory, name)
                except FileNotFoundError:  # removed meanwhile
                    continue
        finally:
            os.close(descriptor)
    return [found[name] for name in sorted(found)]


def _entry(descriptor: int, directory: str, name: str) -> Entry:
    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    problems = []
    blob = b""
    bound = envelope.UNKNOWN
    try:
        CredentialName(name)
    except CredentialError as error:
        problems.append(error.reason)
    if danger := store.file_danger(status):
        problems.append(danger)
    else:
        if status.st_mode & 0o077:
            problems.append(f"may be read by others (mode {stat.S_IMODE(status.st_mode):04o})")
        try:
            blob = store.read_at(descriptor, directory, name).blob
            bound = envelope.binding(blob)
        except CredentialNotFound:
            raise  # removed meanwhile
        except CredentialError as error:
            problems.append(error.reason)
    return Entry(
        name=name,
        path=Path(directory, name),
        size=status.st_size,
        modified=status.st_mtime,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        binding=bound,
        blob=blob,
        problems=tuple(problems),
    )

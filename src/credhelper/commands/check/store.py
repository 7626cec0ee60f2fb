# SPDX-License-Identifier: MIT
"""The credential store's directories and files as they lie there: kinds, owners, modes, names.

No command that a finding advises removes, moves or replaces anything: what a unit loads is not
known here (systemd.exec(5)).
"""

from __future__ import annotations

import fcntl
import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Final

from credhelper import store
from credhelper.commands import installing, inventory, trust
from credhelper.commands.check.finding import Area, Finding, Severity, command, look
from credhelper.commands.directory import LEFTOVER_PREFIX
from credhelper.errors import StoreFailed
from credhelper.store import Sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

_finding: Final = partial(Finding, Area.STORE)
# what is installed there is for every machine, and no secret: anybody may read it
_PUBLIC: Final = ("/usr/",)
_CHANGEABLE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def places() -> list[Sealed]:
    """Every file that the search path offers, by name, whatever the directory's owner and mode.

    Those are findings of their own. Raises :class:`StoreFailed` for a file that the disk does not
    give: nothing is known of that credential.
    """
    found = inventory.entries(untrusted=True)
    for place in found:
        if isinstance(place.error, StoreFailed) and stat.S_ISREG(place.status.st_mode):
            raise place.error
    return found


def directory_findings() -> Iterator[Finding]:
    """What is wrong with the directories themselves, and what was left over in them."""
    for above in ("/", "/etc"):
        if reason := trust.danger(os.stat(above), trust.ROOT_ALONE):
            yield _finding(
                Severity.FAILURE,
                "store-parent",
                above,
                f"{reason}: so may the store below it",
                command(*trust.fix(above, reason)),
            )
    for directory in store.SEARCHED:
        try:
            status = os.lstat(directory)
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _directory(directory, status)
        else:
            yield _finding(
                Severity.FAILURE,
                "store-kind",
                directory,
                "is a symbolic link or not a directory, and is not used",
                look(directory),
            )
    yield from _leftovers()


def _directory(directory: str, status: os.stat_result) -> Iterator[Finding]:
    wanted = 0o755 if directory.startswith(_PUBLIC) else 0o700
    seen = "others see which credentials there are" if os.listdir(directory) else ""
    yield from _access("store", directory, status, wanted, "replace credentials", seen)


def _access(
    what: str, path: str, status: os.stat_result, wanted: int, change: str, seen: str
) -> Iterator[Finding]:
    """Who else can ``change`` it, or read it, for what that is: ``seen``; empty for nothing."""
    if status.st_uid != 0:
        yield _finding(
            Severity.FAILURE,
            f"{what}-owner",
            path,
            f"belongs to user id {status.st_uid}, who can {change}, not to root",
            command("chown", "root:root", path),
            _Repair(path, owner=True),
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        severity, others = Severity.FAILURE, f"others can {change}"
    elif mode & 0o077 and not wanted & 0o077 and seen:
        severity, others = Severity.WARNING, seen
    else:
        return
    yield _finding(
        severity,
        f"{what}-mode",
        path,
        f"has mode {mode:04o}: {others}",
        command("chmod", f"{wanted:04o}", path),
        _Repair(path, mode=wanted),
    )


def _leftovers() -> Iterator[Finding]:
    """What an interrupted write left over, unless one is going on just now.

    Ours are known by their names; any other with systemd's prefix of unfinished files may be
    somebody's who is still writing.
    """
    try:
        descriptor = os.open(store.WRITTEN, _DIRECTORY)
    except OSError:
        return
    try:
        if not _unfinished(descriptor):  # stopped with the lock, this would hold others up
            return
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        names = _unfinished(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
    for name in names:
        path = f"{store.WRITTEN}/{name}"
        ours = name.startswith(LEFTOVER_PREFIX)
        yield _finding(
            Severity.WARNING,
            "leftover",
            path,
            "was left by an interrupted write, and is no credential",
            command("rm", "-r", path) if ours else look(path),
            installing.sweep if ours else None,
        )


def _unfinished(descriptor: int) -> list[str]:
    return sorted(name for name in os.listdir(descriptor) if name.startswith(inventory.UNFINISHED))


def file_findings(place: Sealed) -> Iterator[Finding]:
    """What is wrong with one file, without unsealing it."""
    path, status = place.path, place.status
    if stat.S_ISDIR(status.st_mode):
        yield from _sub_directory(path, status)
        return
    if not stat.S_ISREG(status.st_mode):
        yield _kind(path, status)
        return
    wanted = 0o644 if path.startswith(_PUBLIC) else 0o600
    yield from _access("file", path, status, wanted, "change it", "others can read it")


def _sub_directory(path: str, status: os.stat_result) -> Iterator[Finding]:
    """A directory of credentials, which units load whole: nobody but root may add to it."""
    if reason := trust.danger(status, trust.ROOT_ALONE):
        fix = command(*trust.fix(path, reason))
        evidence = f"{reason}: so may what units load from it"
        yield _finding(Severity.FAILURE, "store-directory", path, evidence, fix)


def _kind(path: str, status: os.stat_result) -> Finding:
    fix = look(path)
    what = "is not a file"
    if stat.S_ISLNK(status.st_mode):
        target = os.path.realpath(path)
        what = f"is a symbolic link to {target}, and is not followed"
        if os.path.isfile(target):
            fix = command("install", "-m", "0600", target, path)  # replaces the link
    return _finding(Severity.FAILURE, "file-kind", path, what, fix)


class _Repair:
    """Sets owner or mode of a file that is still what it was; a link or a second name is left."""

    def __init__(self, path: str, *, mode: int | None = None, owner: bool = False) -> None:
        self._path = path
        self._mode = mode
        self._owner = owner

    def __call__(self) -> None:
        descriptor = os.open(self._path, _CHANGEABLE)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                raise OSError(0, "it has a second name (a hard link)")
            if self._owner:
                os.fchown(descriptor, 0, 0)
            if self._mode is not None:
                os.fchmod(descriptor, self._mode)
        finally:
            os.close(descriptor)

# SPDX-License-Identifier: MIT
"""Who could have written this file, and is that acceptable.

A path is walked from the root, one directory descriptor at a time: every directory, every
symbolic link and the file itself has to belong to a trusted user and be writable by nobody else.
What was opened on that walk is what is read and run. Access control lists need no look of their
own: the group bits of a mode are the mask that bounds every entry of a list (acl(5)).

A group that has its owner's name, is the owner's primary group and has no other member gives
nobody anything (user private groups, with umask 002): its write permission is accepted.
"""

from __future__ import annotations

import os
import stat

from credhelper.errors import ScriptNotFound, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Final

ROOT_ALONE: Final = frozenset({0})
_JOBS: Final = "/opt/jobs"  # where hints put scripts
_MAXIMUM_LINKS: Final = 40  # as the kernel follows, path_resolution(7)
_DIRECTORY_FLAGS: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK_FLAGS: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Opened:
    """A file that was walked to: its descriptor, the path without links, and its status."""

    __slots__ = ("descriptor", "path", "status")

    def __init__(self, descriptor: int, path: str, status: os.stat_result) -> None:
        self.descriptor = descriptor
        self.path = path
        self.status = status


def open_file(path: str, owners: Collection[int]) -> Opened:
    """Opens the regular file ``path`` for reading, if only ``owners`` could have written it.

    ``owners`` are user ids. With ``ROOT_ALONE``, a file system mounted nosuid is refused too: who
    brought the medium chose the owners on it. Raises :class:`ScriptNotFound`, and
    :class:`Untrusted`, which names every path at fault with its owner or mode. Its hint touches
    the file alone, or puts a copy where root alone can write.
    """
    walk = _Walk(path, owners)
    try:
        return walk.run()
    finally:
        os.close(walk.directory)


def check_directory(path: str, owners: Collection[int]) -> None:
    """Raises as :func:`open_file` does where others than ``owners`` could put a script there."""
    walk = _Walk(path, owners)
    try:
        walk.enter()
    finally:
        os.close(walk.directory)


def why_not(path: str, owners: Collection[int]) -> str:
    """What :func:`open_file` would say against ``path``; empty if nothing."""
    try:
        os.close(open_file(path, owners).descriptor)
    except (ScriptNotFound, Untrusted) as error:
        return error.problem
    return ""


def danger(status: os.stat_result, owners: Collection[int], descriptor: int = -1) -> str:
    """Why a file with this status could have been written by somebody else; empty if not.

    Only with a ``descriptor`` of it can a user private group be told from another.
    """
    if status.st_uid not in owners:
        return f"belongs to {_user(status.st_uid)}"
    others = status.st_mode & 0o022
    if not others or stat.S_ISLNK(status.st_mode):
        return ""
    if others == stat.S_IWGRP and descriptor >= 0:
        from credhelper.commands import private_groups  # seldom needed

        if private_groups.is_private(status, descriptor):
            return ""
    return f"may be written by others (mode {stat.S_IMODE(status.st_mode):04o})"


def danger_at(path: str, owners: Collection[int]) -> str:
    """What :func:`danger` says of what is at ``path`` itself. Raises ``OSError``."""
    status = os.lstat(path)
    if not danger(status, owners):
        return ""
    descriptor = os.open(path, _LOOK_FLAGS)
    try:
        return danger(os.fstat(descriptor), owners, descriptor)
    finally:
        os.close(descriptor)


def fix(path: str, reason: str) -> tuple[str, ...]:
    """The command against ``reason``, which is what :func:`danger` said of ``path`` itself."""
    change = ("chown", "root:root") if reason.startswith("belongs") else ("chmod", "go-w")
    return (*change, path)


class _Walk:
    """The walk along one path; ``here`` is the directory reached, without links."""

    def __init__(self, path: str, owners: Collection[int]) -> None:
        if not path or "\0" in path:
            raise ScriptNotFound(f"{path!a} is no path", "give the path of a script")
        self.given = path
        self.owners = owners
        self.links = 0
        try:
            start = path if path.startswith("/") else f"{os.getcwd()}/{path}"
        except OSError:
            raise ScriptNotFound(
                f"{path}: the working directory is gone", "give an absolute path"
            ) from None
        self.left = start.split("/")
        self.here = "/"
        self.directory = os.open("/", _DIRECTORY_FLAGS)
        self.sticky = ""
        self.faults: dict[str, str] = {}

    def run(self) -> Opened:
        """Opens the file at the end."""
        opened = self._go(to_file=True)
        if not opened:
            self._refuse(self.given)
            raise Untrusted("is a directory", "give the path of a script", self.given)
        return opened

    def enter(self) -> None:
        """Enters the directory at the end."""
        self._go(to_file=False)
        self._blame(self.here, self.sticky)
        self._refuse("")

    def _go(self, *, to_file: bool) -> Opened | None:
        self._enter(os.open("/", _DIRECTORY_FLAGS), "/")
        while self.left:
            name = self.left.pop(0)
            if name in ("", "."):
                continue
            last = to_file and not any(part not in ("", ".") for part in self.left)
            try:
                opened = self._step(name, last=last)
            except FileNotFoundError:
                self._refuse("")
                raise ScriptNotFound(
                    f"{self.given} is not there",
                    f"look at the path; what is missing: {self._at(name)}",
                ) from None
            except OSError as error:
                if isinstance(error, Untrusted | ScriptNotFound):
                    raise
                self._refuse("")
                raise Untrusted(
                    f"cannot be opened: {error.strerror}", "look at the path", self._at(name)
                ) from None
            if opened:
                return opened
        return None

    def _step(self, name: str, *, last: bool) -> Opened | None:
        if name == "..":
            self._enter(os.open("..", _DIRECTORY_FLAGS, dir_fd=self.directory), "..")
            return None
        status = os.stat(name, dir_fd=self.directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            self._blame(self._at(name), danger(status, self.owners))
            self._follow(os.readlink(name, dir_fd=self.directory))
            return None
        if not last:
            self._enter(os.open(name, _DIRECTORY_FLAGS, dir_fd=self.directory), name)
            return None
        if stat.S_ISDIR(status.st_mode):
            return None
        # Python imports from the script's directory: there, the sticky bit keeps nobody out
        self._blame(self.here, self.sticky)
        if not stat.S_ISREG(status.st_mode):  # not to be opened: that alone starts some devices
            self._refuse("")
            raise Untrusted("is not a regular file", "give the path of a script", self._at(name))
        return self._open(name)

    def _open(self, name: str) -> Opened:
        path = self._at(name)
        flags = _LOOK_FLAGS if self.faults else _FILE_FLAGS  # what is refused is not opened
        descriptor = os.open(name, flags, dir_fd=self.directory)
        try:
            status = os.fstat(descriptor)
            self._blame(path, danger(status, self.owners, descriptor))
            self._refuse(path)
            if not stat.S_ISREG(status.st_mode):
                raise Untrusted("is not a regular file", "give the path of a script", path)
            # root that calls without sudo may run what is on such a file system: not the same set
            if self.owners is ROOT_ALONE and os.fstatvfs(descriptor).f_flag & os.ST_NOSUID:
                raise Untrusted(
                    "is on a file system mounted nosuid, whose owners mean nothing",
                    "copy it to one mounted without nosuid",
                    path,
                )
        except BaseException:
            os.close(descriptor)
            raise
        return Opened(descriptor, path, status)

    def _follow(self, target: str) -> None:
        self.links += 1
        if self.links > _MAXIMUM_LINKS:
            self._refuse("")
            raise Untrusted("has too many symbolic links", "look at the path", self.given)
        self.left[:0] = target.split("/")
        if target.startswith("/"):
            self._enter(os.open("/", _DIRECTORY_FLAGS), "/")

    def _enter(self, directory: int, name: str) -> None:
        os.close(self.directory)
        self.directory = directory
        if name == "/":
            self.here = "/"
        elif name == "..":
            self.here = os.path.dirname(self.here)
        else:
            self.here = self._at(name)
        status = os.fstat(directory)
        self.sticky = ""
        reason = danger(status, self.owners, directory)
        if reason and status.st_uid in self.owners and status.st_mode & stat.S_ISVTX:
            # others may add names here but not replace ours, whose owner is looked at next
            self.sticky = reason
        else:
            self._blame(self.here, reason)

    def _at(self, name: str) -> str:
        return self.here.rstrip("/") + "/" + name

    def _blame(self, path: str, reason: str) -> None:
        if reason:
            self.faults.setdefault(path, reason)

    def _refuse(self, script: str) -> None:
        """Raises :class:`Untrusted` for all that is at fault; ``script`` is what was reached."""
        if not self.faults:
            return
        who = "root" if self.owners == ROOT_ALONE else "root and the invoking user"
        (path, reason), *more = self.faults.items()
        error = Untrusted("; ".join([reason, *map(" ".join, more)]), subject=path)
        if not script:
            error.hint = f"only {who} may be able to write there"
        elif not more and path == script:
            error.hint = f"only {who} may be able to write it: {_shown('sudo', *fix(path, reason))}"
        else:
            error.moved = _free(script)
            words = ("sudo", "install", "-D", "-m", "0755", script, error.moved)
            error.hint = f"only {who} may be able to write there: read it, then {_shown(*words)}"
        raise error


def _free(script: str) -> str:
    """A path of root's own for ``script`` at which nothing is yet."""
    stem, ending = os.path.splitext(os.path.basename(script))
    path = f"{_JOBS}/{stem}{ending}"
    count = 1
    while os.path.lexists(path):
        count += 1
        path = f"{_JOBS}/{stem}-{count}{ending}"
    return path


def _shown(*words: str) -> str:
    import shlex

    return shlex.join(words)


def _user(uid: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name} (user id {uid})"
    except KeyError:
        return f"user id {uid}"

# SPDX-License-Identifier: MIT
"""A walk over a directory tree that belongs to somebody else, as root.

Every name is opened relative to its directory's descriptor, links are never followed, and only
regular files are opened for reading: whoever owns the tree can rename, swap and link at will and
still have nothing outside of it read, no device or FIFO opened (openat(2), symlink(7)).
The files are read as root and not as their owner: what the owner may not read, such as a root-owned
configuration next to the code, is where credentials are, and only names and lines are reported.
"""

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from credhelper.commands.leaks.reading import reason

DEPTH = 256  # directories below one another, each holding a descriptor
POINTER = 4096  # bytes of a .git file
# what Git reads itself below objects; whatever else is there is searched as a file
LOOSE = re.compile(rb"[0-9a-f]{2}/([0-9a-f]{38}|[0-9a-f]{62})")
PACK = re.compile(rb"pack/(pack-[0-9a-f]+)\.pack")
_PACKED = (b".hg", b".bzr")  # of other systems that compress what they keep
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; the descriptor is valid until the walk goes on."""

    path: bytes
    descriptor: int
    in_git: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes that the tree itself holds: the names in a directory, the target of a link."""

    path: bytes
    content: bytes
    is_name: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read or was not entered, and why."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class GitDirectory:
    """A directory laid out as Git's; the descriptor is valid until the walk goes on."""

    path: bytes
    descriptor: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """A file or place that leads to a Git directory elsewhere, and the user who made it so."""

    path: bytes
    target: bytes
    owner: int


Entry = File | Text | Unread | GitDirectory | Pointer


@dataclass(frozen=True, slots=True)
class _Level:
    path: bytes
    descriptor: int
    device: int
    names: Iterator[bytes]
    is_git: bool = False
    in_git: bool = False
    objects: bytes | None = None  # the path below objects, with its slash


def walk(
    path: bytes, descriptor: int | None = None, excluded: Collection[bytes] = ()
) -> Iterator[Entry]:
    """Everything at and below path, which may be a link, or the open directory descriptor.

    Not what is excluded, by its path.

    Closes descriptor at the end. Raises OSError if path is not there.
    """
    if descriptor is None:
        descriptor = os.open(path, OPEN & ~os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            yield from _below(_Level(path, descriptor, status.st_dev, iter(())), excluded)
        elif stat.S_ISREG(status.st_mode):
            yield File(path, descriptor, False)
        else:
            yield Unread(path, "neither a directory nor a regular file")
    finally:
        os.close(descriptor)


def _below(top: _Level, excluded: Collection[bytes]) -> Iterator[Entry]:
    stack = [top]
    mount = _mount(top.descriptor)
    try:
        yield from _enter(stack)
        while stack:
            level = stack[-1]
            name = next(level.names, None)
            if name is None:
                stack.pop()
                if stack:
                    os.close(level.descriptor)
                continue
            path = os.path.join(level.path, name)
            if path in excluded:
                continue
            try:
                descriptor = os.open(name, OPEN | os.O_DIRECTORY, dir_fd=level.descriptor)
            except OSError as error:
                yield Unread(path, f"cannot be opened: {reason(error)}")
                continue
            device = os.fstat(descriptor).st_dev
            # Btrfs subvolumes have device numbers of their own on the same mount
            if device != level.device and _mount(descriptor) != mount:
                os.close(descriptor)
                yield Unread(path, "another file system: name it as a PATH to search it")
            elif len(stack) >= DEPTH:
                os.close(descriptor)
                yield Unread(path, f"more than {DEPTH} directories deep")
            else:
                objects = b"" if level.is_git and name == b"objects" else None
                if level.objects is not None:
                    objects = level.objects + name + b"/"
                below = _Level(path, descriptor, device, iter(()), False, level.in_git, objects)
                stack.append(below)
                yield from _enter(stack)
    finally:
        for level in stack[1:]:
            os.close(level.descriptor)


def _enter(stack: list[_Level]) -> Iterator[Entry]:
    """What the directory on top of the stack holds, except directories: they are left to walk."""
    level = stack[-1]
    directories, files, links = [], [], []
    try:
        with os.scandir(level.descriptor) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if entry.is_symlink():
                    links.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    directories.append(name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(name)
    except OSError as error:
        yield Unread(level.path, f"cannot be listed: {reason(error)}")
    names = sorted(directories + files + links)
    base = os.path.basename(level.path)
    if is_git := _is_git(base, names):
        yield GitDirectory(level.path, level.descriptor)
    if base in _PACKED:
        yield Unread(level.path, "the history in it was not searched: it is not one of Git's")
    if level.objects is not None:
        files = [name for name in files if not _is_for_git(level.objects, name, files)]
    level = replace(
        level, names=iter(sorted(directories)), is_git=is_git, in_git=is_git or level.in_git
    )
    stack[-1] = level
    yield Text(level.path, b"\n".join(names), True)
    for name in sorted(links):
        path = os.path.join(level.path, name)
        try:
            target = os.readlink(name, dir_fd=level.descriptor)
            yield Text(path, target, False)
            if name == b".git":
                status = os.lstat(name, dir_fd=level.descriptor)
                yield Pointer(path, os.path.join(level.path, target), status.st_uid)
        except OSError as error:
            yield Unread(path, f"cannot be read: {reason(error)}")
    for name in sorted(files):
        yield from _file(level, name)


def _is_for_git(below: bytes, name: bytes, files: list[bytes]) -> bool:
    """Whether Git reads the file with this name there: a loose object, a pack with its index."""
    path = below + name
    pack = PACK.fullmatch(path)
    return bool(LOOSE.fullmatch(path) or (pack and pack[1] + b".idx" in files))


def _file(level: _Level, name: bytes) -> Iterator[Entry]:
    path = os.path.join(level.path, name)
    try:
        descriptor = os.open(name, OPEN, dir_fd=level.descriptor)
    except OSError as error:
        yield Unread(path, f"cannot be opened: {reason(error)}")
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            yield Unread(path, "changed while the tree was searched")
            return
        yield File(path, descriptor, level.in_git)
        if name == b".git":
            content = os.pread(descriptor, POINTER, 0)
            if leads := pointer(path, content, status.st_uid):
                yield leads
    finally:
        os.close(descriptor)


def enclosing(path: bytes) -> Pointer | None:
    """The Git directory of the work tree in which the directory path lies, if path has none."""
    owner = os.stat(path).st_uid
    at = os.path.realpath(path)
    while True:
        git = os.path.join(at, b".git")
        if os.path.lexists(git):
            if not os.path.isfile(git):
                return Pointer(path, git, owner)
            return pointer(git, _beginning(git), owner)
        if at == os.path.dirname(at):
            return None
        at = os.path.dirname(at)


def pointer(path: bytes, content: bytes, owner: int) -> Pointer | None:
    """What a .git file (gitrepository-layout(5)) at path leads to."""
    if not content.startswith(b"gitdir:"):
        return None
    target = os.path.join(os.path.dirname(path), content[len(b"gitdir:") :].strip())
    return Pointer(path, target, owner)


def _beginning(path: bytes) -> bytes:
    try:
        descriptor = os.open(path, OPEN)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, POINTER, 0)
    finally:
        os.close(descriptor)


def _is_git(base: bytes, names: list[bytes]) -> bool:
    return b"objects" in names and (base == b".git" or (b"HEAD" in names and b"refs" in names))


def _mount(descriptor: int) -> str:
    """The mount id of an open file (proc(5), /proc/PID/fdinfo)."""
    with open(f"/proc/self/fdinfo/{descriptor}") as lines:
        return next(line for line in lines if line.startswith("mnt_id:"))

# SPDX-License-Identifier: MIT
"""A Git repository that may be hostile, read by Git without its configuration and as its owner.

Git gets a directory of ours as --git-dir, with a configuration of ours and links to the objects,
references and index of the repository: no configuration file, include, hook, filter, textconv or
attribute of the repository is read, so there is nothing to switch off one by one. It runs with the
owner's user and group ids alone: alternates and links lead it only to what the owner can read.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks import git

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY: Final = 65534

# Memory: Git takes its cache of delta bases and a fifth more, and maps packs window by window. A
# smaller cache costs some time; fewer windows than the deltas of a pack reach over cost far more.
_CONFIGURATION: Final = """\
[core]
\trepositoryFormatVersion = {version}
\tbare = true
\tcommitGraph = false
\tmultiPackIndex = false
\tpackedGitWindowSize = 1m
\tbigFileThreshold = 32m
\thooksPath = /dev/null
\tfsmonitor = false
[protocol]
\tallow = never
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom Git runs as; None for groups: as this process."""

    user: int
    group: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Repository:
    """An opened repository: descriptors of its directory and of the one that worktrees share."""

    path: bytes
    directory: int
    common: int
    owner: Owner
    stand_in: Path
    identity: tuple[int, int]
    patience: git.Patience

    @property
    def work_tree(self) -> bytes:
        """The absolute path that git -C takes: the work tree where the directory is its .git."""
        path = os.path.abspath(self.path)
        return os.path.dirname(path) if os.path.basename(path) == b".git" else path


@contextmanager
def opened(
    path: bytes, descriptor: int, patience: git.Patience, pointer_owner: int | None = None
) -> Iterator[Repository]:
    """The repository in the directory that descriptor is open on; patience is the search's.

    Raises PermissionError if it is not to be read: a .git file or a commondir file leads to a
    directory of somebody else, or this process cannot become the owner.
    """
    status = os.fstat(descriptor)
    user = status.st_uid
    if pointer_owner not in (None, user, 0):
        raise PermissionError("the .git file leads to a repository of another user")
    if not os.access(git.GIT, os.X_OK):
        raise PermissionError(f"there is no {git.GIT}: sudo dnf install git-core")
    if user != os.geteuid() and os.geteuid() != 0:
        raise PermissionError("only root can read the repository of another user")
    with ExitStack() as stack:
        common = _common(descriptor, stack)
        shared = os.fstat(common)
        if shared.st_uid != user:
            raise PermissionError("its commondir file leads to a repository of another user")
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="credhelper-leaks-", dir="/run")
        )
        stand_in = Path(name)
        _furnish(stand_in, descriptor, common)
        identity = (shared.st_dev, shared.st_ino)
        if common != descriptor:
            path = os.fsencode(os.readlink(f"/proc/self/fd/{common}"))
        yield Repository(path, descriptor, common, _owner(status), stand_in, identity, patience)


def _owner(status: os.stat_result) -> Owner:
    try:
        entry = pwd.getpwuid(status.st_uid)
    except KeyError:
        return Owner(status.st_uid, NOBODY, ())
    # the directory's group only if the owner is in it: a setgid directory gives away any group
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return Owner(entry.pw_uid, entry.pw_gid, tuple({status.st_gid}.intersection(groups)))


def _common(directory: int, stack: ExitStack) -> int:
    """The directory that a linked worktree's commondir file names, or directory itself."""
    target = small_file(directory, "commondir")
    if target is None:
        return directory
    try:
        common = os.open(
            target.strip(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory
        )
    except (OSError, ValueError):
        raise PermissionError("its commondir file leads nowhere") from None
    stack.callback(os.close, common)
    return common


def small_file(directory: int, name: str) -> bytes | None:
    """The first MiB of a regular file below directory, no link followed; None if there is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    above, _, rest = name.partition("/")
    try:
        descriptor = os.open(above, flags | (os.O_DIRECTORY if rest else 0), dir_fd=directory)
    except OSError:
        return None
    try:
        if rest:
            return small_file(descriptor, rest)
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.pread(descriptor, 1 << 20, 0) if regular else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _furnish(stand_in: Path, directory: int, common: int) -> None:
    """Lay out the directory that Git is given; nothing in it is secret, and root alone writes."""
    stand_in.chmod(0o755)
    configuration = small_file(common, "config") or b""
    sha256 = re.search(rb"(?im)^\s*objectformat\s*=\s*\"?sha256", configuration)
    reftable = re.search(rb"(?im)^\s*refstorage\s*=\s*\"?reftable", configuration)
    text = _CONFIGURATION.format(version=1 if sha256 or reftable else 0)
    if sha256 or reftable:
        text += "[extensions]\n"
        text += "\tobjectFormat = sha256\n" if sha256 else ""
        text += "\trefStorage = reftable\n" if reftable else ""
    (stand_in / "config").write_text(text)
    head = small_file(directory, "HEAD") or b""
    valid = re.fullmatch(rb"ref: refs/[^\0\n]+\n?|[0-9a-f]{40,64}\n?", head)
    (stand_in / "HEAD").write_bytes(head if valid else b"ref: refs/heads/none\n")
    for name in ("config", "HEAD"):
        (stand_in / name).chmod(0o644)
    for name in ("objects", "refs", "packed-refs", "shallow", "reftable"):
        (stand_in / name).symlink_to(f"/proc/self/fd/{common}/{name}")
    for name in ["index", *_shared_indexes(directory)]:
        (stand_in / name).symlink_to(f"/proc/self/fd/{directory}/{name}")


def _shared_indexes(directory: int) -> list[str]:
    with suppress(OSError):
        return [name for name in os.listdir(directory) if name.startswith("sharedindex.")]
    return []


def size_on_disk(directory: int) -> int:
    """The bytes of the files below objects, links not followed."""
    total = 0
    pending = ["objects"]
    while pending:
        name = pending.pop()
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(name, flags, dir_fd=directory)
        except OSError:
            continue
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False) and name == "objects":
                        pending.append(f"objects/{entry.name}")
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return total

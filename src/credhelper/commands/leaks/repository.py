# SPDX-License-Identifier: MIT
"""A Git repository that may be hostile, read by Git without its configuration and as its owner.

Git gets a directory of ours as --git-dir, with a configuration of ours and links to the objects,
references and index of the repository: no configuration file, include, hook, filter, textconv or
attribute of the repository is read, so there is nothing to switch off one by one. It runs with the
owner's user and group ids alone: alternates and links lead it only to what the owner can read.
"""

import fcntl
import os
import pwd
import re
import select
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

GIT = "/usr/bin/git"
NOBODY = 65534
MOST_ERRORS = 1000  # bytes of what Git complains of that are kept
PATIENCE = 30.0  # seconds that Git may do nothing at all
PIPE = 1 << 20  # bytes; /proc/sys/fs/pipe-max-size lets everybody have it
F_SETPIPE_SZ = 1031  # fcntl(2)

# Memory: Git takes its cache of delta bases and a fifth more, and maps packs window by window. A
# smaller cache costs some time; fewer windows than the deltas of a pack reach over cost far more.
CONFIGURATION = """\
[core]
\trepositoryFormatVersion = {version}
\tbare = true
\tcommitGraph = false
\tmultiPackIndex = false
\tdeltaBaseCacheLimit = 64m
\tpackedGitWindowSize = 1m
\tpackedGitLimit = 48m
\tbigFileThreshold = 32m
\thooksPath = /dev/null
\tfsmonitor = false
[protocol]
\tallow = never
"""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "/bin/false",
    "GIT_PAGER": "cat",
}


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


@dataclass(slots=True)
class Git:
    """A running Git. problems is what it wrote to standard error, complete once it has ended."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    problems: list[str] = field(default_factory=list)
    watch: Thread | None = None


@contextmanager
def opened(path: bytes, descriptor: int, pointer_owner: int | None = None) -> Iterator[Repository]:
    """The repository in the directory that descriptor is open on.

    Raises PermissionError if it is not to be read: a .git file or a commondir file leads to a
    directory of somebody else, or this process cannot become the owner.
    """
    status = os.fstat(descriptor)
    user = status.st_uid
    if pointer_owner not in (None, user, 0):
        raise PermissionError("the .git file leads to a repository of another user")
    if not os.access(GIT, os.X_OK):
        raise PermissionError(f"there is no {GIT}: sudo dnf install git-core")
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
        yield Repository(path, descriptor, common, _owner(status), stand_in, identity)


@contextmanager
def git(
    repository: Repository, *arguments: str, lines: bytes | None = None, index: str = ""
) -> Iterator[Git]:
    """Git with arguments and these lines on standard input; killed if still running at the end.

    index names an index file in the repository's directory other than "index".
    """
    environment = dict(ENVIRONMENT)
    if index:
        environment["GIT_INDEX_FILE"] = f"/proc/self/fd/{repository.directory}/{index}"
    owner = repository.owner
    change = owner.user != os.geteuid() or os.geteuid() == 0
    with ExitStack() as stack:
        process = subprocess.Popen(
            [GIT, "--no-pager", f"--git-dir={repository.stand_in}", *arguments],
            stdin=subprocess.DEVNULL if lines is None else _memory(lines, stack),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=environment,
            pass_fds=(repository.directory, repository.common),
            user=owner.user if change else None,
            group=owner.group if change else None,
            extra_groups=owner.groups if change else None,
            bufsize=PIPE,
        )
        assert process.stdout and process.stderr  # noqa: S101 - both are PIPE
        running = Git(process, process.stdout)
        running.watch = Thread(target=_watch, args=(running, process.stderr.fileno()))
        running.watch.start()
        try:
            yield running
        finally:
            process.kill()
            finished(running)
            process.stdout.close()
            process.stderr.close()


def git_output(repository: Repository, *arguments: str, lines: bytes | None = None) -> bytes:
    """What Git writes to standard output; empty where it fails."""
    with git(repository, *arguments, lines=lines) as running:
        return running.output.read()


def set_pipe_size(descriptor: int) -> None:
    """Let a pipe hold PIPE bytes where the system allows it, so that Git seldom has to wait."""
    with suppress(OSError):
        fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE)


def finished(running: Git) -> int:
    """Git's exit status, after all of its output was read."""
    status = running.process.wait()
    if running.watch:
        running.watch.join()
    return status


def _watch(running: Git, errors: int) -> None:
    """Collect what Git complains of, and end it if it waits for what never comes, as on a FIFO."""
    text, before = b"", -1.0
    while True:
        if select.select([errors], [], [], PATIENCE)[0]:
            piece = os.read(errors, 4096)
            if not piece:
                break
            text += piece[: MOST_ERRORS - len(text)]
            continue
        spent = _spent(running.process.pid)
        if spent == before and not select.select([running.output], [], [], 0)[0]:
            running.problems.append("Git waits for something that never comes")
            running.process.kill()
        before = spent
    running.problems.extend(text.decode(errors="replace").splitlines())


def _spent(process: int) -> float:
    """The processor time that a process has taken (proc(5), /proc/PID/schedstat)."""
    try:
        return float(Path(f"/proc/{process}/schedstat").read_text().split()[0])
    except (OSError, IndexError):
        return -1.0


def _memory(content: bytes, stack: ExitStack) -> int:
    """A descriptor to read content from; a pipe would have to be filled while Git answers."""
    descriptor = os.memfd_create("credhelper-leaks")
    stack.callback(os.close, descriptor)
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


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
    """The first MiB of a regular file in directory, links not followed; None if there is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError:
        return None
    try:
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
    text = CONFIGURATION.format(version=1 if sha256 or reftable else 0)
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

# SPDX-License-Identifier: MIT
"""Running Git on a repository that may be hostile: bounded in memory, in waiting and in words.

Git may expand an object to gigabytes, wait on a FIFO or a file lease (fcntl(2)), and quote what it
reads in what it complains of. So its heap is limited (setrlimit(2), RLIMIT_DATA: the packs that it
maps do not count), one allowance of waiting holds for a whole search, and of its complaints only
the kind is told, in words of ours: it cuts lines, and the half of a value is not known as one.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Final

from credhelper.process import in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credhelper.commands.leaks.repository import Repository

GIT: Final = "/usr/bin/git"
PIPE: Final = 1 << 20  # bytes; /proc/sys/fs/pipe-max-size lets everybody have it
HEAP: Final = 384 << 20  # bytes that Git may take; what is stored whole needs far less
BASES: Final = 64  # MB of what deltas are of that it keeps
PACKS: Final = 32  # MB of packs that it maps
MOST_ERRORS: Final = 4000  # bytes of what Git complains of that are looked at
STALL: Final = 5.0  # seconds without any work after which a Git that sleeps is ended
TICK: Final = 0.25  # seconds between two looks at it
IDLE: Final = 0.05  # of its time: one that waits for a lease wakes now and then

_ENVIRONMENT: Final = {
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
    "GIT_LITERAL_PATHSPECS": "1",
}
STALLED: Final = "Git waits for something that never comes, a FIFO or a file lease"
TOO_LARGE: Final = f"an object takes Git more than {HEAP >> 20} MB"
_KINDS: Final = (
    (
        re.compile(r"out of memory|malloc failed|mmap failed|cannot allocate", re.IGNORECASE),
        TOO_LARGE,
    ),
    (re.compile(r"in \S*packed-refs"), "its packed-refs has a line that Git does not understand"),
    (re.compile(r"alternate"), "one of objects/info/alternates cannot be read"),
)
_OTHER: Final = "Git reports damage: git fsck tells more"


@dataclass(slots=True)
class Patience:
    """How many more seconds a search waits for Gits that do nothing: one bound for all of them."""

    left: float = 30.0

    def until_stalled(self) -> float:
        """How long the next one may do nothing."""
        return min(STALL, max(self.left, 2 * TICK))


@dataclass(slots=True)
class Git:
    """A running Git. problems tells what it complained of, complete once it has ended."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    patience: Patience
    problems: list[str] = field(default_factory=list)
    watch: Thread | None = None

    def status(self) -> int:
        """Git's exit status, after all of its output was read."""
        status = self.process.wait()
        if self.watch:
            self.watch.join()
        return status

    def follow(self, errors: int) -> None:
        """Collect what Git complains of, and end it where it sleeps and never wakes."""
        text, idle, before = b"", 0.0, 0.0
        while True:
            if select.select([errors], [], [], TICK)[0]:
                piece = os.read(errors, 4096)
                if not piece:
                    break
                text += piece[: MOST_ERRORS - len(text)]
                continue
            spent = _spent(self.process.pid)
            waits = spent - before < IDLE * TICK and _sleeps(self.process.pid)
            idle = idle + TICK if waits and not _readable(self.output) else 0.0
            before = spent
            if idle >= self.patience.until_stalled():
                self.patience.left -= idle
                self.problems.append(STALLED)
                self.process.kill()
                idle = 0.0
        said = text.decode(errors="replace").splitlines()
        self.problems.extend(dict.fromkeys(map(_kind, filter(None, said))))


@contextmanager
def git(
    repository: Repository,
    *arguments: str,
    lines: Iterable[str] | None = None,
    source: int = subprocess.DEVNULL,
    index: str = "",
    gits: int = 1,
) -> Iterator[Git]:
    """Git with arguments and these lines on standard input; killed if still running at the end.

    In place of lines, source is a descriptor. index names an index file in the repository's
    directory other than "index". Of so many gits side by side, each takes its part of the memory.
    """
    environment = dict(_ENVIRONMENT)
    if index:
        environment["GIT_INDEX_FILE"] = f"/proc/self/fd/{repository.directory}/{index}"
    owner = repository.owner
    change = owner.user != os.geteuid() or os.geteuid() == 0
    with ExitStack() as stack:
        # a pipe would have to be filled while Git answers
        if lines is not None:
            source = in_memory("".join(f"{line}\n" for line in lines).encode())
            stack.callback(os.close, source)
        process = subprocess.Popen(
            [*_limited(gits), f"--git-dir={repository.stand_in}", *arguments],
            stdin=source,
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
        running = Git(process, process.stdout, repository.patience)
        running.watch = Thread(target=running.follow, args=(process.stderr.fileno(),))
        running.watch.start()
        try:
            yield running
        finally:
            process.kill()
            running.status()
            process.stdout.close()
            process.stderr.close()


def output_of(repository: Repository, problems: list[str], *arguments: str) -> bytes:
    """What Git writes to standard output; what it complains of goes to problems."""
    with git(repository, *arguments) as running:
        output = running.output.read()
        running.status()
        problems.extend(running.problems)
        return output


def enlarge_pipe(descriptor: int) -> None:
    """Let a pipe hold PIPE bytes where the system allows it, so that Git seldom has to wait."""
    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)


def _limited(gits: int) -> list[str]:
    """Git, one of so many side by side, with no more than its part of the memory."""
    # prlimit(1) lowers them in the process that becomes Git, after it has become the owner's
    prlimit = ["/usr/bin/prlimit", f"--data={HEAP // gits}", "--core=0", "--fsize=0", "--"]
    bases = f"core.deltaBaseCacheLimit={BASES // gits}m"
    packs = f"core.packedGitLimit={PACKS // gits}m"
    return [*prlimit, GIT, "--no-pager", "-c", bases, "-c", packs]


def _kind(complaint: str) -> str:
    return next((kind for pattern, kind in _KINDS if pattern.search(complaint)), _OTHER)


def _readable(stream: IO[bytes]) -> bool:
    return bool(select.select([stream], [], [], 0)[0])


def _spent(process: int) -> float:
    """The processor time that a process has taken, in seconds (proc(5), /proc/PID/schedstat)."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return float("inf")


def _sleeps(process: int) -> bool:
    """Whether it waits for what is not a disk (proc(5), /proc/PID/stat)."""
    try:
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"S"
    except (OSError, IndexError):
        return False

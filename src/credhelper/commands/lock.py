# SPDX-License-Identifier: MIT
"""Waiting for a directory that another command is changing: not for ever, and not in silence."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_SECONDS: Final = 120.0
_QUIET_SECONDS: Final = 1.0  # what a command takes in general: nobody need be told
_LONGEST_PAUSE: Final = 0.1
_PROGRAM: Final = "credhelper"


def lock(descriptor: int, path: str, seconds: float, tell: Callable[[str], None] | None) -> None:
    """Locks the open directory ``path`` (flock(2)); the lock goes with the descriptor.

    Waits for ``seconds`` at most; where that takes its time, ``tell`` is told for whom. Raises
    :class:`StoreFailed`, which names who holds it, and ``OSError``.
    """
    begun = time.monotonic()
    pause = 0.001
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited = time.monotonic() - begun
        if waited >= seconds:
            raise StoreFailed(
                f"is being changed by {holder(descriptor)}",
                "let it end, or give it longer: --wait SECONDS",
                path,
            ) from None
        if waited >= _QUIET_SECONDS and not told and tell:
            told = True
            tell(f"waiting for {holder(descriptor)}, which is changing {path}")
        time.sleep(min(pause, seconds - waited))  # flock(2) knows no time limit
        pause = min(pause * 2, _LONGEST_PAUSE)


def holder(descriptor: int) -> str:
    """Who holds the lock on the open file, in words: the command and its process, proc_locks(5)."""
    status = os.fstat(descriptor)
    where = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            words = line.split()
            # btrfs gives its files another device number than its locks
            if (
                "->" not in words
                and words[1] == "FLOCK"
                and (words[5] == where or words[5].rpartition(":")[2] == str(status.st_ino))
                and _is_roots(words[4])
            ):
                return _process(int(words[4]))
    except (OSError, ValueError, IndexError):
        pass
    return "another process"


def _is_roots(pid: str) -> bool:
    """Whether it is a process of root, who alone can open the directory.

    Anybody may lock a file of the same number in a file system of their own.
    """
    try:
        return "\nUid:\t0\t" in Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:
        return False


def _process(pid: int) -> str:
    """The process ``pid`` in words; a credhelper by its verb, anything else by its program."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2][:1]
    except OSError:
        return "another process"
    names = [os.path.basename(word) for word in command]
    what = names[0]
    if _PROGRAM in names:
        after = command[names.index(_PROGRAM) + 1 :]
        verb = next((word for word in after if word and not word.startswith("-")), "")
        what = f"{_PROGRAM} {verb}".strip()
    stopped = ", stopped" if state in ("T", "t") else ""
    return f"{what} (process {pid}{stopped})"

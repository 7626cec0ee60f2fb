# SPDX-License-Identifier: MIT
"""Every object of a repository, reachable or not, packed or loose, as Git delivers it.

One reading runs over all of what `git cat-file` writes of them in large buffers across objects, and
notes which objects hold a whole value, not merely a part of one: those are read again, one by one,
and their owner, who can watch which are, learns no more than he had.

Git is what takes the time, and uses one processor. So of a large repository, one lists the objects
and two read them, a block of neighbours at a time: those are deltas of one another.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.batch import Reading, read
from credhelper.commands.leaks.git import STALLED, TOO_LARGE, Git, git
from credhelper.commands.leaks.objects import Survey, unreadable
from credhelper.commands.leaks.repository import size_on_disk

if TYPE_CHECKING:
    from credhelper.commands.leaks.batch import Progress
    from credhelper.commands.leaks.matching import Matcher
    from credhelper.commands.leaks.repository import Repository

RESTARTS: Final = 100  # damaged objects that are stepped over
# A pack of a few kilobytes can be made to expand without end; honest histories stay far below.
EXPANDED: Final = 8 << 30  # bytes that any repository may expand to
EXPANSION: Final = 1000  # times its size on the disk that a larger one may
LARGE: Final = 4 << 20  # bytes on the disk from which on two Gits are faster than one
BLOCK: Final = 160 << 10  # bytes of ids that one of them is given at once: 4,000 objects

_ALL: Final = ("cat-file", "--batch-all-objects", "--unordered", "--buffer")


def survey(repository: Repository, matcher: Matcher, progress: Progress) -> Survey:
    """Read all objects once. Damaged ones are noted and stepped over."""
    size = size_on_disk(repository.common)
    most = max(EXPANDED, EXPANSION * size)
    gits = min(2, len(os.sched_getaffinity(0))) if size > LARGE else 1
    while gits:
        result = Survey()
        with ExitStack() as stack:
            running = _reading(repository, gits, stack)
            readings = [Reading(one, matcher, result) for one in running[-gits:]]
            whole = read(readings, result, progress, most)
            done = all(reading.complete for reading in readings)
            if not whole or (done and not any(one.status() for one in running)):
                result.unread += [problem for one in running for problem in one.problems]
                return result
        too_large = any(TOO_LARGE in one.problems for one in running)
        gits = 1 if gits > 1 and too_large else 0  # one alone may take more memory
    return _careful(repository, matcher, progress, most)


def _reading(repository: Repository, gits: int, stack: ExitStack) -> list[Git]:
    """Gits of which the last so many write all objects, each some of them."""
    if gits == 1:
        return [stack.enter_context(git(repository, *_ALL, "--batch"))]
    listing = stack.enter_context(git(repository, *_ALL, "--batch-check=%(objectname)"))
    lock, running = Lock(), [listing]
    for _ in range(gits):
        source, sink = os.pipe2(os.O_CLOEXEC)
        dealer = Thread(target=_deal, args=(listing, lock, sink))
        dealer.start()
        stack.callback(dealer.join)
        with open(source, "rb") as given:
            arguments = ("cat-file", "--batch", "--buffer")
            one = git(repository, *arguments, source=given.fileno(), gits=gits)
            running.append(stack.enter_context(one))
    return running


def _deal(listing: Git, lock: Lock, sink: int) -> None:
    """Give one Git a block of what is listed whenever it is done with the last."""
    with suppress(BrokenPipeError), open(sink, "wb") as lines:
        while True:
            with lock:
                block = b"".join(listing.output.readlines(BLOCK))
            if not block:
                return
            lines.write(block)
            lines.flush()


def _careful(repository: Repository, matcher: Matcher, progress: Progress, most: int) -> Survey:
    """Read the objects in a known order, so that reading can go on after one that is damaged.

    Without --buffer: all that comes before that one has been delivered.
    """
    result = Survey()
    with git(
        repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    ) as listing:
        oids = [line.split()[0].decode() for line in listing.output if line.strip()]
    if not oids:
        result.unread += listing.problems or ["Git cannot read it"]
    restarts = 0
    while oids and restarts < RESTARTS and repository.patience.left > 0:
        restarts += 1
        with git(repository, "cat-file", "--batch", lines=oids) as running:
            reading = Reading(running, matcher, result)
            whole = read([reading], result, progress, most)
            status = running.status() if reading.complete else 1
        if status == 0 or not whole:
            return result
        # Git ends at an object that it cannot read, before or after its header
        done = oids.index(reading.last) if reading.last in oids else -1
        if reading.complete:
            done += 1
        result.unread.append(unreadable(oids[min(done, len(oids) - 1)], running))
        oids = oids[done + 1 :]
    if oids:
        reason = STALLED if repository.patience.left <= 0 else "too many are damaged"
        result.unread.append(f"{len(oids):,} objects were not read: {reason}")
    return result

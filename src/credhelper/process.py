# SPDX-License-Identifier: MIT
"""Programs run side by side, their input and output through pipes, each with a time limit.

``subprocess`` in a fraction of its start-up time, for the one program that is always needed. The
calls are the C module's: what gevent puts in the place of ``os.close`` and others comes back late.
"""

from __future__ import annotations

import posix
import select
import time
from _signal import (
    SIG_BLOCK,
    SIG_IGN,
    SIG_SETMASK,
    SIGPIPE,
    SIGTSTP,
    getsignal,
    pthread_sigmask,
    sigtimedwait,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

_CHUNK_BYTES: Final = 1 << 16  # a pipe's default capacity: this much never blocks
_STDERR_BYTES: Final = 1 << 14  # of its complaints, as much as anybody reads
_SIGKILL: Final = 9
_DYING_SECONDS: Final = 2.0  # a killed program is gone at once, except for one that a driver holds
_EVERY_SIGNAL: Final = range(1, 32)


class Process:
    """One run of a program. ``status`` is its exit status, negative a signal's number.

    ``status`` is None where it is not known: still running, or reaped by somebody else because
    the process ignores SIGCHLD. ``timed_out`` tells that the time limit ended it.
    """

    __slots__ = (
        *("status", "stderr", "stdout", "timed_out"),
        *("_deadline", "_input", "_pid", "_pipes", "_time_limit"),
    )

    def __init__(
        self,
        argv: list[str],
        stdin: bytes | None,
        environment: Mapping[str, str],
        time_limit: float,
    ) -> None:
        """Starts ``argv`` (an absolute path first); ``time_limit`` is in seconds.

        Without ``stdin``, it waits for what :meth:`give` is told. Raises ``OSError`` where it
        cannot be started.
        """
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.status: int | None = None
        self.timed_out = False
        self._input = memoryview(b"")
        self._pipes: dict[int, bytearray | None] = {}
        theirs: list[int] = []
        try:
            for descriptor in range(3):
                read_end, write_end = _pipe()
                mine, other = (write_end, read_end) if descriptor == 0 else (read_end, write_end)
                self._pipes[mine] = (None, self.stdout, self.stderr)[descriptor]
                theirs.append(other)
                posix.set_blocking(mine, False)
            self._pid = posix.posix_spawn(
                argv[0],
                argv,
                environment,
                file_actions=[(posix.POSIX_SPAWN_DUP2, end, fd) for fd, end in enumerate(theirs)],
                setsigmask=(SIGTSTP,),  # nor does Control-Z stop what a command waits for
                setsigdef=_EVERY_SIGNAL,
            )
        except BaseException:
            for end in self._pipes:
                posix.close(end)
            raise
        finally:
            for end in theirs:
                posix.close(end)
        self._time_limit = time_limit
        if stdin is not None:
            self.give(stdin)

    def give(self, stdin: bytes) -> None:
        """Its input, and the end of it; the time limit begins."""
        self._input = memoryview(stdin)
        self._deadline = time.monotonic() + self._time_limit
        self._write(next(iter(self._pipes)))  # most inputs fit in the pipe: gone at once

    @property
    def running(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self._pipes)

    def kill(self) -> None:
        """Ends the program if it runs, and forgets what it wrote.

        One that the kernel cannot end now is left behind: it dies when its driver lets it go.
        """
        for end in list(self._pipes):
            self._close(end)
        if self.status is None and self._pid:
            try:
                posix.kill(self._pid, _SIGKILL)
            except ProcessLookupError:  # SIGCHLD is ignored: the kernel reaped it
                self._pid = 0
                return
            if not self._reap(_DYING_SECONDS):
                self._pid = 0  # not to be waited for again

    def _write(self, end: int) -> None:
        try:
            while self._input:
                self._input = self._input[_write(end, self._input[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it stopped reading: what it says on stderr tells why
            pass
        self._close(end)

    def _read(self, end: int, into: bytearray) -> None:
        data = posix.read(end, _CHUNK_BYTES)
        if not data:
            self._close(end)
        elif into is self.stdout or len(into) < _STDERR_BYTES:
            into += data

    def _close(self, end: int) -> None:
        del self._pipes[end]
        posix.close(end)

    def _reap(self, seconds: float) -> bool:
        """Whether it ends within ``seconds``; learns its status."""
        try:
            if not _ends(self._pid, seconds):
                return False
            self.status = posix.waitstatus_to_exitcode(posix.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            self._pid = 0
        return True

    def _serve(self, end: int) -> None:
        into = self._pipes[end]
        if into is None:
            self._write(end)
        else:
            self._read(end, into)
        if not self._pipes and not self._reap(self._deadline - time.monotonic()):
            self.timed_out = True
            self.kill()


def in_memory(content: bytes | bytearray, *, inherited: bool = False, sealed: bool = False) -> int:
    """A descriptor to read ``content`` from, which no disk has; the caller closes it.

    What it is passed on to has it after execve(2) where it is ``inherited``, and cannot change it
    where it is ``sealed``. Raises ``OSError``.
    """
    flags = posix.MFD_ALLOW_SEALING | (0 if inherited else posix.MFD_CLOEXEC)
    descriptor = -1
    try:
        descriptor = posix.memfd_create("credhelper", flags)
        left = memoryview(content)
        while left:
            left = left[posix.write(descriptor, left) :]
        posix.lseek(descriptor, 0, 0)
        if sealed:
            import fcntl

            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError as error:
        if descriptor >= 0:
            posix.close(descriptor)
        error.filename = "a file in memory"
        raise
    return descriptor


def wait_any(processes: Iterable[Process]) -> list[Process]:
    """Moves input and output of ``processes`` until one of them ends; those that have ended.

    One that is past its time limit is killed, and has ended.
    """
    running = {end: process for process in processes for end in process._pipes}
    if not running:
        return []
    poll = select.poll()
    for end, process in running.items():
        poll.register(end, select.POLLOUT if process._pipes[end] is None else select.POLLIN)
    while True:
        deadline = min(process._deadline for process in running.values())
        ready = poll.poll(max(0, deadline - time.monotonic()) * 1000)
        touched = set()
        for end, _ in ready:
            process = running[end]
            process._serve(end)
            touched.add(process)
            if end not in process._pipes:
                poll.unregister(end)
                del running[end]
        ended = [process for process in touched if not process.running]
        if not ready:
            now = time.monotonic()
            for process in set(running.values()):
                if process._deadline <= now:
                    process.timed_out = True
                    process.kill()
                    ended.append(process)
        if ended:
            return ended


def _ends(pid: int, seconds: float) -> bool:
    """Whether the child ``pid`` ends within ``seconds``."""
    try:
        end = posix.pidfd_open(pid)
    except OSError:  # it is reaped, or there is no descriptor: waitpid(2) tells
        return True
    try:
        poll = select.poll()
        poll.register(end, select.POLLIN)
        return bool(poll.poll(max(0, seconds) * 1000))
    finally:
        posix.close(end)


def _write(end: int, data: memoryview) -> int:
    """write(2), where a reader that has gone is an error, and no signal that ends the caller."""
    if getsignal(SIGPIPE) == SIG_IGN:  # as Python starts
        return posix.write(end, data)
    before = pthread_sigmask(SIG_BLOCK, (SIGPIPE,))
    try:
        return posix.write(end, data)
    except BrokenPipeError:
        sigtimedwait((SIGPIPE,), 0)  # it is this thread's: taken back before it is let through
        raise
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are above the standard ones, even where those are closed."""
    ends = posix.pipe()
    if min(ends) > 2:
        return ends
    import fcntl  # seldom needed, and a shared object of its own

    try:
        lifted = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends]
    finally:
        for end in ends:
            posix.close(end)
    return lifted[0], lifted[1]

# SPDX-License-Identifier: MIT
"""Putting files into a directory of root's: each whole and durable, all of them or none.

A name changes only by a link or a rename of a complete, verified and synced file, so that a crash
at any instruction leaves the old or the new one whole. Used for the store and for drop-ins.
"""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from credhelper import store
from credhelper.commands import lock
from credhelper.commands.signals import ENDING
from credhelper.errors import CredentialError, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Self

# systemd's own manner of naming what is not finished: no glob of ImportCredential= matches it, and
# sudo reads no name with a dot
LEFTOVER_PREFIX: Final = ".#credhelper-"


class Change:
    """A change as a whole, to when it was told: what it waits for, and which signals wait for it.

    ``wait`` is in seconds: how long others may be at work in the directory; ``tell`` is told of
    them where that takes its time. From the first name taken in a directory to its fsync signals
    wait, for what is half done there would be neither the old nor the new: :meth:`begin` has them
    wait until the end of this context. One that came meanwhile is dropped there, for what it would
    have kept from happening is done, and was told; with ``resume`` it ends the command then.
    """

    def __init__(
        self,
        wait: float = lock.WAIT_SECONDS,
        tell: Callable[[str], None] | None = None,
        *,
        resume: bool = False,
    ) -> None:
        self.wait = wait
        self.tell = tell
        self._resume = resume
        self._before: set[int] | None = None

    def begin(self) -> None:
        """Has the signals wait from now on."""
        if self._before is None:
            # known first: one that comes just now raises from the call that has blocked it
            self._before = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            return
        before, self._before = self._before, None
        if not self._resume:
            while signal.sigtimedwait(set(ENDING) - before, 0):
                pass
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(ENDING) - before)


class NameTaken(Exception):
    """There is a file of this ``name`` already."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Directory:
    """An open directory that nobody else changes meanwhile: its ``descriptor`` and its ``path``."""

    def __init__(self, descriptor: int, path: str, mode: int = 0o600) -> None:
        """``mode`` is what its new files get."""
        self.descriptor = descriptor
        self.path = path
        self.mode = mode

    def put(
        self,
        files: Mapping[str, bytes],
        verify: Callable[[Mapping[str, bytes]], None],
        *,
        replaced: Collection[str] = (),
        modified_ns: Mapping[str, int] | None = None,
        change: Change | None = None,
    ) -> None:
        """Puts all of ``files`` (by name) there, or none; those in ``replaced`` replace another.

        ``verify`` gets the bytes as they were read back from the disk, and raises where they are
        not to be put there. ``modified_ns`` are the files' times, now by default. What fails
        undoes what it did. From the first name on, ``change`` has signals wait. Raises
        :class:`NameTaken`, the error of ``verify``, or what :func:`store.failure` makes of an
        ``OSError``.
        """
        temporary = {name: LEFTOVER_PREFIX + os.urandom(8).hex() for name in files}
        times = modified_ns or {}
        undo: list[Callable[[], None]] = []
        failing = next(iter(files), "")
        with Change() as own:
            try:
                for failing in files:
                    self._write(temporary[failing], files[failing], times.get(failing))
                verify({name: self._read(temporary[name]) for name in files})
                (change or own).begin()
                for failing in files:
                    self._take(temporary[failing], failing, failing in replaced, undo)
                os.fsync(self.descriptor)
            except BaseException as error:
                (change or own).begin()
                self._undo(undo, failing)
                if isinstance(error, FileExistsError) and not isinstance(error, CredentialError):
                    raise NameTaken(failing) from None
                if isinstance(error, OSError) and not isinstance(error, CredentialError):
                    raise store.failure(error, f"{self.path}/{failing}") from None
                raise
            finally:
                self.sweep()

    def sweep(self) -> None:
        """Removes leftovers; what keeps it from that shows where it matters, or to the next one."""
        try:
            for name in _leftovers(self.descriptor):
                os.unlink(name, dir_fd=self.descriptor)
        except OSError:
            return

    def _write(self, name: str, data: bytes, modified_ns: int | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o600, dir_fd=self.descriptor)
        try:
            os.fchown(file, 0, 0)
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fchmod(file, self.mode)  # whatever the umask took away
            if modified_ns is not None:
                os.utime(file, ns=(modified_ns, modified_ns))
            os.fsync(file)
        finally:
            os.close(file)

    def _read(self, name: str) -> bytes:
        return store.read_at(self.descriptor, self.path, name).blob

    def _take(
        self, temporary: str, name: str, replace: bool, undo: list[Callable[[], None]]
    ) -> None:
        """Gives the file ``temporary`` its ``name``; adds to ``undo`` first what undoes that."""
        here = self.descriptor
        if not replace:  # a link refuses what is there, whoever put it there
            undo.append(lambda: self._unlink_if_same(name, temporary))
            os.link(temporary, name, src_dir_fd=here, dst_dir_fd=here)
            return
        kept = LEFTOVER_PREFIX + os.urandom(8).hex()
        os.link(name, kept, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
        # two names of one file: nothing happens
        undo.append(lambda: os.rename(kept, name, src_dir_fd=here, dst_dir_fd=here))
        os.rename(temporary, name, src_dir_fd=here, dst_dir_fd=here)

    def _unlink_if_same(self, name: str, temporary: str) -> None:
        ours = os.stat(temporary, dir_fd=self.descriptor, follow_symlinks=False)
        try:
            theirs = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:  # it did not come to that
            return
        if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
            os.unlink(name, dir_fd=self.descriptor)

    def _undo(self, steps: list[Callable[[], None]], name: str) -> None:
        try:
            for step in reversed(steps):
                step()
        except OSError as error:
            raise StoreFailed(
                f"cannot be put there, and what was done before cannot be undone: {error.strerror}",
                "look at the disk, then at what is there: sudo credhelper list --verify",
                f"{self.path}/{name}",
            ) from None


@contextmanager
def opened(path: str, mode: int, change: Change | None = None) -> Iterator[Directory]:
    """The directory ``path``, locked (flock(2)) and without leftovers; its new files get ``mode``.

    Raises ``FileNotFoundError``, :class:`StoreFailed`, :class:`UnsafeStore` or
    :class:`NotPermitted`.
    """
    descriptor = store.open_directory(path)
    # with Control-Z, the lock would be whose terminal it is for as long as they like
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTSTP,))
    try:
        try:
            change = change or Change()
            lock.lock(descriptor, path, change.wait, change.tell)
        except OSError as error:
            if isinstance(error, CredentialError):
                raise
            raise store.failure(error, path) from None
        directory = Directory(descriptor, path, mode)
        directory.sweep()
        yield directory
    finally:
        os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP} - before)


def sweep_path(path: str) -> None:
    """Removes what an interrupted command left in ``path``, unless one is at work there now.

    The lock is taken for that alone: who may only look at the store could stop this at any moment.
    """
    try:
        descriptor = store.open_directory(path)
    except (FileNotFoundError, CredentialError):
        return
    try:
        if not _leftovers(descriptor):
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Directory(descriptor, path).sweep()
    except OSError:  # somebody is at work there
        return
    finally:
        os.close(descriptor)


def _leftovers(descriptor: int) -> list[str]:
    return [name for name in os.listdir(descriptor) if name.startswith(LEFTOVER_PREFIX)]


def sync(directory: str) -> None:
    """Makes the names in ``directory`` durable. Raises ``OSError``."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

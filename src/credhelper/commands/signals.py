# SPDX-License-Identifier: MIT
"""The signals that end a command: how they end it, and when they have to wait.

Control-C, SIGTERM, SIGHUP and SIGQUIT end a command in the same way: nothing is left unfinished,
and it says that it was interrupted. From the first name taken in a directory to its fsync they
wait, for what is half done there would be neither the old nor the new.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType
    from typing import Self

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Interrupted(KeyboardInterrupt):
    """One of :data:`ENDING` has come; ``status`` is the exit status that shells give it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def end_like_an_interrupt() -> None:
    """Has each of :data:`ENDING` raise :class:`Interrupted`, unless it is ignored (nohup(1))."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


class Deferral:
    """A context in which :meth:`begin` has the signals wait until its end.

    One that came meanwhile is dropped there, for what it would have kept from happening is done,
    and was told; with ``resume`` it ends the command then.
    """

    def __init__(self, *, resume: bool = False) -> None:
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


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)

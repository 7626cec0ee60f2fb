# SPDX-License-Identifier: MIT
"""The signals that end a command, and how they end it.

Control-C, SIGTERM, SIGHUP and SIGQUIT end a command in the same way: nothing is left unfinished,
and it says that it was interrupted. ``directory`` tells when they have to wait.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

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


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)

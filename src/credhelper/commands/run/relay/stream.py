# SPDX-License-Identifier: MIT
"""One direction of the relay."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from credhelper.commands.run.masking import Masker

_BLOCK_BYTES: Final = 1 << 16
_PIPE_BYTES: Final = 4096  # a pipe that poll(2) says is writable takes so much at once


class Stream:
    """What comes from ``source`` and goes to ``sink``, masked by ``masker``.

    ``waiting`` is what the sink has not taken yet. With ``of_terminal``, one of both is the
    script's terminal, whose source goes on when the sink is lost: so is what is written to a
    terminal that has gone.
    """

    __slots__ = ("ended", "masker", "of_terminal", "sink", "source", "waiting")

    def __init__(
        self, source: int, sink: int, masker: Masker | None = None, *, of_terminal: bool = False
    ) -> None:
        self.source = source
        self.sink = sink
        self.masker = masker
        self.of_terminal = of_terminal
        self.waiting = b""
        self.ended = False

    def take(self) -> None:
        """Reads what is there."""
        try:
            data = os.read(self.source, _BLOCK_BYTES)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the terminal any more
            data = b""
        if not data:
            self.end()
        elif self.sink >= 0:
            self.waiting += self.masker.feed(data) if self.masker else data

    def end(self) -> None:
        """Nothing comes any more: what was held back can go."""
        self.ended = True
        if self.masker and self.sink >= 0:
            self.waiting += self.masker.finish()

    def give(self) -> None:
        """Writes what the sink takes without waiting."""
        try:
            written = os.write(self.sink, self.waiting[:_PIPE_BYTES])
        except BlockingIOError:
            return
        except OSError:  # the reader has left
            self._lose_sink()
            return
        self.waiting = self.waiting[written:]

    def _lose_sink(self) -> None:
        self.waiting = b""
        self.sink = -1
        if not self.of_terminal:  # then the script's own writes fail, as without a relay
            os.close(self.source)
            self.ended = True

# SPDX-License-Identifier: MIT
"""A person at a terminal: what is shown is waited for, what is typed is sent."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

PATIENCE_SECONDS: Final = 120.0


class Hidden(str):
    """What is typed when the terminal does not show it."""

    __slots__ = ()


class Terminal:
    """A program in the foreground of a pseudo-terminal of its own; use it with ``with``.

    ``shown`` is all that it wrote so far, in the terminal's own line endings.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None = None,
        stdout: int | None = None,
    ) -> None:
        self.shown = b""
        self._seen = 0
        self.master, slave = pty.openpty()
        try:
            self.process = subprocess.Popen(
                # setsid gives the session its controlling terminal before the program starts
                ["/usr/bin/setsid", "--ctty", "--wait", *argv],
                stdin=slave,
                stdout=slave if stdout is None else stdout,
                stderr=slave,
                env=dict(env),
                cwd=cwd,
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        os.close(self.master)  # hangs up, which ends whoever still reads
        self.process.kill()
        self.process.wait()

    def expect(self, text: str | bytes) -> bytes:
        """Waits for ``text``, which has to come after what was expected last; all up to there."""
        wanted = text.encode() if isinstance(text, str) else text
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (at := self.shown.find(wanted, self._seen)) < 0:
            if not self._read(deadline):
                raise AssertionError(f"{wanted!r} was not shown, but {self.shown[self._seen :]!r}")
        start, self._seen = self._seen, at + len(wanted)
        return self.shown[start : self._seen]

    def send(self, text: str | bytes) -> None:
        """Types ``text``: a line ends in a newline, Ctrl-C is ``\\x03``, end of file ``\\x04``.

        What is ``Hidden`` waits, as a person would, for the program to stop the terminal's echo.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while isinstance(text, Hidden) and termios.tcgetattr(self.master)[3] & termios.ECHO:
            assert time.monotonic() < deadline, "what is typed would be shown"
            time.sleep(0.001)  # no event tells of it
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def wait(self) -> int:
        """Reads to the end; the exit status."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self, deadline: float) -> bool:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([self.master], [], [], left)[0]:
            raise AssertionError(f"nothing more within {PATIENCE_SECONDS:.0f} s: {self.shown!r}")
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # EIO: the last process has closed the terminal
            return False
        self.shown += data
        return bool(data)

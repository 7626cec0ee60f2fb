# SPDX-License-Identifier: MIT
"""The caller's terminal, as the relay uses it."""

from __future__ import annotations

import fcntl
import os
import termios
import tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Self

_SIZE_BYTES: Final = 8  # struct winsize


class Terminal:
    """The terminal behind ``descriptor``, and the ``master`` of the pair that stands in for it.

    While it is ``raw``, keys go to the script's terminal as they are, which makes signals of them.
    It is ``interactive`` where it is standard input, or the script has read it anyway.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.master = -1
        self.raw = False
        self.interactive = os.isatty(0)
        self._entered = False
        self._attributes = termios.tcgetattr(descriptor)

    @classmethod
    def of_this_process(cls) -> Self | None:
        """The controlling terminal, or the one that is a standard descriptor; None without."""
        try:
            return cls(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError:
            pass
        for standard in range(3):
            if os.isatty(standard):
                return cls(os.dup(standard))
        return None

    def open_pair(self, uid: int) -> tuple[int, int]:
        """A new pseudo-terminal of the user ``uid``, set up as this terminal: master and slave.

        Raises ``OSError``.
        """
        master, slave = os.openpty()
        os.fchown(slave, uid, -1)
        os.fchmod(slave, 0o600)
        attributes = [*self._attributes]
        if not self.interactive:  # the caller's stays as it is, and ends the lines itself
            attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self._copy_size(slave)
        self.master = master
        return master, slave

    def in_foreground(self) -> bool:
        """Whether what is typed is for this process group."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:  # not the terminal of this session: there is no such thing
            return True

    def enter(self) -> None:
        """Hands keys on as they are, from now on."""
        if not self.raw:
            try:
                self._attributes = termios.tcgetattr(self.descriptor)
                if not self._entered:  # what was copied may have been those of a shell's prompt
                    termios.tcsetattr(self.master, termios.TCSANOW, self._attributes)
                tty.setraw(self.descriptor, termios.TCSANOW)
            except termios.error:  # it has gone
                return
            self.raw = self._entered = True

    def leave(self) -> None:
        """Makes the terminal what it was."""
        if self.raw:
            self.raw = False
            self.restore()

    def restore(self) -> None:
        """Sets what was found at the beginning."""
        try:
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self._attributes)
        except termios.error:  # it has gone
            pass

    def copy_size(self) -> None:
        """Hands on how many lines and columns it has now; the kernel tells the script."""
        self._copy_size(self.master)

    def _copy_size(self, to: int) -> None:
        try:
            size = fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, bytes(_SIZE_BYTES))
            fcntl.ioctl(to, termios.TIOCSWINSZ, size)
        except OSError:  # it has gone
            pass

# SPDX-License-Identifier: MIT
"""The script as the relay sees it: a child, or one in a session of its own."""

from __future__ import annotations

import _signal
import os

from credhelper.commands.run.relay import session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket


class Child:
    """A child in the relay's own process group, to which the kernel sends what keys mean."""

    descriptor = -1
    shares_keys = True

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def events(self) -> list[tuple[bytes, int]]:
        """What became of it since: how it stopped or ended, as messages of ``session``."""
        pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return []
        if os.WIFSTOPPED(status):
            return [(session.STOPPED, os.WSTOPSIG(status))]
        if os.WIFSIGNALED(status):
            return [(session.KILLED, os.WTERMSIG(status))]
        return [(session.EXITED, os.WEXITSTATUS(status))]

    def signal(self, number: int, *, group: bool) -> None:
        """Sends a signal to it, or to all of its process group, as the kernel does for keys."""
        del group  # which the relay is in
        os.kill(self._pid, number)

    def go_on(self, *, in_foreground: bool) -> None:
        """Lets it go on after it has stopped."""
        del in_foreground  # it is where the relay is
        os.kill(self._pid, _signal.SIGCONT)

    def finish(self) -> None:
        """All that it wrote has been read."""


class Session:
    """One in a session of its own, behind the leader of that."""

    shares_keys = False

    def __init__(self, leader: socket) -> None:
        self._leader = leader
        self.descriptor = leader.fileno()

    def events(self) -> list[tuple[bytes, int]]:
        """As of :class:`Child`."""
        message = self._leader.recv(session.MESSAGE_BYTES)
        if not message:  # somebody has killed the leader, and the kernel the script
            return [(session.KILLED, _signal.SIGKILL)]
        return [(message[:1], message[1])]

    def signal(self, number: int, *, group: bool) -> None:
        """As of :class:`Child`."""
        self._tell(session.SIGNAL_TO_GROUP if group else session.SIGNAL, number)

    def go_on(self, *, in_foreground: bool) -> None:
        """As of :class:`Child`; it may read its terminal ``in_foreground`` alone."""
        self._tell(session.FOREGROUND if in_foreground else session.BACKGROUND, 0)

    def finish(self) -> None:
        """As of :class:`Child`: the session may end, and with it the terminal."""
        self._leader.close()

    def _tell(self, what: bytes, number: int) -> None:
        try:
            self._leader.send(what + bytes([number]))
        except OSError:  # it has ended, which is about to be read
            pass

# SPDX-License-Identifier: MIT
"""The leader of the script's session, between the relay and the script.

It and the relay tell one another in messages of two bytes: what, and a number.
"""

from __future__ import annotations

import _signal
import fcntl
import os
import select
import termios
from _socket import AF_UNIX, SOCK_SEQPACKET, socket

from credhelper.commands import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from credhelper.commands.run.relay.terminal import Terminal

MESSAGE_BYTES: Final = 2
# to the relay: the script has stopped or ended by a signal, or with a status
STOPPED: Final = b"T"
KILLED: Final = b"K"
EXITED: Final = b"X"
# from it
SIGNAL: Final = b"S"
SIGNAL_TO_GROUP: Final = b"G"
FOREGROUND: Final = b"F"
BACKGROUND: Final = b"B"


def channel() -> tuple[socket, socket]:
    """Both ends of what the relay and the session's leader talk through."""
    from _socket import socketpair

    one, other = socketpair(AF_UNIX, SOCK_SEQPACKET)
    return one, other


def lead(relay: socket, slave: int, terminal: Terminal, *, in_foreground: bool) -> bool:
    """Leads a session on the terminal ``slave``; returns true in the process of the script alone.

    Every signal is blocked.
    """
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    script = os.fork()
    if script == 0:
        os.setpgid(0, 0)
        if in_foreground:
            os.tcsetpgrp(slave, os.getpgrp())
        relay.close()
        os.close(terminal.descriptor)
        return True
    try:
        for standard in range(3):
            os.close(standard)
        _watch(relay, slave, script)
    except OSError:  # the relay was killed, and the script is, with this process
        terminal.restore()
    finally:
        os._exit(0)


def _watch(relay: socket, slave: int, script: int) -> None:
    """Hands on what the relay says and how the script is. Raises ``OSError`` when it was killed."""
    signals = kernel.signal_descriptor([_signal.SIGCHLD])
    poll = select.poll()
    poll.register(signals, select.POLLIN)
    poll.register(relay.fileno(), select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == signals:
                kernel.next_signal(signals)
                if _report(relay, script):
                    os.close(slave)
                    relay.recv(1)  # until all is read: with this process, the terminal hangs up
                    return
            elif not _obey(relay.recv(MESSAGE_BYTES), slave, script):
                raise BrokenPipeError


def _report(relay: socket, script: int) -> bool:
    """Tells what became of the script; whether it has ended."""
    while True:
        pid, status = os.waitpid(script, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return False
        if os.WIFSTOPPED(status):
            relay.send(STOPPED + bytes([os.WSTOPSIG(status)]))
            continue
        if os.WIFSIGNALED(status):
            relay.send(KILLED + bytes([os.WTERMSIG(status)]))
        else:
            relay.send(EXITED + bytes([os.WEXITSTATUS(status)]))
        return True


def _obey(message: bytes, slave: int, script: int) -> bool:
    """Does what the relay says; false where it says nothing any more."""
    if not message:
        return False
    what, number = message[:1], message[1]
    try:
        if what == SIGNAL:
            os.kill(script, number)
        elif what == SIGNAL_TO_GROUP:
            os.killpg(script, number)
        else:
            os.tcsetpgrp(slave, script if what == FOREGROUND else os.getpgrp())
            os.killpg(script, _signal.SIGCONT)
    except ProcessLookupError:  # it has ended, which is about to be reported
        pass
    return True

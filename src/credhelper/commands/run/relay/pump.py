# SPDX-License-Identifier: MIT
"""The relay's work: streams, signals, and ending as the script ends."""

from __future__ import annotations

import _signal
import os
import select

from credhelper.commands import kernel
from credhelper.commands.run.relay import session
from credhelper.commands.run.relay.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

    from credhelper.commands.run.relay.script import Child, Session
    from credhelper.commands.run.relay.terminal import Terminal

_STOPS: Final = frozenset((_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU))
_KEYS: Final = frozenset((_signal.SIGINT, _signal.SIGQUIT, _signal.SIGTSTP))
_ENDS: Final = frozenset((_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM))
# how long what a child of the script still writes to its terminal may take; the script has ended
_REST_MILLISECONDS: Final = 100


class Pump:
    """Relays until the script has ended and all that it wrote is written."""

    def __init__(
        self, script: Child | Session, streams: list[Stream], terminal: Terminal | None
    ) -> None:
        self._script = script
        self._streams = streams
        self._terminal = terminal
        self._keys = (
            Stream(terminal.descriptor, terminal.master, of_terminal=True) if terminal else None
        )
        self._end: tuple[bytes, int] | None = None
        self._signals = kernel.signal_descriptor(_signal.pthread_sigmask(_signal.SIG_BLOCK, ()))

    def run(self) -> NoReturn:
        """Relays, and ends this process as the script has ended."""
        try:
            while self._end is None or not self._at_rest():
                self._turn(-1 if self._end is None else _REST_MILLISECONDS)
        finally:
            if self._terminal:
                self._terminal.leave()
        self._script.finish()
        self._streams = [stream for stream in self._streams if not stream.of_terminal]
        if not all(stream.ended for stream in self._streams) and os.fork() == 0:
            self._relay_children()
        _end_as(*self._end)

    def _at_rest(self) -> bool:
        """Whether nothing is left to be read now, or to be written."""
        quiet = select.poll()
        for stream in self._streams:
            if stream.waiting:
                return False
            if not stream.ended:
                quiet.register(stream.source, select.POLLIN)
        patient = any(stream.of_terminal and not stream.ended for stream in self._streams)
        return not quiet.poll(_REST_MILLISECONDS if patient else 0)

    def _relay_children(self) -> NoReturn:
        """What the script has left running still writes to pipes that the relay reads."""
        for number in _signal.valid_signals():
            if number not in (_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGPIPE):
                _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        while not all(stream.ended and not stream.waiting for stream in self._streams):
            self._turn(-1)
        os._exit(0)

    def _turn(self, timeout: int) -> None:
        """Waits for something to happen, and does what is to be done then."""
        wanted: dict[int, int] = {}

        def want(descriptor: int, event: int) -> None:
            wanted[descriptor] = wanted.get(descriptor, 0) | event

        if self._end is None or self._script.descriptor < 0:
            want(self._signals, select.POLLIN)
        if self._end is None and self._script.descriptor >= 0:
            want(self._script.descriptor, select.POLLIN)
        streams = self._streams
        if self._keys and self._terminal and self._terminal.raw and self._end is None:
            streams = [*streams, self._keys]
        for stream in streams:
            if stream.waiting:
                want(stream.sink, select.POLLOUT)
            elif not stream.ended:
                want(stream.source, select.POLLIN)
        poll = select.poll()
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        ready = dict(poll.poll(timeout))
        for stream in streams:
            if stream.waiting:
                if ready.get(stream.sink, 0) & ~select.POLLIN:
                    stream.give()
            elif not stream.ended and ready.get(stream.source, 0) & ~select.POLLOUT:
                stream.take()
        if self._signals in ready:
            self._met(*kernel.next_signal(self._signals))
        if self._script.descriptor in ready:
            self._look()

    def _look(self) -> None:
        for what, number in self._script.events():
            if what == session.STOPPED:
                self._stopped(number)
            else:
                self._end = (what, number)

    def _met(self, number: int, by_kernel: bool) -> None:
        """A signal to the relay: it is meant for the script, except for a few."""
        if number == _signal.SIGCHLD:
            if self._script.descriptor < 0:
                self._look()
        elif self._end is not None:
            if number in _ENDS:
                _end_as(*self._end)
        elif number == _signal.SIGWINCH and self._terminal:
            self._terminal.copy_size()
        elif number == _signal.SIGCONT:
            self._go_on()
        elif not (by_kernel and number in _KEYS and self._script.shares_keys):
            self._script.signal(number, group=by_kernel)

    def _stopped(self, number: int) -> None:
        """Stops as the script has, for the shell to see; goes on with it afterwards."""
        terminal = self._terminal
        uses_it = terminal is not None and number in (_signal.SIGTTIN, _signal.SIGTTOU)
        if terminal and uses_it:
            terminal.interactive = True
        if not (terminal and uses_it and terminal.in_foreground()):
            if terminal:
                terminal.leave()
            if not _stop(number) and uses_it:  # nor will it ever have the foreground
                self._script.signal(_signal.SIGHUP, group=True)
        self._go_on()

    def _go_on(self) -> None:
        terminal, in_foreground = self._terminal, True
        if terminal:
            in_foreground = terminal.interactive and terminal.in_foreground()
            if in_foreground:
                terminal.enter()
            else:
                terminal.leave()
            terminal.copy_size()
        self._script.go_on(in_foreground=in_foreground)


def _stop(number: int) -> bool:
    """Stops this process group, and returns when it goes on.

    False where it did not stop, since nobody would see it (setpgid(2), orphaned process groups).
    """
    if number not in _STOPS:
        os.kill(os.getpid(), _signal.SIGSTOP)
        return True
    os.killpg(0, number)
    before = _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
    _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    return _signal.SIGCONT in _signal.sigpending()  # blocked, it is kept


def _end_as(what: bytes, number: int) -> NoReturn:
    """Ends this process with the script's exit status, or by the signal that ended it."""
    if what == session.KILLED:
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
    os._exit(number)

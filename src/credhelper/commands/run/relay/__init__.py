# SPDX-License-Identifier: MIT
"""A process between the script and the terminal, pipes and files of its caller.

It is for a script that is to have a terminal of its own, as with sudo(8)'s use_pty: what reads and
feeds the caller's terminal could type commands there, or read what is typed next. And it is for
masking what a script's children write. The process that the caller started is the relay: signals
go on to the script, and the relay stops and ends as the script does.
"""

from __future__ import annotations

import _signal
import os

from credhelper.commands.run.masking import Masker
from credhelper.commands.run.relay import session
from credhelper.commands.run.relay.pump import Pump
from credhelper.commands.run.relay.script import Child, Session
from credhelper.commands.run.relay.stream import Stream
from credhelper.commands.run.relay.terminal import Terminal
from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    Remade = dict[int, int]  # descriptors of the script's, by the standard ones that they replace

_STANDARD: Final = (0, 1, 2)
_OUTPUTS: Final = (1, 2)
# not to be waited for: they tell of a fault in this very process
_FAULTS: Final = (_signal.SIGSEGV, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL, _signal.SIGABRT)


def stand_between(values: Mapping[str, bytes], *, uid: int, apart: bool, masks: bool) -> None:
    """Returns in the process that is to become the script; this one becomes the relay.

    ``apart`` gives it a terminal of its own, which belongs to the user ``uid``; ``masks`` has
    ``values`` masked in all that it and its children write. Raises :class:`RunnerFailed`.
    """
    watched = set(_signal.valid_signals()) - set(_FAULTS)
    _signal.pthread_sigmask(_signal.SIG_BLOCK, watched)
    try:
        masked = values if masks else {}
        remade: Remade = {}
        streams = _piped(values, remade) if masks else []
        apart = apart or (masks and any(map(os.isatty, _OUTPUTS)))
        terminal = Terminal.of_this_process() if apart else None
        if terminal is None:
            _with_child(streams, remade)
        else:
            _with_session(terminal, streams, remade, masked, uid)
    except OSError as error:
        raise RunnerFailed(
            f"nothing can be put between the script and the terminal: {error.strerror}",
            "it needs a devpts on /dev/pts, and free processes and descriptors",
        ) from None


def _piped(values: Mapping[str, bytes], remade: Remade) -> list[Stream]:
    """Pipes in place of standard output and error, except for terminals; one where both are one."""
    streams: list[Stream] = []
    for descriptor in _OUTPUTS:
        if os.isatty(descriptor) or _leads_nowhere(descriptor):
            continue
        if 1 in remade and descriptor == 2 and _same(1, 2):
            remade[2] = remade[1]
            continue
        source, remade[descriptor] = os.pipe()
        os.set_blocking(source, False)
        streams.append(Stream(source, descriptor, Masker(values)))
    return streams


def _with_child(streams: list[Stream], remade: Remade) -> None:
    """The script is a child in the same process group, and the terminal's keys reach both."""
    script = os.fork()
    if script == 0:
        for stream in streams:
            os.close(stream.source)
        _become_script(remade)
        return
    for descriptor in set(remade.values()):
        os.close(descriptor)
    Pump(Child(script), streams, None).run()


def _with_session(
    terminal: Terminal,
    streams: list[Stream],
    remade: Remade,
    values: Mapping[str, bytes],
    uid: int,
) -> None:
    """The script is in a session of its own, which another process leads: the kernel lets none
    stop that has no parent in its session."""
    master, slave = terminal.open_pair(uid)
    for descriptor in _STANDARD:
        if os.isatty(descriptor):
            remade[descriptor] = slave
    in_foreground = terminal.interactive and terminal.in_foreground()
    here, there = session.channel()
    if os.fork() == 0:
        here.close()
        os.close(master)
        for stream in streams:
            os.close(stream.source)
        if session.lead(there, slave, terminal, in_foreground=in_foreground):
            _become_script(remade)
            os.close(slave)
            return
    there.close()
    os.close(slave)
    for descriptor in set(remade.values()) - {slave}:
        os.close(descriptor)
    os.set_blocking(master, False)
    masker = Masker(values) if values else None
    output = Stream(master, terminal.descriptor, masker, of_terminal=True)
    if in_foreground:
        terminal.enter()
    Pump(Session(here), [*streams, output], terminal).run()


def _become_script(remade: Remade) -> None:
    for standard, descriptor in remade.items():
        os.dup2(descriptor, standard)
    for descriptor in set(remade.values()) - set(_STANDARD):
        if not os.isatty(descriptor):  # the session's is closed by it
            os.close(descriptor)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _leads_nowhere(descriptor: int) -> bool:
    try:
        status, null = os.fstat(descriptor), os.stat(os.devnull)
    except OSError:  # a FUSE file system of the caller's, which root may write to and not look at
        return False
    return status.st_rdev == null.st_rdev and status.st_ino == null.st_ino


def _same(one: int, other: int) -> bool:
    """Whether both are the same file or pipe, as after ``2>&1``."""
    try:
        return os.path.sameopenfile(one, other)
    except OSError:  # as above
        return False

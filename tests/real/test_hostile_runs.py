# SPDX-License-Identifier: MIT
"""Hostile callers while a script of root's runs for them: see ``hostile``."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios

import pytest

from tests.real.conftest import ROOT, Finished
from tests.real.hostile import (
    CALLERS,
    RUN,
    Attack,
    Judge,
    both,
)
from tests.real.running import User
from tests.real.terminal import Terminal

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.hostile_fixtures")


class Waiting:
    """A run that waits for a line, and the process of its script."""

    def __init__(self, caller: User) -> None:
        attack = Attack(caller, [*RUN, "wait"])
        self.process = subprocess.Popen(
            attack.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            user=caller.uid,
            group=caller.uid,
            extra_groups=[],
            env={"PATH": "/usr/bin"},
        )
        assert self.process.stdout
        self.lines = [self.process.stdout.readline() for _ in range(3)]
        self.pid = int(self.lines[2])

    def end(self) -> Finished:
        """Lets it go on to its end."""
        out, err = self.process.communicate(b"\n", timeout=120)
        return Finished(self.process.returncode, b"".join(self.lines) + out, err)


@pytest.mark.parametrize("caller", CALLERS)
def test_memory_environment_descriptors_and_tracing(caller: str, judge: Judge) -> None:
    run = Waiting(CALLERS[caller])
    intruder = [sys.executable, "-I", str(ROOT / "tests/real/intruder.py")]
    seen = CALLERS[caller].run([*intruder, str(run.pid), str(run.process.pid)])
    debuggers = [
        CALLERS[caller].run(["/usr/bin/strace", "-p", str(run.pid)]),
        CALLERS[caller].run(["/usr/bin/gdb", "-nx", "-batch", "-p", str(run.pid)]),
    ]
    finished = run.end()
    assert (seen.out, seen.err) == ("", "")
    judge.acquit(*(said.stdout + said.stderr for said in debuggers))
    assert both(judge, finished)
    assert finished.status == 0


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("number", ["STOP", "CONT", "KILL", "TERM", "SEGV", "HUP", "USR1", "ABRT"])
def test_signals_from_another_process(caller: str, number: str, judge: Judge) -> None:
    """The script is out of reach; sudo itself may be signalled by whoever called it."""
    run = Waiting(CALLERS[caller])
    killed = CALLERS[caller].run(["/bin/kill", f"-{number}", str(run.pid)])
    if number != "CONT":  # which anybody may send within a session, and does nothing
        assert killed.status == 1
        assert "Operation not permitted" in killed.err
    assert CALLERS[caller].run(["/bin/kill", f"-{number}", str(run.process.pid)]).status == 0
    if number == "STOP":
        os.kill(run.process.pid, signal.SIGCONT)
    finished = run.end()
    assert both(judge, finished)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    "keys", [b"\x03", b"\x1c", b"\x1a", b"\x04", b"\x00\xff" * 4000, b"\x1b[c\x1b[6n\x1b]0;x\x07"]
)
def test_keys_at_the_terminal(caller: str, keys: bytes, judge: Judge) -> None:
    who = CALLERS[caller]
    attack = Attack(who, [*RUN, "wait"])
    become = ["/usr/bin/setpriv", f"--reuid={who.uid}", f"--regid={who.uid}", "--clear-groups"]
    with Terminal([*become, *attack.argv], env={"PATH": "/usr/bin", "TERM": "xterm"}) as terminal:
        size = struct.pack("HHHH", 0xFFFF, 0, 1, 1)
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, size)
        terminal.expect("report ")
        terminal.expect("\n")
        pid = int(terminal.expect("\n"))
        terminal.send(keys)
        terminal.send(b"\n")
        if keys == b"\x1a":
            os.kill(pid, signal.SIGKILL)
        terminal.wait()
        judge.acquit(terminal.shown)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("data", [b"\0" * 100_000, b"import os\n", b"\n" * 9, b"!sh\n", b""])
def test_standard_input(caller: str, data: bytes, judge: Judge) -> None:
    finished = Attack(CALLERS[caller], [*RUN, "read"]).run(data)
    assert both(judge, finished)
    assert f"read {min(len(data), 1 << 16)}" in finished.out

# SPDX-License-Identifier: MIT
"""At a terminal: a script under the runner behaves as it does when it is started plainly."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real import namespace
from tests.real.conftest import SYSTEMD_CREDS, launcher
from tests.real.running import VALUE, Writes
from tests.real.terminal import PATIENCE_SECONDS, Terminal

pytest_plugins = ("tests.real.runner_fixtures",)

Sealed = Callable[..., Path]

_TIOCGSID = 0x5429  # asm-generic/ioctls.h
_MS_BIND = 0x1000  # linux/mount.h

PYTHON_SCRIPT = """
import os, select, signal, sys

resized, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGWINCH, lambda *_: None)
foreground = os.getpgrp() == os.getpid() == os.tcgetpgrp(0)
print("ready", os.isatty(0), os.isatty(1), os.isatty(2), sys.stdout.line_buffering, foreground)
while True:
    readable = select.select([0, resized], [], [])[0]
    if resized in readable:
        os.read(resized, 1)
        print("size", *os.get_terminal_size())
    if 0 in readable:
        line = os.read(0, 100).decode().strip()
        if not line:
            raise SystemExit(5)
        print("got", line)
"""
BASH_SCRIPT = """#!/bin/bash
was=$(stty size)
echo ready
while :; do
    now=$(stty size)
    [ "$now" = "$was" ] || { set -- $now; echo "size $2 $1"; was=$now; }
    if read -t 0.05 -r part; then
        echo "got $line$part"
        line=
    elif (($? == 1)); then exit 5; else line+=$part; fi
done
"""
READERS = {"python": "import sys; sys.stdin.readline()", "bash": "read line"}
KINDS = {
    "in-process": ("/usr/bin/python3", PYTHON_SCRIPT),
    "venv": ("/tmp/scratch/venv/bin/python3", f"#!/tmp/scratch/venv/bin/python3\n{PYTHON_SCRIPT}"),
    "bash": ("/bin/bash", BASH_SCRIPT),
}


@dataclass(frozen=True)
class Process:
    """A process as ``/proc`` shows it: ``state`` is one letter of ps(1)."""

    pid: int
    command: str
    parent: int
    state: str


def terminal_session(terminal: Terminal) -> int:
    """The session, and so its leader, that this is the terminal of."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = fcntl.ioctl(terminal.master, _TIOCGSID, struct.pack("i", 0))
        except OSError:  # nobody's yet
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return int(struct.unpack("i", answer)[0])


def beside(terminal: Terminal) -> list[Process]:
    """What runs on the terminal besides the leader of its session."""
    leader = terminal_session(terminal)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(leader):
            try:
                state, parent, _, of = (
                    os.fsdecode((entry / "stat").read_bytes()).rpartition(")")[2].split()[:4]
                )
                command = os.fsdecode((entry / "cmdline").read_bytes())
            except OSError:
                continue  # it has ended
            if int(of) == leader:
                found.append(Process(int(entry.name), command, int(parent), state))
    return found


def dialogue(terminal: Terminal, command: str, *, bash: bool, relayed: bool) -> list[str]:
    """All that happens when a person runs ``command`` and uses every key; what was seen.

    A script that is ``relayed`` has a session of its own.
    """
    seen: list[str] = []

    def expect(text: str, until: str = "\n") -> None:
        terminal.expect(text)
        rest = terminal.expect(until).decode().strip()
        seen.append(f"{text}{rest}")

    def shell() -> None:
        terminal.send("echo st''atus=$?\n")
        expect("status=")

    def start() -> None:
        terminal.send(f"{command}\n")
        expect("ready")

    def resize(columns: int, lines: int) -> None:
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        expect("size")

    terminal.send("PS1='sh''ell> '; ulimit -c 0; echo $''$\n")
    terminal.expect("shell> ")
    start()
    resize(101, 37)
    terminal.send("hello\n")
    expect("got")
    # beside the script there is nothing but what a script of bash starts itself
    (script,) = (p for p in beside(terminal) if p.parent == terminal_session(terminal))
    others = [process.command for process in beside(terminal) if process.pid != script.pid]
    assert not [one for one in others if "credhelper" in one or not bash] or relayed
    terminal.send("\x1a")  # Ctrl-Z
    expect("Stopped", command)
    shell()
    terminal.send("fg\n")
    terminal.send("again\n")
    expect("got again")
    resize(80, 24)
    terminal.send("\x03")  # Ctrl-C
    terminal.expect("shell> ")
    shell()
    start()
    terminal.send("\x04")  # Ctrl-D
    terminal.expect("shell> ")
    shell()
    if not bash:  # which ignores SIGQUIT
        start()
        terminal.send("\x1c")  # Ctrl-backslash
        terminal.expect("shell> ")
        shell()
    terminal.send(command.replace("./job", "./reader") + " &\n")
    terminal.expect("] ")  # its job, and number
    deadline = time.monotonic() + PATIENCE_SECONDS
    while [process.state for process in beside(terminal)] != ["T"]:
        assert time.monotonic() < deadline, "a background job that reads is to be stopped"
        time.sleep(0.01)
    terminal.send("kill -9 %1; wait; echo do''ne\n")
    terminal.expect("done")
    return seen


@pytest.mark.parametrize("options", ["", "--user alice", "--mask-children"])
@pytest.mark.parametrize("kind", KINDS)
def test_keys_job_control_window_size_and_exit_status(
    kind: str,
    options: str,
    sealed: Sealed,
    write: Writes,
    environment: dict[str, str],
    environment_of_venv: Path,
    scratch: Path,
    users: None,
) -> None:
    assert users is None
    assert environment_of_venv.exists()
    sealed("my_api_key", VALUE)
    program, text = KINDS[kind]
    write(text, "job")
    first = text.partition("\n")[0] if text.startswith("#!") else ""
    write(f"{first}\n{READERS['bash' if kind == 'bash' else 'python']}\n", "reader")
    runner = f"{' '.join(launcher('credhelper-decrypt-run'))} {options} -c my_api_key"
    write(f'#!/bin/sh\nexec {runner} "$@"\n', "runner")
    seen = []
    for command in (f"{program} ./job", "./runner ./job"):
        shell = ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]
        with Terminal(shell, env=environment, cwd=str(scratch)) as terminal:
            lines = dialogue(terminal, command, bash=kind == "bash", relayed=bool(options))
        seen.append([line.replace(command, "COMMAND") for line in lines])
    assert seen[0] == seen[1]
    assert "status=148" in seen[0]  # stopped
    assert "status=130" in seen[0]
    assert ("status=131" in seen[0]) == (kind != "bash")
    assert "status=5" in seen[0]
    assert "size101 37" in seen[0]


def test_a_prompt_appears_at_once(
    sealed: Sealed, write: Writes, environment: dict[str, str]
) -> None:
    sealed("my_api_key", VALUE)
    script = write(
        """\
        import sys
        from credhelper import load
        print("Name: ", end="", flush=True)
        name = sys.stdin.readline().strip()
        print(f"{name} has {load('my_api_key')}")
        answer = input(f"Go on, {name}? ")
        print("...", end="", file=sys.stderr, flush=True)
        sys.stdin.readline()
        print(answer, load("my_api_key")[:9])
        """
    )
    argv = [*launcher("credhelper-decrypt-run"), "-c", "my_api_key", str(script)]
    with Terminal(argv, env=environment) as terminal:
        terminal.expect("Name: ")
        terminal.send("Ada\n")
        terminal.expect("Ada has [credential my_api_key]")
        terminal.expect("Go on, Ada? ")
        terminal.send("yes\n")
        terminal.expect("...")
        terminal.send("\n")
        terminal.expect(f"yes {VALUE[:9]}")
        assert terminal.wait() == 0


@pytest.mark.unmeasured
def test_interrupted_while_it_decrypts(
    sealed: Sealed, write: Writes, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Ctrl-C is met from the start: nothing is run then, and systemd-creds does not stay."""
    sealed("my_api_key", VALUE)
    script = write("print('started')")
    # fake: the real one does not take as long as one can type
    slow = write("#!/bin/sh\nexec /bin/sleep 60\n", "systemd-creds")
    namespace.mount(str(slow), SYSTEMD_CREDS, "", _MS_BIND)
    request.addfinalizer(lambda: namespace.unmount(SYSTEMD_CREDS))
    argv = [*launcher("credhelper-decrypt-run"), "-c", "my_api_key", str(script)]
    with Terminal(argv, env=environment) as terminal:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any("sleep" in process.command for process in beside(terminal)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        terminal.send("\x03")
        terminal.expect("credhelper-decrypt-run: error: interrupted")
        terminal.expect("credhelper-decrypt-run: hint: nothing was run")
        assert terminal.wait() == 125
        assert b"started" not in terminal.shown

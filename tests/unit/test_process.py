# SPDX-License-Identifier: MIT
"""Programs side by side: with real ones that every system has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from credhelper.process import Process, wait_any

ENVIRONMENT = {"PATH": "/usr/bin"}


def shell(script: str, stdin: bytes = b"", limit: float = 60) -> Process:
    return Process(["/bin/sh", "-c", script], stdin, ENVIRONMENT, limit)


def ended(process: Process) -> Process:
    assert wait_any([process]) == [process]
    return process


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, 1 << 22])
def test_input_and_output_of_any_size_pass_at_once(size: int) -> None:
    data = os.urandom(size)
    process = ended(Process(["/bin/cat"], data, ENVIRONMENT, 60))
    assert bytes(process.stdout) == data
    assert process.status == 0


def test_status_and_complaints_are_told() -> None:
    process = ended(shell("echo no >&2; exit 3"))
    assert (process.status, bytes(process.stderr)) == (3, b"no\n")
    assert ended(shell("kill -9 $$")).status == -9


def test_input_may_come_later() -> None:
    data = bytes(1 << 20)
    process = Process(["/bin/cat"], None, ENVIRONMENT, 60)
    other = ended(shell("echo here"))
    assert (bytes(other.stdout), process.running) == (b"here\n", True)
    process.give(data)
    assert bytes(ended(process).stdout) == data


def test_complaints_without_end_are_cut() -> None:
    process = ended(shell("head -c 3000000 /dev/zero >&2; echo done"))
    assert bytes(process.stdout) == b"done\n"
    assert len(process.stderr) < 1 << 17


def test_a_program_that_does_not_read_its_input_is_no_trouble() -> None:
    process = ended(shell("exit 4", bytes(1 << 20)))
    assert process.status == 4


def test_only_the_environment_that_is_given() -> None:
    process = ended(Process(["/usr/bin/env"], b"", {"ONE": "1"}, 60))
    assert bytes(process.stdout) == b"ONE=1\n"


def test_the_time_limit_ends_it() -> None:
    started = time.monotonic()
    process = ended(shell("exec sleep 1000", limit=0.2))
    assert process.timed_out
    assert process.status == -9
    assert time.monotonic() - started < 30
    assert not process.running


def test_the_time_limit_holds_for_one_that_has_said_everything() -> None:
    process = ended(shell("exec sleep 1000 <&- >&- 2>&-", limit=0.2))
    assert process.timed_out
    assert process.status == -9


def test_one_that_hangs_does_not_keep_the_others() -> None:
    hanging, quick = shell("exec sleep 1000", limit=60), shell("echo here")
    assert wait_any([hanging, quick]) == [quick]
    hanging.kill()
    hanging.kill()  # twice is no error
    assert hanging.status == -9


def test_each_has_its_own_time_limit() -> None:
    patient, hasty = shell("exec sleep 1000", limit=60), shell("exec sleep 1000", limit=0.1)
    assert wait_any([patient, hasty]) == [hasty]
    assert patient.running
    patient.kill()


def test_nothing_to_wait_for() -> None:
    assert wait_any([]) == []
    assert wait_any([ended(shell("true"))]) == []


def test_no_descriptor_is_left() -> None:
    before = descriptors()
    ended(shell("echo x"))
    shell("exec sleep 1000").kill()
    with pytest.raises(FileNotFoundError):
        Process(["/nowhere/program"], b"", ENVIRONMENT, 60)
    with pytest.raises(PermissionError):
        Process(["/"], b"", ENVIRONMENT, 60)
    assert descriptors() == before


def test_signals_are_at_their_defaults_whatever_the_caller_ignores() -> None:
    script = (
        "import signal\n"
        "from credhelper.process import Process, wait_any\n"
        "for s in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT):\n"
        "    signal.signal(s, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n"
        "p = Process(['/bin/sed', '-n', 's/^Sig\\\\(Blk\\\\|Ign\\\\):.//p', '/proc/self/status'],"
        " b'', {}, 60)\n"
        "wait_any([p])\n"
        "print(p.stdout.decode())\n"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    blocked, ignored = (int(word, 16) for word in out.split())
    assert blocked & 0x7FFFFFFF == 1 << (signal.SIGTSTP - 1)  # Control-Z holds nobody up
    assert ignored & 0x7FFFFFFF == 0


def test_closed_standard_streams_do_not_get_mixed_up() -> None:
    script = (
        "import os\n"
        "keep = os.dup(1)\n"
        "for fd in (0, 1, 2): os.close(fd)\n"
        "from credhelper.process import Process, wait_any\n"
        "p = Process(['/bin/sh', '-c', 'cat; echo err >&2'], b'in', {'PATH': '/usr/bin'}, 60)\n"
        "wait_any([p])\n"
        "os.write(keep, bytes(p.stdout) + b'|' + bytes(p.stderr))\n"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    assert out == b"in|err\n"


def test_where_sigchld_is_ignored_the_status_is_not_made_up() -> None:
    script = (
        "import signal\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "from credhelper.process import Process, wait_any\n"
        "p = Process(['/bin/sh', '-c', 'echo x; exit 1'], b'', {}, 60)\n"
        "wait_any([p]); p.kill()\n"
        "q = Process(['/bin/sleep', '100'], b'', {}, 0.1)\n"
        "wait_any([q])\n"
        "r = Process(['/bin/sh', '-c', 'sleep 1 & exit'], b'', {'PATH': '/bin'}, 0.1)\n"
        "wait_any([r])\n"  # gone itself: a child of its own holds the pipes
        "print(p.status, q.status, q.timed_out, r.status, r.timed_out)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    assert out == b"None None True None True\n"


def test_a_signal_handler_in_the_middle_is_no_trouble() -> None:
    script = (
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *_: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "from credhelper.process import Process, wait_any\n"
        "p = Process(['/bin/sh', '-c', 'cat; sleep 0.2'], bytes(1 << 22), {'PATH': '/bin'}, 60)\n"
        "wait_any([p])\n"
        "signal.setitimer(signal.ITIMER_REAL, 0); print(p.status, len(p.stdout))\n"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    assert out == b"0 4194304\n"

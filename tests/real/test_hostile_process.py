# SPDX-License-Identifier: MIT
"""Hostile callers and what a process inherits besides words: see ``hostile``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.real.hostile import (
    CALLERS,
    EVIL,
    Attack,
    Judge,
    both,
    shim,
)
from tests.real.running import ALICE

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.hostile_fixtures")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("place", ["gone", "unreadable", "opened up", "-c", "\n"])
def test_the_working_directory(caller: str, place: str, judge: Judge) -> None:
    """All the others are called from one that is full of modules and programs."""
    directory = EVIL / place
    setup = {
        "gone": f"os.mkdir('{directory}'); os.chdir('{directory}'); os.rmdir('{directory}')",
        "unreadable": f"os.mkdir('{directory}'); os.chdir('{directory}'); os.chmod('.', 0)",
    }.get(
        place, f"os.mkdir({str(directory)!r}); os.chdir({str(directory)!r}); os.chmod('.', 0o777)"
    )
    EVIL.chmod(0o777)  # bob's as well
    attack = Attack(CALLERS[caller], before=shim(setup))
    assert both(judge, attack.run())


DESCRIPTORS = {
    **{f"closed {which}": f"[os.close(int(n)) for n in {which!r}]" for which in ("0", "1", "2")},
    **{
        f"closed {which}": f"[os.close(int(n)) for n in {which!r}]" for which in ("01", "12", "012")
    },
    "extra": "[os.set_inheritable(os.dup(0), True) for _ in range(30)]",
    "a file of his at 3 to 9": (
        "f = os.open('/tmp/evil/his', os.O_RDWR | os.O_CREAT, 0o666)\n"
        "[os.dup2(f, n) for n in range(3, 10)]"
    ),
    "a directory of his at 5": "os.dup2(os.open('/tmp/evil', os.O_RDONLY), 5)",
    "standard input for writing": "os.dup2(os.open('/dev/null', os.O_WRONLY), 0)",
    "a directory as standard input": "os.dup2(os.open('/', os.O_RDONLY), 0)",
    "output for reading": "os.dup2(os.open('/dev/null', os.O_RDONLY), 1)",
    "a full disk": "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)",
    "nobody reads": "r, w = os.pipe(); os.dup2(w, 1); os.dup2(w, 2); os.close(r); os.close(w)",
    "a script as output": "os.dup2(os.open('/tmp/evil/startup', os.O_RDWR), 1)",
    "output that does not block": "os.set_blocking(1, False)",
    "input that is only a path": "os.dup2(os.open('/tmp/evil/startup', os.O_PATH), 0)",
    "output that is only a path": "os.dup2(os.open('/tmp/evil/startup', os.O_PATH), 1)",
    "sealed memory": (
        "import fcntl; m = os.memfd_create('m', os.MFD_ALLOW_SEALING)\n"
        "fcntl.fcntl(m, fcntl.F_ADD_SEALS, 15); os.dup2(m, 1)"
    ),
    "signals of his choice for input": (
        "import fcntl; r, w = os.pipe(); os.dup2(r, 0)\n"
        "fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())\n"
        "fcntl.fcntl(0, 10, 12); fcntl.fcntl(0, fcntl.F_SETFL, os.O_ASYNC)\n"
        "if os.fork() == 0:\n    import time\n"
        "    [(os.write(w, b'x'), time.sleep(.01)) for _ in range(40)]; os._exit(0)"
    ),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", DESCRIPTORS)
def test_descriptors(caller: str, name: str, judge: Judge) -> None:
    EVIL.chmod(0o777)  # bob's as well
    (EVIL / "startup").chmod(0o777)
    options = ["-C", "200"] if caller == "bob" else []
    finished = Attack(CALLERS[caller], before=shim(DESCRIPTORS[name]), options=options).run()
    both(judge, finished)
    for path in (EVIL / "his", EVIL / "startup"):
        if path.exists():
            judge.acquit(path.read_bytes())


@pytest.mark.parametrize("stream", ["output", "error"])
def test_a_way_into_the_journal(
    stream: str, judge: Judge, journal: Callable[[int], list[dict[str, str]]]
) -> None:
    """What root's script prints would be root's records there: of runs that never were."""
    connected = (
        "import socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.connect('/run/systemd/journal/socket')\n"
        f"os.dup2(s.fileno(), {('output', 'error').index(stream) + 1})"
    )
    finished = Attack(ALICE, before=shim(connected)).run()
    assert both(judge, finished) == {}
    assert finished.status == 125
    refusal = journal(1 if stream == "output" else 2)[0]  # where the error itself goes there, too
    assert f"standard {stream} is a socket of datagrams" in refusal["CREDHELPER_REASON"]


LIMITS = {
    "as": (1 << 22, 1 << 25, 1 << 28),
    "core": (0, 1 << 40),
    "cpu": (0, 1),
    "data": (1 << 20, 1 << 24),
    "fsize": (0, 1),
    "memlock": (0,),
    "msgqueue": (0,),
    "nofile": (3, 4, 8, 16),
    "nproc": (0, 1),
    "rss": (0,),
    "sigpending": (0,),
    "stack": (1 << 14, 1 << 16, 1 << 20),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", LIMITS)
def test_small_limits(caller: str, name: str, judge: Judge) -> None:
    for limit in LIMITS[name]:
        before = ["/usr/bin/prlimit", f"--{name}={limit}"]
        finished = Attack(CALLERS[caller], before=before).run()
        facts = both(judge, finished)
        assert facts or finished.status != 0


SIGNALS = {
    "all ignored": "[signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]",
    "all blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "children forgotten": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "one that waits": ("signal.pthread_sigmask(signal.SIG_BLOCK, [15]); os.kill(os.getpid(), 15)"),
    "an interrupt that waits": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [2]); os.kill(os.getpid(), 2)"
    ),
    "alarms": "[signal.setitimer(n, .05, .01) for n in (0, 1, 2)]",
    "an orphan": "os.fork() and os._exit(0)",
    "a session of its own": "os.fork() and (os.wait(), os._exit(0)); os.setsid()",
    "an old kernel of 32 bits": "ctypes.CDLL(None).personality(0x0008 | 0x0020000 | 0x4000000)",
    "timers that are late": "ctypes.CDLL(None).prctl(29, 10**18, 0, 0, 0)",
    "memory to be merged": "ctypes.CDLL(None).prctl(67, 1, 0, 0, 0)",
    "memory that is never code": "ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)",
    "the last in line": (
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); os.nice(19)\n"
        "open('/proc/self/oom_score_adj', 'w').write('1000')"
    ),
    "umask 0": "os.umask(0)",
    "umask 777": "os.umask(0o777)",
}
MAY_END_IT = (
    "one that waits",
    "an interrupt that waits",
    "alarms",
    "an orphan",
    "a session of its own",
)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", SIGNALS)
def test_signals_and_more_that_is_inherited(caller: str, name: str, judge: Judge) -> None:
    finished = Attack(CALLERS[caller], before=shim(SIGNALS[name])).run()
    facts = both(judge, finished)
    assert facts or name in MAY_END_IT

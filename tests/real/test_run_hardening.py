# SPDX-License-Identifier: MIT
"""What a caller hands over besides words, and what a run leaves of itself when it dies."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.conftest import Runs
from tests.real.running import VALUE, Writes, status_fields

pytest_plugins = ("tests.real.runner_fixtures",)

pytestmark = pytest.mark.unmeasured

Sealed = Callable[..., Path]

LIBC_OWN = 1 << 31 | 1 << 32  # signals 32 and 33, which libc lets nobody change: signal(7)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Without coverage, which opens files and handles signals of its own."""
    return {name: value for name, value in environment.items() if "COVERAGE" not in name}


# run before the runner in the same process, as a hostile caller could through sudo
HOSTILE = {
    "umask": "os.umask(0)",
    "ignored signals": (
        "[signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]"
    ),
    "blocked signals": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "descriptors": "[os.set_inheritable(os.dup(0), True) for _ in range(50)]",
    "descriptor 900": "os.dup2(0, 900)",
    "core limit 0": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "core limit": "resource.setrlimit(resource.RLIMIT_CORE, (1 << 40, 1 << 40))",
    "timers": "[signal.setitimer(n, 3) for n in (0, 1, 2)]",
    "nice": "os.nice(5)",
}
MAY_RAISE = int(status_fields(Path("/proc/self/status").read_text())["CapEff"], 16) >> 24 & 1
REPORT = """\
import os, resource, signal, sys
print("umask", oct(os.umask(0)))
print("core", resource.getrlimit(resource.RLIMIT_CORE))
print("descriptors", [n for n in os.listdir("/proc/self/fd") if int(n) > 20])
print("timers", [signal.getitimer(n) for n in (0, 1, 2)])
print(open("/proc/self/status").read())
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_the_process_is_as_at_a_login(
    name: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    setup = (
        f"import os, resource, signal, sys\n{HOSTILE[name]}\nos.execv(sys.argv[1], sys.argv[1:])"
    )
    script = write(REPORT)
    finished = decrypt_run(
        "-c", "my_api_key", str(script), before=[sys.executable, "-I", "-c", setup]
    )
    assert (finished.status, finished.err) == (0, "")
    assert finished.out.splitlines()[:4] == [
        "umask 0o77",
        f"core {(0, 0) if name == 'core limit 0' and not MAY_RAISE else (1, 1)}",
        "descriptors []",
        "timers [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)]",
    ]
    status = status_fields(finished.out)
    assert status["SigBlk"] == "0" * 16
    pythons = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(status["SigIgn"], 16) & ~LIBC_OWN == pythons
    assert int(status["SigCgt"], 16) & 0xFFFFFFFF == 1 << (signal.SIGINT - 1)


def test_a_program_gets_signals_as_at_a_login(write: Writes, decrypt_run: Runs) -> None:
    setup = (
        "import os, signal, sys\n"
        "[signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    script = write("#!/bin/cat /proc/self/status\n")
    finished = decrypt_run(str(script), before=[sys.executable, "-I", "-c", setup])
    status = status_fields(finished.out)
    assert status["SigBlk"] == "0" * 16
    assert int(status["SigIgn"], 16) & ~LIBC_OWN == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGALRM, signal.SIGINT, signal.SIGRTMIN])
def test_a_signal_that_waited_is_met_before_the_script(
    number: signal.Signals, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    setup = (
        "import os, signal, sys\n"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, [{number}])\n"
        f"os.kill(os.getpid(), {number})\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    script = write("print('started')")
    finished = decrypt_run(
        "-c", "my_api_key", str(script), before=[sys.executable, "-I", "-c", setup]
    )
    assert finished.out == ""
    if number == signal.SIGINT:
        assert finished.status == 125
        assert finished.err.startswith("credhelper-decrypt-run: error: interrupted\n")
    else:
        assert (finished.status, finished.err) == (-number, "")


@pytest.mark.parametrize("closed", ["0", "1", "2", "01", "02", "12", "012"])
@pytest.mark.parametrize("kind", ["", "#!/bin/bash"])
def test_closed_standard_descriptors_lead_nowhere(
    closed: str, kind: str, sealed: Sealed, write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    """Else the next file that is opened would be written to, or read, as one of them."""
    sealed("my_api_key", VALUE)
    text = (
        "f=/proc/$$/fd\n"
        'echo "$(readlink $f/0) $(readlink $f/1) $(readlink $f/2)" >/tmp/scratch/report'
        if kind
        else "import os\nfor n in (0, 1, 2):\n"
        "    print(os.readlink(f'/proc/self/fd/{n}'), file=open('/tmp/scratch/report', 'a'))\n"
        "print('out')\nimport sys\nprint('err', file=sys.stderr)\nsys.stdin.read()\n"
    )
    setup = (
        "import os, sys\n"
        f"[os.close(int(n)) for n in {closed!r}]\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    finished = decrypt_run(
        *("-c", "my_api_key", str(write(f"{kind}\n{text}"))),
        before=[sys.executable, "-I", "-c", setup],
    )
    assert finished.status == 0
    links = (scratch / "report").read_text().split()
    assert [link == "/dev/null" for link in links] == [str(n) in closed for n in range(3)]


@pytest.mark.parametrize("extra", [[], ["-c", "absent"], ["--bogus"], ["--help"], ["--dry-run"]])
@pytest.mark.parametrize("closed", ["01", "12", "012"])
def test_the_runner_itself_does_without_them(
    extra: list[str], closed: str, write: Writes, decrypt_run: Runs
) -> None:
    setup = (
        "import os, sys\n"
        f"[os.close(int(n)) for n in {closed!r}]\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    finished = decrypt_run(*extra, str(write("")), before=[sys.executable, "-I", "-c", setup])
    assert finished.status == (125 if extra in (["-c", "absent"], ["--bogus"]) else 0)


# ---- core dumps ----

CRASHES = {
    "in-process": "import os; os.kill(os.getpid(), {})",
    "its child": (
        "import os, subprocess\n"
        "child = subprocess.run(['/bin/sh', '-c', 'kill -{} $$'])\n"
        "raise SystemExit(-child.returncode)"
    ),
    "venv": "#!/tmp/scratch/venv/bin/python3\nimport os; os.kill(os.getpid(), {})",
    "bash": "#!/bin/bash\nkill -{} $$",
    "as a user": "#!/bin/bash\nkill -{} $$",
}
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@pytest.fixture
def cores() -> Iterator[Path]:
    """A directory for core dumps, which the kernel's helper sees too; the pattern comes back.

    The pattern is the whole machine's: only one test may change it.
    """
    pattern = CORE_PATTERN.read_text()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        directory = Path(name)
        directory.chmod(0o777)
        try:
            yield directory
        finally:
            CORE_PATTERN.write_text(pattern)


def test_no_core_is_left_anywhere(
    sealed: Sealed,
    write: Writes,
    decrypt_run: Runs,
    cores: Path,
    environment_of_venv: Path,
    users: None,
) -> None:
    assert users is None
    assert environment_of_venv.exists()
    sealed("my_api_key", VALUE)
    here = f"/proc/{os.getpid()}/root"  # the kernel starts the helper in the root of PID 1
    helper = cores / "helper"
    helper.write_text(f'#!/bin/sh\ncat >"{here}{cores}/core.$1"\n')
    helper.chmod(0o755)
    unlimited = ["/usr/bin/prlimit", "--core=unlimited"]

    def crash_plainly(marker: str) -> None:
        """Waits for its core: what crashed before has left its own by then, if any."""
        subprocess.run(
            [*unlimited, "/bin/bash", "-c", "kill -SEGV $$"],
            env={"MARKER": marker, "KEY": VALUE[::-1]},
            check=False,
        )
        deadline = time.monotonic() + 120
        while not holding(marker):
            assert time.monotonic() < deadline, f"a plain crash leaves no core: {marker}"
            time.sleep(0.01)

    def holding(text: str) -> list[Path]:
        return [core for core in cores.glob("core.*") if text.encode() in core.read_bytes()]

    for how, pattern in {"file": f"{cores}/core.%p", "pipe": f"|{here}{helper} %p"}.items():
        CORE_PATTERN.write_text(pattern)
        crash_plainly(f"{how} before")
        for kind, text in CRASHES.items():
            for number in (signal.SIGSEGV, signal.SIGABRT):
                script = write(text.format(int(number)))
                options = ["--user", "alice"] if kind == "as a user" else []
                finished = decrypt_run(
                    *(*options, "-e", "KEY=my_api_key", str(script)), before=unlimited
                )
                assert finished.status in (-number, number), (kind, finished)
        crash_plainly(f"{how} after")
    assert holding(VALUE) == []


def test_memory_and_environment_are_private(write: Writes, decrypt_run: Runs) -> None:
    script = write(
        """\
        import ctypes
        print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE
        """
    )
    assert decrypt_run(str(script)).out == "0\n"


def test_the_environment_is_made_anew(write: Writes, decrypt_run: Runs) -> None:
    script = write("import os\nfor pair in sorted(os.environ.items()): print(*pair, sep='=')")
    hostile = {
        "LD_LIBRARY_PATH": "/tmp",
        "PYTHONPATH": "/tmp",
        "PATH": "/tmp",
        "IFS": "x",
        "HOME": "/tmp",
        "TZ": "/tmp/x",
        "LANG": "../x",
        "HTTPS_PROXY": "http://proxy",
        "OTHER": "x",
    }
    finished = decrypt_run("--keep-environment", "HTTPS_PROXY", str(script), env=hostile)
    run, *made = finished.out.splitlines()
    assert re.fullmatch("CREDHELPER_RUN=[0-9a-f]{32}", run)  # which its children belong to
    assert made == [
        "HOME=/root",
        "HTTPS_PROXY=http://proxy",
        "LC_ALL=C.UTF-8",
        "LOGNAME=root",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "SHELL=/bin/bash",
        "TERM=xterm",
        "USER=root",
    ]


LIMITS = {
    "AS": (1 << 30, -1),
    "CPU": (60, -1),
    "DATA": (1 << 29, -1),
    "FSIZE": (4096, -1),
    "NOFILE": (20, 524288),
    "NPROC": (40, -1),
    "STACK": (1 << 20, -1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_small_limits_are_raised(
    name: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    """Soft ones always, hard ones by whom the kernel lets: root, except for some containers."""
    sealed("my_api_key", VALUE)
    small, large = LIMITS[name]
    script = write(f"import resource; print(resource.getrlimit(resource.RLIMIT_{name}))")
    for hard in ("", str(small)):
        before = ["/usr/bin/prlimit", f"--{name.lower()}={small}:{hard}"]
        finished = decrypt_run("-c", "my_api_key", str(script), before=before)
        assert (finished.status, finished.err) == (0, "")
        soft_now, hard_now = map(int, finished.out.strip("()\n").split(","))
        if hard and not MAY_RAISE:
            assert (soft_now, hard_now) == (small, small)
        else:
            assert soft_now == {"NOFILE": 1024, "STACK": 8 << 20}.get(name, hard_now)
            assert hard_now in ((large,) if MAY_RAISE else (large, resource_now(name)))


@pytest.mark.parametrize("name", LIMITS)
def test_hard_limits_are_given_back_with_root(
    name: str, write: Writes, decrypt_run: Runs, users: None
) -> None:
    assert users is None
    hard = LIMITS[name][0] * 20
    script = write(f"import resource; print(*resource.getrlimit(resource.RLIMIT_{name}))")
    before = ["/usr/bin/prlimit", f"--{name.lower()}={hard}:{hard}"]
    finished = decrypt_run("--user", "alice", str(script), before=before)
    assert (finished.status, finished.err) == (0, "")
    soft_now, hard_now = map(int, finished.out.split())
    assert hard_now == hard
    assert soft_now == min({"STACK": 8 << 20}.get(name, hard), hard)


def resource_now(name: str) -> int:
    """The hard limit that these tests run under."""
    return resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]


def test_an_unexpected_failure_is_said_in_one_line(
    write: Writes, decrypt_run: Runs, sealed: Sealed
) -> None:
    """Here: /proc is not what it is on every Linux."""
    from tests.real import namespace

    sealed("my_api_key", VALUE)
    script = write("print('started')")
    namespace.mount("tmpfs", "/proc/sys/kernel", "tmpfs", 0)
    try:
        finished = decrypt_run("--user", "nobody", "-c", "my_api_key", str(script))
    finally:
        namespace.unmount("/proc/sys/kernel")
    assert (finished.status, finished.out) == (125, "")
    assert finished.err.startswith(
        "credhelper-decrypt-run: error: cannot become nobody: No such file"
    )
    assert len(finished.err.splitlines()) == 2
    assert os.path.exists("/proc/sys/kernel/core_pattern")

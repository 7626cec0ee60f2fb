"""Callers who may run one script of root's through real sudo, and want more than that.

None of them gets a shell, another credential, a write, or a byte of a value: each attack is judged
by what it printed, by what is written anywhere, and by whether evil code ran as root.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credhelper import sealing
from tests.real import hostile
from tests.real.conftest import ROOT, STORE, Finished, Machine
from tests.real.hostile import EVIL, HACKED, OTHER_VALUE, RUN, SCRIPT, Attack, Judge, report
from tests.real.running import ALICE, BOB, VALUE, User
from tests.real.terminal import Terminal

pytest_plugins = ("tests.real.runner_fixtures",)

CALLERS = {"alice": ALICE, "bob": BOB}


@pytest.fixture(scope="module")
def sealed_once(machine: Machine, users: None) -> dict[str, bytes]:
    """The product installed, and two sealed credentials, to be put back for each attack."""
    assert users is None
    assert machine.host_key
    hostile.install()
    return {
        "my_api_key": sealing.seal("my_api_key", VALUE.encode(), with_key="host"),
        "other": sealing.seal("other", OTHER_VALUE.encode(), with_key="host"),
    }


@pytest.fixture
def judge(machine: Machine, sealed_once: dict[str, bytes]) -> Iterator[Judge]:
    """A judge who has seen the place before the attack."""
    STORE.mkdir(0o700)
    for name, blob in sealed_once.items():
        (STORE / name).touch(0o600)
        (STORE / name).write_bytes(blob)
    hostile.prepare()
    yield Judge(machine.written)
    for name in ("evil", "hacked"):
        subprocess.run(["/bin/rm", "-rf", f"/tmp/{name}"], check=True)


def shim(code: str) -> list[str]:
    """Python that does ``code`` and becomes what stands after it."""
    start = "import os, resource, signal, sys"
    return ["/usr/bin/python3", "-I", "-c", f"{start}\n{code}\nos.execv(sys.argv[1], sys.argv[1:])"]


def made(code: str) -> None:
    """Does something as alice."""
    done = ALICE.run(["/usr/bin/python3", "-I", "-c", f"import os, shutil\n{code}"], cwd=str(EVIL))
    assert done.err == ""


def both(judge: Judge, finished: Finished) -> dict[str, object]:
    """The verdict, then the report."""
    judge.acquit(finished.stdout, finished.stderr)
    return report(finished)


def test_what_they_may_do_works(judge: Judge) -> None:
    for caller in CALLERS.values():
        facts = both(judge, Attack(caller, [*RUN, "this", "month"]).run())
        assert facts["arguments"] == ["this", "month"]


# ---- the environment ----

ENVIRONMENT = {
    "PYTHONPATH": str(EVIL),
    "PYTHONHOME": str(EVIL),
    "PYTHONSTARTUP": f"{EVIL}/startup.py",
    "PYTHONINSPECT": "1",
    "PYTHONUSERBASE": str(EVIL),
    "PYTHONPLATLIBDIR": str(EVIL),
    "PYTHONPYCACHEPREFIX": str(EVIL),
    "PYTHONEXECUTABLE": f"{EVIL}/python3",
    "PYTHONBREAKPOINT": "os.system",
    "PYTHONWARNINGS": "error",
    "PYTHONVERBOSE": "9",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONMALLOC": "debug",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONUTF8": "0",
    "PYTHONSAFEPATH": "",
    "LD_PRELOAD": f"{EVIL}/evil.so",
    "LD_LIBRARY_PATH": str(EVIL),
    "LD_AUDIT": f"{EVIL}/evil.so",
    "LD_DEBUG": "all",
    "LD_DEBUG_OUTPUT": f"{EVIL}/debug",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "MALLOC_TRACE": f"{EVIL}/trace",
    "GCONV_PATH": str(EVIL),
    "LOCPATH": str(EVIL),
    "NLSPATH": f"{EVIL}/%N",
    "BASH_ENV": f"{EVIL}/startup",
    "ENV": f"{EVIL}/startup",
    "SHELLOPTS": "xtrace",
    "BASHOPTS": "extdebug",
    "PS4": f"$({EVIL}/startup)",
    "BASH_FUNC_date%%": f"() {{ {EVIL}/startup; }}",
    "BASH_FUNC_id%%": f"() {{ {EVIL}/startup; }}",
    "IFS": "/",
    "CDPATH": str(EVIL),
    "PATH": f"{EVIL}:/usr/bin:/bin",
    "HOME": str(EVIL),
    "TMPDIR": str(EVIL),
    "SHELL": f"{EVIL}/sh",
    "USER": "nobody",
    "TERM": "../../tmp/evil/x",
    "TERMINFO": str(EVIL),
    "TERMCAP": f"{EVIL}/termcap",
    "TZ": "/etc/shadow",
    "TZDIR": str(EVIL),
    "LC_ALL": "../../../tmp/evil",
    "LANG": "/tmp/evil",
    "LANGUAGE": "../../tmp/evil:%s",
    "LC_MESSAGES": "%n%n%n",
    "CREDENTIALS_DIRECTORY": str(EVIL),
    "COVERAGE_PROCESS_START": f"{EVIL}/startup.py",
    "COVERAGE_PROCESS_CONFIG": "{}",
    "COVERAGE_FILE": f"{EVIL}/coverage",
    "SYSTEMD_CREDENTIAL_SECRET": f"{EVIL}/my_api_key",
    "SYSTEMD_CREDENTIAL_VALIDATE_NAME": "0",
    "SYSTEMD_LOG_LEVEL": "debug",
    "SYSTEMD_LOG_TARGET": "console",
    "NOTIFY_SOCKET": f"{EVIL}/socket",
    "SSLKEYLOGFILE": f"{EVIL}/keys",
    "OPENSSL_CONF": f"{EVIL}/openssl.cnf",
    "MALFORMED\nX": "1",
    "HUGE": "x" * 100_000,
    "SUDO_COMMAND": "/bin/sh",
}


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_the_environment(variable: str, judge: Judge) -> None:
    assert both(judge, Attack(BOB, environment={variable: ENVIRONMENT[variable]}).run())


@pytest.mark.parametrize("caller", CALLERS)
def test_the_whole_environment_at_once(caller: str, judge: Judge) -> None:
    assert both(judge, Attack(CALLERS[caller], environment=ENVIRONMENT).run())


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("uid", ["0", "4202", "-1", "x", ""])
def test_somebody_else_in_the_environment(
    caller: str, uid: str, judge: Judge, journal: Callable[[int], list[dict[str, str]]]
) -> None:
    spoofed = {"SUDO_UID": uid, "SUDO_USER": "root", "SUDO_GID": "0", "LOGNAME": "root"}
    assert both(judge, Attack(CALLERS[caller], environment=spoofed).run())
    (record,) = journal(1)
    assert record["CREDHELPER_INVOKING_USER"] == caller
    assert VALUE not in str(record)


# ---- arguments ----

ARGUMENTS = {
    "options of the runner": ["--no-mask", "--user", "alice", "-c", "other"],
    "another python": [f"--python={EVIL}/python3"],
    "dry run": ["--dry-run"],
    "help": ["--help"],
    "dashes": ["--", "-c", "other"],
    "equals": ["=", "-e=A=other", "A=B", "--root-owned=0"],
    "newlines": ["one\ntwo", "\n", "\r\nusing\x1b[2J"],
    "a shell's words": ["; id", "$(id)", "`id`", "| sh", "&& /tmp/evil/startup", "*", "~"],
    "credentials": ["{my_api_key}", "{other}", "{}", "/proc/self/fd/5/my_api_key"],
    "nothing": [""],
    "no text": ["\udcff\udcfe", "\u202e\u0000".replace("\0", "")],
    "huge": ["x" * 100_000],
    "many": ["x"] * 2000,
    "a pattern": ["%s%n", "../" * 20 + "etc/shadow"],
    "an error that shows the value": ["fail"],
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("caller", CALLERS)
def test_arguments(caller: str, name: str, judge: Judge) -> None:
    given = ARGUMENTS[name]
    facts = both(judge, Attack(CALLERS[caller], [*RUN, *given]).run())
    assert facts["arguments"] == given


COMMANDS = {
    "no option": [RUN[0], SCRIPT],
    "an option before": [RUN[0], "--no-mask", "--root-owned", SCRIPT],
    "an option between": [*RUN[:2], "--no-mask", SCRIPT],
    "another script": [*RUN[:2], f"{EVIL}/startup.py"],
    "a way around": [*RUN[:2], "/opt/jobs/../jobs/report.py"],
    "a dot": [*RUN[:2], "/opt/jobs/./report.py"],
    "a blank": [RUN[0], f"--root-owned {SCRIPT}"],
    "a module": [*RUN[:2], "-m", "code"],
    "another credential": [*RUN[:2], "-c", "other", SCRIPT],
    "standard input": [*RUN[:2], "-"],
    "a link to the runner": [f"{EVIL}/runner", "--root-owned", SCRIPT],
    "the other command": ["credhelper", "list"],
    "python": ["/usr/bin/python3", "-c", "1"],
    "a shell": ["/bin/sh", "-c", ": >/tmp/hacked/0"],
}
OPTIONS = {
    "environment": ["-E"],
    "a variable": ["PYTHONPATH=/tmp/evil"],
    "a loader's variable": ["LD_PRELOAD=/tmp/evil/evil.so"],
    "another user": ["-u", "nobody"],
    "a group": ["-g", "alice"],
    "a shell": ["-s"],
    "a login": ["-i"],
    "another root": ["-R", "/tmp/evil"],
    "another directory": ["-D", "/tmp/evil"],
    "descriptors": ["-C", "100"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_other_commands_than_theirs(name: str, judge: Judge) -> None:
    made("os.symlink('/usr/bin/credhelper-decrypt-run', 'runner')")
    finished = Attack(ALICE, COMMANDS[name]).run()
    assert both(judge, finished) == {}
    assert finished.status in (1, 125)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("caller", CALLERS)
def test_options_of_sudo(caller: str, name: str, judge: Judge) -> None:
    """Mostly refused by sudo; what it grants bob does nothing for him."""
    both(judge, Attack(CALLERS[caller], options=OPTIONS[name]).run())
    assert list(HACKED.iterdir()) == []


# ---- where it is called ----


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
    "umask 0": "os.umask(0)",
    "umask 777": "os.umask(0o777)",
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", SIGNALS)
def test_signals_and_more_that_is_inherited(caller: str, name: str, judge: Judge) -> None:
    finished = Attack(CALLERS[caller], before=shim(SIGNALS[name])).run()
    facts = both(judge, finished)
    if name in ("all ignored", "all blocked", "children forgotten", "umask 0", "umask 777"):
        assert facts


# ---- while it runs ----


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
        out, err = self.process.communicate(b"\n", timeout=30)
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


# ---- files that are not root's alone, granted by mistake ----

RUN_BY_MISTAKE = ("credhelper-decrypt-run", "--root-owned")


def mistaken(path: str, caller: User = ALICE) -> Attack:
    """A call of a script that sudo grants and the runner has to refuse."""
    hostile.grant("mistake", f"{caller.name} ALL=(root) NOPASSWD: /usr/bin/{RUN_BY_MISTAKE[0]} *\n")
    return Attack(caller, [*RUN_BY_MISTAKE, path])


@pytest.fixture
def mistake() -> Iterator[Callable[..., Attack]]:
    """``mistake(path)``: see ``mistaken``."""
    yield mistaken
    Path("/etc/sudoers.d/mistake").unlink()


TRICKS = {
    "her own": ("pass", f"{EVIL}/startup.py"),
    "a link to her own": ("os.symlink('startup.py', 'link.py')", f"{EVIL}/link.py"),
    "her link to root's": (f"os.symlink({SCRIPT!r}, 'link.py')", f"{EVIL}/link.py"),
    "her link to root's directory": (
        "os.symlink('/opt/jobs', 'jobs')",
        f"{EVIL}/jobs/report.py",
    ),
    "a way back": ("os.mkdir('jobs')", f"{EVIL}/jobs/../../../opt/jobs/report.py"),
    "a copy": (f"shutil.copy({SCRIPT!r}, 'copy.py')", f"{EVIL}/copy.py"),
    "a magic link": ("pass", "/proc/self/cwd/startup.py"),
    "another process' root": ("pass", "/proc/1/root/tmp/evil/startup.py"),
    "a descriptor": ("pass", "/proc/self/fd/0"),
    "standard input": ("pass", "/dev/stdin"),
    "a pipe": ("os.mkfifo('pipe')", f"{EVIL}/pipe"),
    "a terminal": ("pass", "/dev/tty"),
    "in the open": ("shutil.copy('startup.py', '/tmp/open.py')", "/tmp/open.py"),
    "in shared memory": ("shutil.copy('startup.py', '/dev/shm/open.py')", "/dev/shm/open.py"),
    "not there": ("pass", f"{EVIL}/absent.py"),
    "a name with a newline": ("shutil.copy('startup.py', 'a\\nb.py')", f"{EVIL}/a\nb.py"),
    "her interpreter": (
        "open('own', 'w').write('#!/tmp/evil/sh\\n')",
        f"{EVIL}/own",
    ),
}


@pytest.mark.parametrize("name", TRICKS)
def test_scripts_that_are_not_roots_alone(
    name: str, judge: Judge, mistake: Callable[..., Attack]
) -> None:
    code, path = TRICKS[name]
    attack = mistake(path)
    judge.before = judge.roots()
    made(code)
    finished = attack.run()
    for left in ("/tmp/open.py", "/dev/shm/open.py"):
        Path(left).unlink(missing_ok=True)
    assert both(judge, finished) == {}
    assert finished.status in (126, 127)
    assert finished.err.startswith("credhelper: error: ")


def test_a_hard_link_to_a_script_of_roots(judge: Judge, mistake: Callable[..., Attack]) -> None:
    """To run one that sudo does not grant, from a directory of hers."""
    private = Path("/tmp/roots.py")
    private.write_text("open('/tmp/hacked/0', 'w')")
    attack = mistake(f"{EVIL}/linked.py")
    os.link(private, EVIL / "linked.py")  # as the kernel allows where links are not protected
    judge.before = judge.roots()
    finished = attack.run()
    private.unlink()
    assert not (HACKED / "0").exists()
    assert finished.status == 126
    assert "/tmp/evil belongs to alice" in finished.err


SWAPS = {
    "a script": (
        "os.symlink('/opt/jobs/report.py', 'good'); os.rename('good', 'x.py')\n"
        "    os.symlink('startup.py', 'bad'); os.rename('bad', 'x.py')",
        "x.py",
    ),
    "a directory": (
        "os.symlink('/opt/jobs', 'good'); os.rename('good', 'x')\n"
        "    os.symlink('/tmp/evil/jobs', 'bad'); os.rename('bad', 'x')",
        "x/report.py",
    ),
    "a file": (
        "shutil.copy('startup.py', 'new'); os.rename('new', 'x.py')\n    os.unlink('x.py')",
        "x.py",
    ),
}


@pytest.mark.parametrize("name", SWAPS)
@pytest.mark.parametrize("rooted", [True, False])
def test_swaps_while_it_is_opened(
    name: str, rooted: bool, judge: Judge, mistake: Callable[..., Attack]
) -> None:
    """In a directory of hers, or in one that is anybody's but sticky."""
    code, path = SWAPS[name]
    place = EVIL
    if rooted:
        os.chown(EVIL, 0, 0)
        EVIL.chmod(0o1777)
    (EVIL / "jobs").mkdir()
    (EVIL / "jobs/report.py").write_text((EVIL / "startup.py").read_text())
    for made_by_her in (EVIL / "jobs", EVIL / "jobs/report.py"):
        os.chown(made_by_her, ALICE.uid, ALICE.uid)
    attack = mistake(f"{place}/{path}")
    loop = f"import os, shutil\nos.chdir('{EVIL}')\nwhile True:\n    {code}\n"
    with subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", loop], user=ALICE.uid, group=ALICE.uid, extra_groups=[]
    ) as swapper:
        try:
            results = [attack.run() for _ in range(12)]
            assert swapper.poll() is None
        finally:
            swapper.kill()
    for finished in results:
        assert report(finished) == {}
        assert finished.status in (126, 127)
    judge.before = judge.roots()
    judge.acquit(*(finished.stdout + finished.stderr for finished in results))


def test_swaps_beside_a_pinned_script(judge: Judge) -> None:
    """What she can write is swapped all the while; what she may run is not hers to touch."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            ALICE.run(
                ["/bin/sh", "-c", "ln -sfn /tmp/evil /opt/jobs; mv /tmp/evil/helper.py /opt/jobs"]
            )

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        results = [Attack(ALICE).run() for _ in range(8)]
    finally:
        stop.set()
        thread.join()
    for finished in results:
        assert both(judge, finished)


def test_a_mount_namespace_of_her_own(judge: Judge) -> None:
    """Where she is root she may put her script in place, but sudo is not root's there."""
    inside = (
        "mount --bind /tmp/evil /opt/jobs && cp /tmp/evil/startup.py /opt/jobs/report.py; "
        f"exec sudo -n {' '.join(RUN)}"
    )
    finished = ALICE.run(
        ["/usr/bin/unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", inside]
    )
    judge.acquit(finished.stdout, finished.stderr)
    assert report(finished) == {}


def test_a_process_that_may_gain_nothing(judge: Judge) -> None:
    """no_new_privs, as in a container or under a seccomp filter of hers: sudo does not start."""
    finished = Attack(ALICE, before=["/usr/bin/setpriv", "--no-new-privs"]).run()
    assert both(judge, finished) == {}
    assert finished.status in (1, 125)

# SPDX-License-Identifier: MIT
"""A terminal of the run's own, and masking of what a script's children write."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.real.conftest import Runs, launcher
from tests.real.running import ALICE, VALUE, Writes
from tests.real.terminal import Terminal

pytest_plugins = ("tests.real.runner_fixtures",)

Sealed = Callable[..., Path]

MASKED: Final = "[credential my_api_key]"
LEGACY_TIOCSTI: Final = Path("/proc/sys/dev/tty/legacy_tiocsti")
MASKING: Final = (
    *launcher("credhelper-decrypt-run"),
    *("--mask-children", "-e", "K=my_api_key"),
)
RUNNER: Final = " ".join(launcher("credhelper-decrypt-run"))


@pytest.fixture(autouse=True)
def ready(users: None, sealed: Sealed) -> None:
    """The users and the credential."""
    assert users is None
    sealed("my_api_key", VALUE)


# ---- a terminal of its own ----

INTRUDES = """\
#!/usr/bin/python3
import fcntl, os, signal, sys, termios, time
terminals = [0, 1, 2]
try:
    terminals.append(os.open("/dev/tty", os.O_RDWR))
except OSError:
    pass
for terminal in terminals:
    try:
        for key in "touch /tmp/scratch/open/pushed\\n":
            fcntl.ioctl(terminal, termios.TIOCSTI, key.encode())
    except OSError:
        pass
for terminal in filter(os.isatty, terminals[:3]):
    print(os.fstat(terminal).st_uid, file=open("/tmp/scratch/open/owners", "a"))
if os.fork() == 0:
    for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    if "setsid" in sys.argv:
        os.setsid()
    open("/tmp/scratch/open/reads", "w").close()
    while os.path.exists("/tmp/scratch/open/reads"):
        for terminal in terminals:
            try:
                os.set_blocking(terminal, False)
                data = os.read(terminal, 100)
            except OSError:
                continue
            if data:
                open("/tmp/scratch/open/typed", "ab").write(data)
        time.sleep(.005)
    open("/tmp/scratch/open/gone", "w").close()
    os._exit(0)
while not os.path.exists("/tmp/scratch/open/reads"):
    time.sleep(.01)
"""


@contextmanager
def pushing(allowed: bool) -> Iterator[None]:
    """Whether Linux lets a process push keys into its terminal."""
    before = LEGACY_TIOCSTI.read_text()
    LEGACY_TIOCSTI.write_text(str(int(allowed)))
    try:
        yield
    finally:
        LEGACY_TIOCSTI.write_text(before)


@pytest.mark.parametrize("elsewhere", ["", "</dev/null", "</dev/null >/dev/null 2>&1"])
@pytest.mark.parametrize("argument", ["", "setsid"])
def test_roots_terminal_is_not_handed_to_another_user(
    argument: str, elsewhere: str, write: Writes, environment: dict[str, str], scratch: Path
) -> None:
    """Nothing is typed for root, and a child that stays behind reads nothing of root's typing."""
    (scratch / "open").mkdir()
    (scratch / "open").chmod(0o777)
    script = write(INTRUDES)
    shell = ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]
    with pushing(allowed=True), Terminal(shell, env=environment) as terminal:
        terminal.send("PS1='sh''ell> '\n")
        terminal.expect("shell> ")
        terminal.send(f"{RUNNER} --user alice {script} {argument} {elsewhere}; echo en''ded\n")
        terminal.expect("ended")
        for number in range(20):
            terminal.send(f"read -s typed; echo re''ad {number}\n")
            terminal.send("root's password\n")
            terminal.expect(f"read {number}\r\n")
        (scratch / "open/reads").unlink()
        terminal.send("until test -e /tmp/scratch/open/gone; do sleep .01; done; echo fin''ished\n")
        terminal.expect("finished")
    left = {path.name: path.read_text() for path in (scratch / "open").iterdir()}
    owners = left.pop("owners", "")
    assert "password" not in left.pop("typed", "")  # but maybe the keys that it pushed into its own
    assert left == {"gone": ""}
    assert set(owners.split()) <= {str(ALICE.uid)}
    assert bool(owners) == (elsewhere != "</dev/null >/dev/null 2>&1")


def test_the_intruder_would_be_in_otherwise(
    write: Writes, environment: dict[str, str], scratch: Path
) -> None:
    """With the terminal of root's shell, as without the runner."""
    (scratch / "open").mkdir()
    (scratch / "open").chmod(0o777)
    script = write(INTRUDES)
    shell = ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]
    with pushing(allowed=True), Terminal(shell, env=environment) as terminal:
        terminal.send(
            f"/usr/bin/setpriv --reuid={ALICE.uid} --clear-groups {script}; echo en''ded\n"
        )
        terminal.expect("ended")
        terminal.send("cd /tmp/scratch/open\n")  # its child may read what it has pushed itself
        terminal.send("until test -e pushed -o -s typed; do sleep .01; done; echo fin''ished\n")
        terminal.expect("finished")
        (scratch / "open/reads").unlink()
        terminal.send("until test -e gone; do sleep .01; done; echo a''ll\n")
        terminal.expect("all")


def test_its_own_terminal_is_left_to_the_invoking_user(
    write: Writes, environment: dict[str, str]
) -> None:
    """No process stands between where the terminal is the run's user's."""
    script = write("import os; print(os.ttyname(0), os.getppid())")
    code = (
        "import os, sys\n"
        f"os.fchown(0, {ALICE.uid}, -1)\n"
        "print(os.ttyname(0), os.getppid(), flush=True)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    options = ["--as-invoking-user", str(script)]
    argv = ["/usr/bin/python3", "-I", "-c", code, *launcher("credhelper-decrypt-run"), *options]
    with Terminal(argv, env=environment | {"SUDO_UID": str(ALICE.uid)}) as terminal:
        assert terminal.wait() == 0
    before, within = terminal.shown.decode().splitlines()
    assert before == within


def test_what_is_piped_stays_a_pipe_and_dev_tty_is_there(
    write: Writes, environment: dict[str, str]
) -> None:
    """As ssh(1) and others ask at the terminal whatever their standard input is."""
    script = write(
        """\
        #!/bin/bash
        cat
        echo "$([ -p /dev/stdin ] && echo pipe) $([ -t 2 ] && echo terminal)"
        read -r -p "Name: " name </dev/tty
        echo "name: $name" >/dev/tty
        stty size </dev/tty
        """
    )
    command = f"echo through | {RUNNER} --user alice {script} | cat"
    argv = ["/bin/bash", "--norc", "-c", command]
    with Terminal(argv, env=environment) as terminal:
        terminal.expect("Name: ")
        terminal.send("Ada\n")
        terminal.expect("name: Ada")
        assert terminal.wait() == 0
    assert b"through" in terminal.shown
    assert b"pipe terminal" in terminal.shown


def test_all_that_is_written_at_the_end_is_shown(
    write: Writes, environment: dict[str, str]
) -> None:
    script = write("#!/bin/bash\nseq 20000\nprintf 'the last %s' word\n")
    argv = [*launcher("credhelper-decrypt-run"), "--user", "alice", str(script)]
    with Terminal(argv, env=environment) as terminal:
        assert terminal.wait() == 0
    numbers = "".join(f"{number}\r\n" for number in range(1, 20001))
    # before it the note that nothing is declared
    assert terminal.shown.endswith(f"\n{numbers}the last word".encode())


@pytest.mark.unmeasured
def test_no_descriptor_of_the_relay_is_left_to_the_script(
    write: Writes, environment: dict[str, str]
) -> None:
    script = write("""\
        import os
        for number in os.listdir("/proc/self/fd"):
            if os.path.exists(f"/proc/self/fd/{number}"):
                print(number, os.readlink(f"/proc/self/fd/{number}"))
        """)
    argv = [*launcher("credhelper-decrypt-run"), "--user", "alice", str(script)]
    plain = {name: value for name, value in environment.items() if "COVERAGE" not in name}
    with Terminal(argv, env=plain) as terminal:
        assert terminal.wait() == 0
    lines = [line for line in terminal.shown.decode().splitlines() if "libffi" not in line]
    links = dict(line.split(" ", 1) for line in lines)
    assert set(links) == {"0", "1", "2"}, links
    assert len(set(links.values())) == 1
    assert links["0"].startswith("/dev/pts/")


# ---- how it ends ----

ENDS = ["exit 0", "exit 200", "kill -TERM $$", "kill -KILL $$", "kill -USR1 $$", "kill -SEGV $$"]
RELAYED = {"own terminal": ["--user", "alice"], "children": ["--mask-children"]}


@pytest.mark.parametrize("how", RELAYED)
@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_the_script_is_that_of_the_run(
    end: str, how: str, write: Writes, environment: dict[str, str], decrypt_run: Runs
) -> None:
    script = write(f"#!/bin/bash\n{end}\n")
    plain = subprocess.run([script], check=False).returncode
    assert decrypt_run(*RELAYED[how], str(script)).status == plain
    argv = [*launcher("credhelper-decrypt-run"), *RELAYED[how], str(script)]
    code = f"import subprocess; print('status', subprocess.run({argv}).returncode)"
    with Terminal(["/usr/bin/python3", "-I", "-c", code], env=environment) as terminal:
        terminal.expect(f"status {plain}")


@pytest.mark.parametrize("on", ["terminal", "pipe"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_run_reaches_the_script(
    number: signal.Signals, on: str, write: Writes, environment: dict[str, str]
) -> None:
    """So does a kill of the process that the caller knows: nothing goes on without it."""
    script = write("#!/bin/bash\necho script $$ ends\nexec sleep 60\n")
    argv = [*launcher("credhelper-decrypt-run"), "--mask-children", str(script)]
    if on == "terminal":
        with Terminal(argv, env=environment) as terminal:
            terminal.expect("script ")
            pid = int(terminal.expect(" ends").removesuffix(b" ends"))
            os.kill(terminal.process.pid, number)
            terminal.wait()
    else:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout
            pid = int(process.stdout.readline().split()[1])
            assert pid != process.pid
            os.kill(process.pid, number)
            assert process.wait(30) == -number
    waited = ["/usr/bin/tail", f"--pid={pid}", "-s", "0.01", "-f", "/dev/null"]
    subprocess.run(waited, check=True, timeout=120)


def test_the_terminal_is_what_it_was_when_the_relay_is_killed(
    write: Writes, environment: dict[str, str]
) -> None:
    script = write("#!/bin/bash\necho parent $PPID leads\nexec sleep 60\n")
    shell = [
        "/bin/sh",
        "-c",
        f"stty -a; {RUNNER} --user alice {script}; echo $?; stty -a; echo end",
    ]
    with Terminal(shell, env=environment) as terminal:
        terminal.expect("parent ")
        leader = int(terminal.expect(" leads").removesuffix(b" leads"))
        status = Path(f"/proc/{leader}/status").read_text()
        relay = int(status.partition("PPid:\t")[2].split()[0])
        os.kill(relay, signal.SIGKILL)
        terminal.expect("137")
        terminal.expect("end")
    before, _, after = terminal.shown.decode().partition("parent ")
    assert before.split()[:40] == after.partition("137")[2].split()[:40]


# ---- what children write ----

CHILDREN = {
    "python": "import os; os.write(1, os.environ['K'].encode()); os.write(2, b'e')",
    "spawned": """\
        import multiprocessing, os, sys
        def work(value):
            print(value, flush=True)
            os.write(1, value.encode())
        if __name__ == "__main__":
            spawn = multiprocessing.get_context("spawn")
            worker = spawn.Process(target=work, args=[os.environ["K"]])
            worker.start()
            worker.join()
        """,
    "bash -x": '#!/bin/bash\nset -x\n: "$K"\ncat "$CREDENTIALS_DIRECTORY/my_api_key"',
    "curl -v": """\
        #!/bin/bash
        printf 'HTTP/1.0 200 OK\\r\\n\\r\\n' >answer
        python3 -I -c 'import http.server as h, os, threading as t; \\
            s = h.HTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler); \\
            t.Thread(target=s.serve_forever, daemon=True).start(); \\
            os.system(f"curl -sv -H X-Key:$K http://127.0.0.1:{s.server_port}/no -o /dev/null")'
        """,
    "node": "#!/usr/bin/node\nconsole.log(process.env.K)\nconsole.error(process.env.K)\n",
    "puts": "#!/tmp/scratch/puts\n",
}


@pytest.mark.parametrize("on", ["pipe", "terminal", "one pipe"])
@pytest.mark.parametrize("kind", CHILDREN)
def test_what_children_write_is_masked(
    kind: str, on: str, write: Writes, environment: dict[str, str], scratch: Path
) -> None:
    script = write(CHILDREN[kind])
    if kind == "puts":
        source = write(
            '#include <stdio.h>\n#include <stdlib.h>\nint main(){puts(getenv("K"));}', "p.c"
        )
        subprocess.run(["/usr/bin/gcc", "-o", scratch / "puts", source], check=True)
    argv = [*MASKING, str(script)]
    if on == "terminal":
        with Terminal(argv, env=environment, cwd=str(scratch)) as terminal:
            assert terminal.wait() == 0
        shown = terminal.shown
    else:
        error = subprocess.STDOUT if on == "one pipe" else subprocess.PIPE
        finished = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=error, env=environment, cwd=scratch, check=True
        )
        shown = finished.stdout + (finished.stderr or b"")
    assert VALUE.encode() not in shown
    assert MASKED.encode() in shown


def test_it_ends_with_the_last_writer(
    write: Writes, environment: dict[str, str], scratch: Path
) -> None:
    """The exit status is there at once; what a child writes later is masked anyway."""
    os.mkfifo(scratch / "go")
    script = write('#!/bin/bash\n(read -r <go; echo "late $K") &\necho "early $K"\nexit 4\n')
    argv = [*MASKING, str(script)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, cwd=scratch) as process:
        assert process.wait(30) == 4
        assert process.stdout
        assert process.stdout.readline() == f"early {MASKED}\n".encode()
        (scratch / "go").write_text("go\n")
        assert process.stdout.read() == f"late {MASKED}\n".encode()


def test_a_reader_who_leaves_is_noticed(write: Writes, environment: dict[str, str]) -> None:
    script = write('#!/bin/bash\nexec yes "$K"\n')
    argv = [*MASKING, str(script)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == f"{MASKED}\n".encode()
        process.stdout.close()
        assert process.wait(30) == -signal.SIGPIPE


def test_nothing_is_lost_or_changed_on_the_way(
    write: Writes, environment: dict[str, str], scratch: Path
) -> None:
    (scratch / "data").write_bytes(os.urandom(20_000_000))
    script = write("#!/bin/bash\nexec cat /tmp/scratch/data\n")
    argv = [*MASKING, str(script)]
    finished = subprocess.run(argv, stdout=subprocess.PIPE, env=environment, check=True, timeout=90)
    assert finished.stdout == (scratch / "data").read_bytes()


def test_a_script_asks_for_it_in_its_metadata(write: Writes, decrypt_run: Runs) -> None:
    block = '# /// script\n# [tool.credhelper]\n# credentials = ["my_api_key"]\n'
    block += "# mask = {}\n# ///\n"
    text = 'cat "$CREDENTIALS_DIRECTORY/my_api_key"\n'
    script = write("#!/bin/bash\n" + block.format('"children"') + text)
    finished = decrypt_run(str(script))
    assert (finished.status, finished.out, finished.err) == (0, MASKED, "")
    assert decrypt_run("--no-mask", str(script)).out == VALUE
    wrong = decrypt_run(str(write("#!/bin/bash\n" + block.format('"all"') + text)))
    assert (wrong.status, wrong.out) == (125, "")
    assert "mask is 'all'" in wrong.err
    both = decrypt_run("--no-mask", "--mask-children", str(script))
    assert (both.status, both.out) == (125, "")
    assert "exclude one another" in both.err

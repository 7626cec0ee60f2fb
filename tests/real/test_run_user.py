# SPDX-License-Identifier: MIT
"""Least privilege: decrypted as root, run as somebody else for good, and closed to that user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real.conftest import ROOT, Runs, launcher
from tests.real.running import ALICE, BOB, VALUE, Writes, status_fields

pytest_plugins = ("tests.real.runner_fixtures",)

pytestmark = pytest.mark.unmeasured

Sealed = Callable[..., Path]

INTRUDER = str(ROOT / "tests/real/intruder.py")
KINDS = {
    "in-process": """\
        import os, sys
        {child}
        print(os.getpid(), flush=True)
        print(open("/proc/self/status").read(), dict(os.environ), flush=True)
        sys.stdin.read()
        """,
    "venv": """\
        #!/tmp/scratch/venv/bin/python3
        import os, sys
        {child}
        print(os.getpid(), flush=True)
        print(open("/proc/self/status").read(), dict(os.environ), flush=True)
        sys.stdin.read()
        """,
    "bash": """\
        #!/bin/bash
        {child}
        echo $$
        cat /proc/$$/status; env
        read
        """,
}
CHILDREN = {
    "in-process": "print(os.spawnl(os.P_NOWAIT, '/bin/sleep', 'sleep', '60'))",
    "venv": "print(os.spawnl(os.P_NOWAIT, '/bin/sleep', 'sleep', '60'))",
    "bash": "sleep 60 </dev/null >/dev/null & echo $!",
}
BLOCK_SUSPEND = 1 << 36


@pytest.fixture(autouse=True)
def ready(users: None, sealed: Sealed, environment_of_venv: Path) -> None:
    """The users, a virtual environment, and the credential."""
    assert users is None
    assert environment_of_venv.exists()
    sealed("my_api_key", VALUE)


@contextmanager
def running(
    script: Path, environment: dict[str, str], *options: str, lines: int = 1
) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """The script under the runner as alice, and the first lines that it wrote."""
    argv = [*launcher("credhelper-decrypt-run"), *options, "-e", "KEY=my_api_key", str(script)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout
        try:
            yield process, [process.stdout.readline().decode().strip() for _ in range(lines)]
        finally:
            process.kill()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["--user", "--as-invoking-user"])
def test_what_is_left_of_root(option: str, kind: str, write: Writes, decrypt_run: Runs) -> None:
    script = write(KINDS[kind].replace("{child}", ""))
    who = ["--user", "alice"] if option == "--user" else [option]
    caller = BOB if option == "--user" else ALICE
    finished = decrypt_run(
        *(*who, "--no-mask", "-c", "my_api_key", str(script)),
        env={"SUDO_UID": str(caller.uid), "HOME": "/root", "USER": "root"},
    )
    assert (finished.status, finished.err) == (0 if kind != "bash" else 1, "")
    status = status_fields(finished.out)
    assert status["Uid"].split() == [str(ALICE.uid)] * 4
    assert status["Gid"].split() == [str(ALICE.uid)] * 4
    assert sorted(status["Groups"].split()) == [str(ALICE.uid), str(ALICE.uid + 100)]
    for kept in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kept], 16) == BLOCK_SUSPEND
    assert status["NoNewPrivs"] == "1"
    for variable, value in {
        "HOME": "/tmp",
        "USER": "alice",
        "LOGNAME": "alice",
        "SHELL": "/bin/sh",
        "SUDO_UID": str(caller.uid),
    }.items():
        assert f"{variable}={value}" in finished.out or f"'{variable}': '{value}'" in finished.out


def test_nothing_of_it_comes_back(write: Writes, decrypt_run: Runs) -> None:
    script = write(
        """\
        import os, subprocess
        def attempt(call, *arguments):
            try:
                call(*arguments)
                print("done:", call.__name__, arguments)
            except OSError:
                pass
        attempt(os.setuid, 0)
        attempt(os.setgid, 0)
        attempt(os.setgroups, [0])
        attempt(os.setresuid, 0, 0, 0)
        attempt(os.chroot, "/tmp")
        attempt(os.kill, 1, 0)
        attempt(os.listdir, "/tmp/scratch/closed")
        attempt(os.listdir, "/etc/credstore.encrypted")
        attempt(open, "/var/lib/systemd/credential.secret")
        attempt(open, "/etc/shadow")
        attempt(open, "/proc/1/environ")
        for argv in (["/usr/bin/sudo", "-n", "id", "-u"], ["/bin/su", "-c", "id -u"],
                     ["/bin/mount", "-t", "tmpfs", "x", "/tmp"], ["/usr/bin/passwd", "-S", "root"],
                     ["/usr/bin/systemd-creds", "decrypt", "/etc/credstore.encrypted/my_api_key"]):
            done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL)
            if done.returncode == 0:
                print("done:", argv, done.stdout)
        from credhelper import load, CredentialNotFound
        print(load("my_api_key"))
        try:
            load("other")
        except CredentialNotFound as error:
            print(error)
        """
    )
    Path("/tmp/scratch/closed").mkdir(0o700)
    finished = decrypt_run("--user", "alice", "-c", "my_api_key", str(script))
    assert finished.err == ""
    first, second = finished.out.splitlines()
    assert first == "[credential my_api_key]"
    assert second.startswith("credential other is not in $CREDENTIALS_DIRECTORY (declare it: ")


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_process_of_the_user_sees_into_it(
    kind: str, write: Writes, environment: dict[str, str]
) -> None:
    """Nor into a child that it starts."""
    script = write(KINDS[kind].replace("{child}", CHILDREN[kind]))
    with running(script, environment, "--user", "alice", lines=2) as (process, lines):
        child, pid = lines
        assert int(pid) == process.pid
        try:
            # in a session of systemd, a user's processes have CAP_WAKE_ALARM
            session = ["/usr/bin/setpriv", f"--reuid={ALICE.uid}", f"--regid={ALICE.uid}"]
            session += ["--clear-groups", "--inh-caps=+wake_alarm", "--ambient-caps=+wake_alarm"]
            for target in (pid, child):
                argv = [sys.executable, "-I", INTRUDER, target]
                plain = ALICE.run(argv)
                assert (plain.out, plain.err) == ("", "")
                richer = subprocess.run([*session, *argv], capture_output=True, check=False)
                assert (richer.stdout, richer.stderr) == (b"", b"")
        finally:
            os.kill(int(child), signal.SIGKILL)


@pytest.mark.parametrize("kind", KINDS)
def test_another_run_of_the_user_sees_nothing_either(
    kind: str, write: Writes, decrypt_run: Runs, environment: dict[str, str]
) -> None:
    """It has the capability that a run has, but is in another domain; its own children it sees."""
    script = write(KINDS[kind].replace("{child}", CHILDREN[kind]))
    intruding = write(
        f"""\
        import subprocess, sys
        intruder = [sys.executable, "-I", {INTRUDER!r}]
        for target in sys.argv[1:]:
            print(subprocess.run([*intruder, target], stdout=subprocess.PIPE).stdout.decode())
        child = subprocess.Popen(["/bin/sleep", "60"], env={{"KEY": "of a child"}})
        print(subprocess.run([*intruder, str(child.pid)], stdout=subprocess.PIPE).stdout.decode())
        child.kill()
        """,
        "intruding.py",
    )
    with running(script, environment, "--user", "alice", lines=2) as (_, (child, pid)):
        try:
            finished = decrypt_run("--user", "alice", str(intruding), pid, child)
        finally:
            os.kill(int(child), signal.SIGKILL)
    assert finished.err == ""
    assert finished.out.startswith("\n\nenviron: b'KEY=of a child")


@pytest.mark.parametrize("answer", ["error=ENOSYS", "error=EOPNOTSUPP", "retval=1"])
def test_a_kernel_that_cannot_keep_runs_apart_is_named(
    answer: str, write: Writes, decrypt_run: Runs
) -> None:
    """Without Landlock, with Landlock switched off, and that of before Linux 5.19."""
    strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null"]
    strace += ["-e", "trace=landlock_create_ruleset"]
    finished = decrypt_run(
        *("--user", "alice", str(write("print('ran')"))),
        before=[*strace, "-e", f"inject=landlock_create_ruleset:{answer}"],
    )
    assert (finished.status, finished.out) == (0, "ran\n")
    first, second = finished.err.splitlines()
    assert first == "credhelper-decrypt-run: note: other runs of alice can read this one"
    assert "Landlock of Linux 5.19 or newer" in second


def test_what_a_user_does_works_on_in_a_run(write: Writes, decrypt_run: Runs) -> None:
    script = write(
        """\
        #!/bin/bash
        set -e
        cd "$(mktemp -d)"
        mkdir a b && echo moved >a/file && mv a/file b/file && ln b/file a/linked && cat a/linked
        git init -q repository && git -C repository status --porcelain && echo git
        python3 -c 'import socket, subprocess as s, multiprocessing as m; \
            socket.create_server(("127.0.0.1", 0)); a, b = socket.socketpair(); m.Pipe(); \
            socket.socket(socket.AF_UNIX).bind("socket"); print("sockets")'
        mkfifo fifo; (echo through >fifo &); cat fifo
        sleep 60 & kill -TERM $! && echo signalled
        rm -r "$PWD"
        """
    )
    finished = decrypt_run("--user", "alice", "--no-mask", "-c", "my_api_key", str(script))
    assert finished.err == ""
    assert finished.out.split() == ["moved", "git", "sockets", "through", "signalled"]


def test_the_intruder_would_see_it_otherwise(write: Writes) -> None:
    """A process of alice that the runner has not started."""
    argv = ["/bin/sleep", "60"]
    with subprocess.Popen(argv, user=ALICE.uid, group=ALICE.uid, env={"KEY": VALUE}) as process:
        try:
            seen = ALICE.run([sys.executable, "-I", INTRUDER, str(process.pid)]).out
        finally:
            process.kill()
    assert write("x").exists()
    assert f"environ: b'KEY={VALUE}" in seen
    assert "ptrace request" in seen
    assert "root: /" in seen


@pytest.mark.parametrize("debugger", ["strace", "gdb"])
@pytest.mark.parametrize("kind", KINDS)
def test_debuggers_are_kept_out(
    kind: str, debugger: str, write: Writes, environment: dict[str, str]
) -> None:
    script = write(KINDS[kind].replace("{child}", ""))
    with running(script, environment, "--user", "alice") as (_, (pid,)):
        argv = {
            "strace": ["/usr/bin/strace", "-qq", "-p", pid],
            "gdb": ["/usr/bin/gdb", "-nx", "-batch", "-ex", "info proc", "-ex", "gcore", "-p", pid],
        }[debugger]
        finished = ALICE.run(argv, cwd="/tmp")
        said = finished.out + finished.err
        assert "Operation not permitted" in said
        assert VALUE not in said
        assert not list(Path("/tmp").glob("core.*"))


@pytest.mark.parametrize("kind", KINDS)
def test_another_user_sees_nothing_either(
    kind: str, write: Writes, environment: dict[str, str]
) -> None:
    script = write(KINDS[kind].replace("{child}", ""))
    with running(script, environment, "--user", "alice") as (process, (pid,)):
        assert BOB.run([sys.executable, "-I", INTRUDER, pid]).out == ""
        os.kill(process.pid, 0)
        assert BOB.run(["/bin/kill", pid]).status == 1


def test_the_directory_is_theirs_alone(write: Writes, decrypt_run: Runs) -> None:
    script = write(
        """\
        import os
        directory = os.environ["CREDENTIALS_DIRECTORY"]
        for path in (directory, directory + "/my_api_key"):
            found = os.stat(path)
            print(oct(found.st_mode), found.st_uid, found.st_gid)
        try:
            os.chmod(directory, 0o755)
        except OSError as error:
            print(error.strerror)
        """
    )
    finished = decrypt_run("--user", "alice", "-c", "my_api_key", str(script))
    assert finished.out.splitlines() == [
        f"0o40500 {ALICE.uid} {ALICE.uid}",
        f"0o100400 {ALICE.uid} {ALICE.uid}",
        "Read-only file system",
    ]


ADD_KEY = {"x86_64": 248, "aarch64": 217}[os.uname().machine]
WITH_A_KEY = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "src")!r})
from credhelper.commands import kernel
kernel.call("keyctl", 1, b"of the caller")  # KEYCTL_JOIN_SESSION_KEYRING
kernel.call("syscall", {ADD_KEY}, b"user", b"token", b"planted", 7, -3)  # to the session's
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("user", ["root", "alice"])
def test_the_keyrings_of_the_caller_stay_behind(
    user: str, write: Writes, decrypt_run: Runs
) -> None:
    script = write(
        """\
        from credhelper.commands import kernel
        try:
            kernel.call("keyctl", 10, -3, b"user", b"token", 0)  # KEYCTL_SEARCH
            print("the caller's key")
        except OSError as error:
            print(error.strerror)
        """
    )
    before = [sys.executable, "-I", "-c", WITH_A_KEY]
    finished = decrypt_run("--user", user, str(script), before=before)
    assert (finished.out, finished.err) == ("keyctl: Required key not available\n", "")
    plain = subprocess.run([*before, sys.executable, script], capture_output=True, check=False)
    assert plain.stdout == b"the caller's key\n"


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_where_there_are_no_keyrings(error: str, write: Writes, decrypt_run: Runs) -> None:
    """As in containers."""
    script = write("")
    strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=keyctl"]
    finished = decrypt_run(
        *("--user", "alice", str(script)), before=[*strace, "-e", f"inject=keyctl:error={error}"]
    )
    assert (finished.status, finished.err) == (0, "")


def test_a_user_who_cannot_read_the_script(write: Writes, decrypt_run: Runs) -> None:
    """Python source was read by the runner; a program has to be able to read it itself."""
    python = write("print('ran')", mode=0o700)
    assert decrypt_run("--user", "alice", str(python)).out == "ran\n"
    bash = write("#!/bin/bash\necho ran", mode=0o700)
    assert decrypt_run("--user", "alice", str(bash)).status == 126


DIRECTORIES = {
    ("alice's", "root-owned"): "/",
    ("alice's", "root-owned keep-directory"): "/tmp/scratch/deep",
    ("alice's", ""): "/tmp/scratch/deep",
    ("root's", "root-owned"): "/tmp/scratch/deep",
}


@pytest.mark.parametrize("kind", ["python", "bash"])
@pytest.mark.parametrize(("caller", "options"), DIRECTORIES)
def test_the_directory_that_a_run_starts_in(
    caller: str, options: str, kind: str, write: Writes, decrypt_run: Runs
) -> None:
    """A path on the command line is still that of the caller's directory."""
    write("#!/bin/bash\npwd; echo $0" if kind == "bash" else "import os; print(os.getcwd())", "run")
    Path("/tmp/scratch/deep").mkdir()
    finished = decrypt_run(
        *(f"--{option}" for option in options.split()),
        "../run",
        env={"SUDO_UID": str(ALICE.uid if caller == "alice's" else 0)},
        cwd="/tmp/scratch/deep",
    )
    where = DIRECTORIES[caller, options]
    name = "/tmp/scratch/deep/../run" if where == "/" else "../run"
    assert finished.out == f"{where}\n" + (f"{name}\n" if kind == "bash" else "")


@pytest.mark.parametrize("user", ["root", ""])
def test_root_stays_root(user: str, write: Writes, decrypt_run: Runs) -> None:
    script = write("import os; print(os.getresuid(), os.environ['HOME'])")
    options = ["--user", user] if user else []
    finished = decrypt_run(*options, str(script), env={"SUDO_UID": str(ALICE.uid)})
    assert finished.out == "(0, 0, 0) /root\n"


IMPORTS = "import hers, beside, sys; print(hers.__file__, beside.__cached__, sys.path)"


def test_packages_and_bytecode_of_the_users_own(write: Writes, decrypt_run: Runs) -> None:
    """Installed with pip install --user, and cached beside the script, where both are hers."""
    place = Path(f"/tmp/.local/lib/python3.{sys.version_info[1]}/site-packages")
    place.mkdir(parents=True)
    (place / "hers.py").touch()
    script = write(IMPORTS, "hers/script.py")
    cached = Path(
        write("", "hers/beside.py").parent, f"__pycache__/beside.{sys.implementation.cache_tag}.pyc"
    )
    as_hers = ("--as-invoking-user", str(script))
    alice = {"SUDO_UID": str(ALICE.uid)}
    try:
        assert "No module named 'hers'" in decrypt_run(*as_hers, env=alice).err
        subprocess.run(
            ["/bin/chown", "-R", f"{ALICE.uid}:{ALICE.uid}", str(script.parent), "/tmp/.local"],
            check=True,
        )
        for_root = decrypt_run(str(script), env=alice)
        assert "No module named 'hers'" in for_root.err
        assert not cached.exists()
        finished = decrypt_run(*as_hers, env=alice)
        assert finished.err == ""
        assert finished.out.startswith(f"{place}/hers.py {cached} ")
        assert cached.stat().st_uid == ALICE.uid
    finally:
        shutil.rmtree("/tmp/.local")

# SPDX-License-Identifier: MIT
"""How credentials reach a script, and what is left of them when it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import credhelper
from credhelper.commands.run.delivery import PLACE
from tests.real import namespace
from tests.real.conftest import ROOT, Runs, launcher
from tests.real.running import ALICE, VALUE, Sealed, Writes, nothing_left

pytest_plugins = ("tests.real.runner_fixtures",)

# linux/mount.h
_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x40000
_MS_SHARED: Final = 0x100000

SOURCE = str(Path(credhelper.__file__).parents[1])


def test_variables_are_not_in_the_environment_that_others_read(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write(
        f"""\
        import os, subprocess
        data = open("/proc/self/environ", "rb").read() + open("/proc/self/cmdline", "rb").read()
        print({VALUE!r}.encode() in data, os.environ["X"] == {VALUE!r})
        print(subprocess.run("test -n \\"$X\\"", shell=True).returncode)
        """
    )
    assert decrypt_run("-e", "X=my_api_key", str(script)).out == "False True\n0\n"


AS = {"root": [], "user": ["--user", "alice"], "invoking user": ["--as-invoking-user"]}

CHILDREN = """\
    import os, subprocess
    path = os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key"
    print("inherits:", os.spawnl(os.P_WAIT, "/usr/bin/test", "test", "-r", path))
    print("closes:", subprocess.run(["/usr/bin/test", "-r", path]).returncode)
    print("path:", path)
    print("mounts:", open("/proc/self/mountinfo").read().count("ramfs"))
    """


@pytest.mark.parametrize("there", ["nothing", "systemd's", "both"])
def test_every_child_sees_the_directory_and_nothing_else_does(
    there: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    shutil.rmtree("/run/credentials", ignore_errors=True)
    if there != "nothing":
        Path("/run/credentials").mkdir(0o755)
    if there == "both":
        Path(PLACE).mkdir(0o755)
    sealed("my_api_key", VALUE)
    before = Path("/proc/self/mountinfo").read_text()
    finished = decrypt_run("-c", "my_api_key", str(write(CHILDREN)))
    assert finished.out.splitlines() == [
        "inherits: 0",
        "closes: 0",
        f"path: {PLACE}/my_api_key",
        "mounts: 1",
    ]
    assert Path("/proc/self/mountinfo").read_text() == before
    assert list(Path(PLACE).iterdir()) == []
    for directory in (PLACE, "/run/credentials"):
        assert Path(directory).stat().st_mode & 0o7777 == 0o755


def test_what_another_process_starts_is_told_that_it_is_outside(
    sealed: Sealed, write: Writes, decrypt_run: Runs, users: None
) -> None:
    """Here: what enters the machine's mount namespace, as what systemd-run(1) starts is in."""
    assert users is None
    sealed("my_api_key", VALUE)
    code = f"import sys; sys.path.append({SOURCE!r}); import credhelper; "
    code += "credhelper.load('my_api_key')"
    script = write(
        f"""\
        #!/bin/bash
        nsenter --target {os.getpid()} --mount setpriv --reuid={ALICE.uid} --clear-groups \\
            python3 -I -c "{code}"
        """
    )
    finished = decrypt_run("-c", "my_api_key", str(script))
    assert finished.status == 1
    assert f"cannot be read: nothing is in {PLACE}" in finished.err
    assert "only what the script itself starts sees it" in finished.err


def test_the_option_of_old_is_accepted_with_a_note(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    finished = decrypt_run("--share-with-children", "-c", "my_api_key", str(write("print('ran')")))
    assert (finished.status, finished.out) == (0, "ran\n")
    assert finished.err == (
        "credhelper-decrypt-run: note: "
        "--share-with-children is ignored: every child sees the credentials\n"
    )


TOOLS = """\
#!/bin/bash
cd "$(mktemp -d)"
realpath "$CREDENTIALS_DIRECTORY" "$CREDENTIALS_DIRECTORY/key"
(cd "$CREDENTIALS_DIRECTORY" && pwd -P)
find "$CREDENTIALS_DIRECTORY" -type f
cp -r "$CREDENTIALS_DIRECTORY" copy && cmp copy/key "$1" && find copy | sort
tar -C "$CREDENTIALS_DIRECTORY" -cf - . | tar -tf - | sort
ssh-keygen -y -f "$1" | cut -d' ' -f1,3
chmod -R u+w . && rm -r "$PWD"
"""


@pytest.mark.parametrize("user", AS)
def test_tools_find_a_directory_as_any_other(
    user: str, sealed: Sealed, write: Writes, decrypt_run: Runs, users: None, scratch: Path
) -> None:
    assert users is None
    made = ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "comment"]
    subprocess.run([*made, "-f", str(scratch / "key")], check=True)
    sealed("key", (scratch / "key").read_bytes())
    options = [*AS[user], "--no-mask", "-c", "key"]
    caller = {"SUDO_UID": str(ALICE.uid)}
    finished = decrypt_run(*options, str(write(TOOLS)), "{key}", env=caller)
    assert (finished.status, finished.err) == (0, "")
    assert finished.out.splitlines() == [
        PLACE,
        f"{PLACE}/key",
        PLACE,
        f"{PLACE}/key",
        "copy",
        "copy/key",
        "./",
        "./key",
        "ssh-ed25519 comment",
    ]


@contextmanager
def shared(*directories: str) -> Iterator[None]:
    """The directories are mounts that propagate, as all are where systemd runs."""
    for directory in directories:
        namespace.mount("none", directory, "", _MS_SHARED)
    try:
        yield
    finally:
        for directory in directories:
            namespace.mount("none", directory, "", _MS_PRIVATE)


def test_all_other_mounts_are_seen_by_the_run_and_by_the_machine(
    sealed: Sealed, write: Writes, environment: dict[str, str]
) -> None:
    """Below ``/run`` as well as elsewhere, such as those of ``ip netns`` and of other units."""
    sealed("my_api_key", VALUE)
    ours = ["/run/ours", "/tmp/scratch/ours"]
    theirs = ["/run/credentials/@system", "/tmp/scratch/theirs"]
    for directory in (*ours, *theirs):
        Path(directory).mkdir(parents=True, exist_ok=True)
    script = write(
        f"""\
        import os, subprocess
        for directory in {ours}:
            subprocess.run(["/bin/mount", "-t", "tmpfs", "of the script", directory], check=True)
        print(open(os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key").read(), flush=True)
        input()
        print([os.path.exists(directory + "/file") for directory in {theirs}])
        """
    )
    argv = [*launcher("credhelper-decrypt-run"), "-c", "my_api_key", str(script)]
    with (
        shared("/run", "/tmp"),
        subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        ) as process,
    ):
        try:
            assert process.stdout
            assert process.stdout.readline() == b"[credential my_api_key]\n"
            seen = Path("/proc/self/mountinfo").read_text()
            assert "ramfs" not in seen
            for directory in ours:
                assert f" {directory} " in seen
                namespace.unmount(directory)
            for directory in theirs:
                namespace.mount("of the machine", directory, "tmpfs", 0)
                Path(directory, "file").touch()
            assert process.communicate(b"\n", 30)[0] == b"[True, True]\n"
        finally:
            process.kill()
            for directory in (*ours, *theirs):
                while os.path.ismount(directory):
                    namespace.unmount(directory)


@pytest.mark.parametrize("user", ["root", "user"])
def test_runs_within_runs_and_beside_them(
    user: str, sealed: Sealed, write: Writes, decrypt_run: Runs, users: None
) -> None:
    """A script that calls the runner through sudo, several times at once."""
    assert users is None
    for name in ("outer", "inner"):
        sealed(name, f"the value of {name}")
    inner = write(
        """\
        #!/bin/bash
        ls "$CREDENTIALS_DIRECTORY"; cat "$CREDENTIALS_DIRECTORY/inner"; echo; id -un
        sleep .1
        """,
        "inner.sh",
    )
    start = ["/usr/bin/sudo", "-n", *launcher("credhelper-decrypt-run"), *AS[user], "-c", "inner"]
    outer = write(
        f"""\
        import os, subprocess, sys
        runs = [subprocess.Popen({[*start, str(inner)]}, stdout=-1) for _ in range(4)]
        print({{run.communicate()[0] for run in runs}}, {{run.returncode for run in runs}})
        print(os.listdir(os.environ["CREDENTIALS_DIRECTORY"]))
        print(subprocess.run(["/bin/ls", os.environ["CREDENTIALS_DIRECTORY"]], stdout=-1).stdout)
        """
    )
    finished = decrypt_run("-c", "outer", str(outer), env={"SUDO_UID": str(ALICE.uid)})
    name = "alice" if user == "user" else "root"
    assert finished.out.splitlines() == [
        f"{{b'inner\\nthe value of inner\\n{name}\\n'}} {{0}}",
        "['outer']",
        "b'outer\\n'",
    ]


def test_in_a_chroot_whose_run_is_a_plain_directory(
    sealed: Sealed, write: Writes, environment: dict[str, str], scratch: Path
) -> None:
    sealed("my_api_key", VALUE)
    root = scratch / "root"
    bound = [Path(path) for path in ("/usr", "/etc", "/var/lib", "/proc", "/dev", str(ROOT))]
    try:
        for path in bound:
            place = root / path.relative_to("/")
            place.mkdir(parents=True, exist_ok=True)
            namespace.mount(str(path), str(place), "", _MS_BIND | _MS_REC)
        for name in ("bin", "lib", "lib64", "sbin"):
            (root / name).symlink_to(f"usr/{name}")
        for name in ("run", "tmp"):
            (root / name).mkdir()
        shutil.copy(write(CHILDREN), root / "tmp")
        argv = [*launcher("credhelper-decrypt-run"), "-c", "my_api_key", "/tmp/script.py"]
        with shared("/tmp"):
            before = Path("/proc/self/mountinfo").read_text()
            finished = subprocess.run(
                ["/usr/sbin/chroot", str(root), *argv],
                capture_output=True,
                env=environment,
                check=False,
            )
            assert Path("/proc/self/mountinfo").read_text() == before
        assert (finished.returncode, finished.stdout.decode().splitlines()) == (
            0,
            ["inherits: 0", "closes: 0", f"path: {PLACE}/my_api_key", "mounts: 1"],
        ), finished.stderr
    finally:
        for path in bound:
            namespace.unmount(str(root / path.relative_to("/")))


REFUSED = {
    ("unshare", "EPERM"): ("Operation not permitted", "it needs CAP_SYS_ADMIN, which containers"),
    ("mkdir", "EROFS"): ("/run/credentials: Read-only file system", "give this system a /run that"),
    ("fsopen", "ENOSYS"): ("Function not implemented", "it needs Linux 5.12 or newer"),
}


@pytest.mark.parametrize(("call", "error"), REFUSED)
def test_what_stands_in_the_way_is_named(
    call: str, error: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    """strace has the kernel refuse, as containers, read-only systems and old ones do."""
    shutil.rmtree("/run/credentials", ignore_errors=True)
    sealed("my_api_key", VALUE)
    strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    finished = decrypt_run(
        *("-c", "my_api_key", str(write("print('started')"))),
        before=[*strace, "-e", f"inject={call}:error={error}"],
        measured=False,
    )
    assert (finished.status, finished.out) == (125, "")
    problem, hint = REFUSED[call, error]
    assert "the credentials directory cannot be made: " in finished.err
    assert problem in finished.err
    assert hint in finished.err


def test_a_run_without_credentials_has_no_directory(write: Writes, decrypt_run: Runs) -> None:
    script = write("import os; print(os.environ.get('CREDENTIALS_DIRECTORY'))")
    finished = decrypt_run(str(script), env={"CREDENTIALS_DIRECTORY": "/tmp"})
    assert finished.out == "None\n"


@pytest.mark.parametrize("first", ["", "#!/tmp/scratch/venv/bin/python3\n"])
def test_no_frame_below_the_script_has_a_value_for_reports_to_show(
    first: str, sealed: Sealed, write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    assert environment_of_venv.exists()
    sealed("my_api_key", VALUE)
    script = write(
        first + "import inspect, os\n"
        "below = [frame.frame.f_locals for frame in inspect.stack()[1:]]\n"
        "print(len(below) > 0, [n for f in below for n in f if os.environ['K'] in repr(f[n])])\n"
    )
    finished = decrypt_run("--no-mask", "-e", "K=my_api_key", str(script))
    assert finished.out == "True []\n", finished.err


KINDS = {
    "in-process": "import sys; print('ready', flush=True); sys.stdin.read()",
    "venv": "#!/tmp/scratch/venv/bin/python3\nprint('ready', flush=True); input()",
    "bash": "#!/bin/bash\necho ready; read",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_leaves_nothing(
    kind: str,
    sealed: Sealed,
    write: Writes,
    environment: dict[str, str],
    environment_of_venv: Path,
    nowhere: Callable[[bytes], None],
) -> None:
    sealed("my_api_key", VALUE)
    assert environment_of_venv.exists()
    Path(PLACE).mkdir(parents=True, exist_ok=True)
    script = write(KINDS[kind])
    before = nothing_left()
    with subprocess.Popen(
        [*launcher("credhelper-decrypt-run"), "-e", "K=my_api_key", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert nothing_left() == before
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert nothing_left() == before
    nowhere(VALUE.encode())


def test_no_command_line_ever_holds_a_value(
    sealed: Sealed, write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    sealed("my_api_key", VALUE)
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    try:
                        with open(f"/proc/{entry}/cmdline", "rb") as file:
                            seen.add(file.read())
                    except OSError:
                        pass

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for text in (
            "import os; os.system('sleep .05')",
            "#!/bin/bash\nsleep .05; test -r $1",
            f"#!{environment_of_venv}/bin/python3\nimport os; os.system('sleep .05')",
        ):
            options = ["--no-mask", "-e", "K=my_api_key"]
            finished = decrypt_run(*options, str(write(text)), "{my_api_key}")
            assert (finished.status, finished.err) == (0, "")
    finally:
        done.set()
        thread.join()
    assert any(f"{PLACE}/my_api_key".encode() in line for line in seen)
    assert any(b"systemd-creds" in line for line in seen)
    assert not [line for line in seen if VALUE.encode() in line]

# SPDX-License-Identifier: MIT
"""What stops a run before anything is decrypted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credhelper.commands import trust
from credhelper.commands.version import VERSION
from credhelper.errors import Untrusted
from tests.real.conftest import Runs, launcher
from tests.real.running import ALICE, VALUE, Sealed, Writes
from tests.real.tracing import STRACE

pytest_plugins = ("tests.real.runner_fixtures",)


@pytest.fixture
def bad(
    decrypt_run: Runs, scratch: Path, sealed: Sealed, write: Writes
) -> Callable[..., tuple[int, str]]:
    """``bad(*argv, script=, **env)`` has to run nothing and decrypt nothing; status and stderr."""
    sealed("my_api_key", VALUE)

    def run(*argv: str, script: str | bytes = "print('started')", **env: str) -> tuple[int, str]:
        write(script)
        trace = ["/usr/bin/strace", "-f", "-qq", "-e", "trace=execve", "-o", "/tmp/trace"]
        finished = decrypt_run(*argv, env=env, cwd=scratch, before=trace)
        traced = Path("/tmp/trace").read_text()
        Path("/tmp/trace").unlink()
        assert "systemd-creds" not in traced
        assert finished.out == ""
        lines = finished.err.splitlines()
        assert [line.split(": ")[:2] for line in lines] == [
            ["credhelper-decrypt-run", "error"],
            ["credhelper-decrypt-run", "hint"],
        ]
        return finished.status, lines[0].removeprefix("credhelper-decrypt-run: error: ")

    return run


BLOCK = "# /// script\n# [tool.credhelper]\n# {}\n# ///\n"
REQUIRING = "# /// script\n# requires-python = '{}'\n# ///\n"


@pytest.mark.parametrize(
    ("argv", "status", "problem"),
    [
        ([], 125, "no script is given"),
        (["--bogus", "script.py"], 125, "unknown option '--bogus'"),
        (["-c", "a", "-c", "a", "script.py"], 125, "-c a is there twice"),
        (["-c", "a/b", "script.py"], 125, "name after -c holds '/'"),
        (["-e", "1X=a", "script.py"], 125, "'1X' is no name of a variable"),
        (["--user", "x", "--as-invoking-user", "script.py"], 125, "exclude one another"),
        (["--user", "nobody-here", "script.py"], 125, "there is no user 'nobody-here'"),
        (["--user", "", "script.py", "x"], 125, "--user needs NAME"),
        (["--as-invoking-user", "script.py"], 125, "root is the invoking user"),
        (["--keep-environment", "PYTHONPATH", "script.py"], 125, "PYTHONPATH is never let through"),
        (["--python", "/usr/bin/absent", "script.py"], 127, "/usr/bin/absent is not there"),
        (["--python", "/tmp", "script.py"], 126, "/tmp is a directory"),
        (["--root-owned", "-"], 125, "cannot vouch for standard input"),
        (["-m", "absent.module"], 127, "there is no module absent.module"),
        (["absent.py"], 127, "absent.py is not there"),
        (["."], 126, ". is a directory"),
        (["/dev/null"], 126, "/dev/null is not a regular file"),
        (["script.py/x"], 126, "Not a directory"),
    ],
)
def test_bad_command_lines(
    argv: list[str], status: int, problem: str, bad: Callable[..., tuple[int, str]]
) -> None:
    found = bad(*argv)
    assert found[0] == status
    assert problem in found[1]


@pytest.mark.parametrize(
    ("script", "status", "problem"),
    [
        (BLOCK.format("credentials = 'a'"), 125, "credentials is not a list"),
        (BLOCK.format("credentials = ["), 125, "the script's metadata block: "),
        (BLOCK.format("environment = { 'A-B' = 'a' }"), 125, "'A-B' is no name of a variable"),
        (BLOCK.format("key = 1"), 125, "unknown key 'key'"),
        (REQUIRING.format(">=3.99"), 125, "the script needs Python >=3.99, and /"),
        (REQUIRING.format("3.99"), 125, "requires-python is not understood: 3.99"),
        (f"{BLOCK.format('')}\n{BLOCK.format('')}", 125, "there are two script metadata blocks"),
        (BLOCK.format("").replace("# ///\n", ""), 125, "it is not closed"),
        (b"# /// script\n# [tool.credhelper]\n# \xff\n# ///\n", 125, "metadata block"),
        ("#!\n", 125, "names no interpreter"),
        ("#!/usr/bin/absent\n", 127, "the interpreter /usr/bin/absent is not there"),
        ("#!/usr/bin/env absent\n", 127, "there is no program 'absent'"),
        ("#!/usr/bin/python3\r\n", 127, "/usr/bin/python3\\r is not there"),
        ("#!/tmp/scratch/program\n", 126, "program may be written by others"),
        ("#!/tmp/scratch/hers\n", 126, "hers belongs to alice"),
        ("#!/etc/passwd\n", 126, "may not be executed"),
    ],
)
def test_bad_scripts(
    script: str | bytes,
    status: int,
    problem: str,
    bad: Callable[..., tuple[int, str]],
    write: Writes,
    users: None,
) -> None:
    assert users is None
    write("#!/bin/sh\n", "program", 0o777)
    os.chown(write("#!/bin/sh\n", "hers"), ALICE.uid, ALICE.uid)
    found = bad("script.py", script=script)
    assert found[0] == status
    assert problem in found[1]


@pytest.mark.parametrize("uid", ["4999", "", "x", "-1", "4294967295", "9" * 5000, "٣"])
@pytest.mark.parametrize("option", [[], ["--as-invoking-user"]])
def test_an_invoking_user_that_is_none(
    uid: str, option: list[str], bad: Callable[..., tuple[int, str]]
) -> None:
    status, problem = bad(*option, "script.py", SUDO_UID=uid)
    assert status == 125
    assert problem.startswith(("SUDO_UID", "there is no user with the id"))


def test_without_root(write: Writes, users: None) -> None:
    assert users is None
    script = write("print('started')")
    finished = ALICE.run([*launcher("credhelper-decrypt-run"), "-c", "key", str(script)])
    assert finished.status == 125
    assert finished.out == ""
    assert finished.err == (
        "credhelper-decrypt-run: error: credhelper-decrypt-run needs root\n"
        f"credhelper-decrypt-run: hint: sudo credhelper-decrypt-run -c key {script}\n"
    )


def test_without_isolation(write: Writes, environment: dict[str, str]) -> None:
    script = write("print('started')")
    program = launcher("credhelper-decrypt-run")[-1]
    finished = subprocess.run(
        [sys.executable, program, str(script)], env=environment, capture_output=True, check=False
    )
    assert finished.returncode == 125
    assert b"started without python3 -I" in finished.stderr


@pytest.mark.parametrize("place", ["script.py", ".", ".."])
@pytest.mark.parametrize("how", ["hers", "0666", "0664"])
def test_what_others_could_have_written(
    place: str, how: str, write: Writes, decrypt_run: Runs, scratch: Path, users: None
) -> None:
    """Neither the script nor a directory above it."""
    assert users is None
    script = write("print('started')", "jobs/deep/script.py")
    path = (scratch / "jobs/deep" / place).resolve()
    if how == "hers":
        os.chown(path, ALICE.uid, ALICE.uid)
    else:
        path.chmod(int(how, 8) | (0o111 if path.is_dir() else 0))
    for option in ([], ["--root-owned"]):
        finished = decrypt_run(*option, str(script))
        assert (finished.status, finished.out) == (126, "")
        assert str(path) in finished.err
    mine = decrypt_run(str(script), env={"SUDO_UID": str(ALICE.uid)})
    assert mine.status == (0 if how == "hers" else 126)
    assert decrypt_run("--root-owned", str(script), env={"SUDO_UID": str(ALICE.uid)}).status == 126


def test_standard_input_that_cannot_be_read(decrypt_run: Runs) -> None:
    setup = (
        "import os, sys\n"
        "os.dup2(os.open('/dev/null', os.O_WRONLY), 0)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    finished = decrypt_run("-", before=[sys.executable, "-I", "-c", setup])
    assert (finished.status, finished.out) == (125, "")
    assert len(finished.err.splitlines()) == 2


def test_without_credentials_nothing_is_mounted(write: Writes, decrypt_run: Runs) -> None:
    script = write("print('started')")
    drop = ["/usr/bin/setpriv", "--bounding-set=-sys_admin"]
    assert decrypt_run(str(script), before=drop).out == "started\n"


def test_a_container_that_may_not_mount(sealed: Sealed, write: Writes, decrypt_run: Runs) -> None:
    sealed("my_api_key", VALUE)
    script = write("print('started')")
    drop = ["/usr/bin/setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"]
    finished = decrypt_run("-c", "my_api_key", str(script), before=drop)
    assert (finished.status, finished.out) == (125, "")
    assert finished.err == (
        "credhelper-decrypt-run: error: the credentials directory cannot be made: "
        "fsopen: Operation not permitted\n"
        "credhelper-decrypt-run: hint: it needs CAP_SYS_ADMIN, which containers often lack: "
        "run it on the host\n"
    )


def test_help_and_version(decrypt_run: Runs) -> None:
    shown = decrypt_run("--help", "anything")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("usage: credhelper-decrypt-run [OPTION...] (SCRIPT | - | -m MODULE")
    assert decrypt_run("--version").out == f"credhelper-decrypt-run {VERSION}\n"


def test_a_script_from_standard_input(sealed: Sealed, decrypt_run: Runs) -> None:
    sealed("my_api_key", VALUE)
    script = "from credhelper import load; import sys; print(load('my_api_key'), sys.argv)"
    finished = decrypt_run("-c", "my_api_key", "-", "x", input=script)
    assert finished.out == "[credential my_api_key] ['-', 'x']\n"


def test_out_of_memory(decrypt_run: Runs, scratch: Path) -> None:
    script = scratch / "script.py"
    script.touch(0o644)
    os.truncate(script, 250 << 20)
    bound = [
        *("/usr/bin/prlimit", f"--as={200 << 20}"),
        *("/usr/bin/setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all"),
    ]
    finished = decrypt_run(str(script), before=bound)
    assert (finished.status, finished.out) == (125, "")
    assert finished.err.startswith("credhelper-decrypt-run: error: out of memory\n")


@pytest.mark.usefixtures("users")
def test_what_has_no_memory_is_named(write: Writes, decrypt_run: Runs) -> None:
    script = write("#!/bin/sh\necho ran\n", "hers.sh")
    os.chown(script, ALICE.uid, ALICE.uid)
    before = [STRACE, "-qqq", "-o/dev/null", "--trace=memfd_create"]
    before.append("--inject=memfd_create:error=ENOMEM")
    finished = decrypt_run(
        "--no-mask", str(script), before=before, env={"SUDO_UID": str(ALICE.uid)}, measured=False
    )
    assert (finished.status, finished.out) == (125, "")
    assert finished.err.splitlines()[-2:] == [
        "credhelper-decrypt-run: error: a file in memory: Cannot allocate memory",
        "credhelper-decrypt-run: hint: free memory or descriptors (ulimit -a), then try again",
    ]


def test_a_file_system_that_somebody_else_brought(
    write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    from tests.real import namespace

    place = scratch / "medium"
    place.mkdir()
    namespace.mount("tmpfs", str(place), "tmpfs", 2, "mode=0755")  # MS_NOSUID
    try:
        script = write("print('ran')", "medium/script.py")
        refused = decrypt_run("--root-owned", str(script))
        assert refused.status == 126
        assert refused.err.splitlines() == [
            f"credhelper-decrypt-run: error: {script} is on a file system mounted nosuid, "
            "whose owners mean nothing",
            "credhelper-decrypt-run: hint: copy it to one mounted without nosuid",
        ]
        with pytest.raises(Untrusted) as caught:
            trust.open_file(str(script), trust.ROOT_ALONE)
        assert caught.value.moved == ""  # no mode or owner helps
        assert decrypt_run(str(script)).out == "ran\n"
    finally:
        namespace.unmount(str(place))


def test_no_new_keyring(write: Writes, decrypt_run: Runs, users: None) -> None:
    """The kernel gives none, and the caller's is not to be kept."""
    assert users is None
    script = write("print('started')")
    strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=keyctl"]
    finished = decrypt_run(
        *("--user", "alice", str(script)), before=[*strace, "-e", "inject=keyctl:error=EDQUOT"]
    )
    assert (finished.status, finished.out) == (125, "")
    assert "the keys of the caller's session cannot be left: keyctl: Disk quota" in finished.err


def test_a_user_who_cannot_be_become(write: Writes, decrypt_run: Runs, users: None) -> None:
    """The kernel refuses the change of user: nothing runs as who was to be left."""
    assert users is None
    script = write("print('started')")
    strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=setresuid"]
    finished = decrypt_run(
        *("--user", "alice", str(script)), before=[*strace, "-e", "inject=setresuid:error=EAGAIN"]
    )
    assert (finished.status, finished.out) == (125, "")
    assert "cannot become alice" in finished.err

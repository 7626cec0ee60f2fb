"""Which credentials a run gets, how they reach the script, and what it is told if one does not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from credhelper import audit
from credhelper.version import VERSION
from tests.real.conftest import STORE, Record, Runs, launcher
from tests.real.running import ALICE, VALUE, Writes, nothing_left

pytest_plugins = ("tests.real.runner_fixtures",)

Sealed = Callable[..., Path]
DECLARING = """\
    # /// script
    # requires-python = ">=3.11"
    # [tool.credhelper]
    # credentials = ["my_api_key"]
    # environment = { API_KEY = "my_api_key" }
    # ///
"""


def test_declared_ones_are_there_without_decrypting_again(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    path = sealed("my_api_key", VALUE)
    sealed("other", "other-value")
    script = write(
        DECLARING
        + f"""\
    import os, credhelper
    os.unlink({str(path)!r})
    directory = os.environ["CREDENTIALS_DIRECTORY"]
    print(sorted(os.listdir(directory)))
    print(credhelper.load("my_api_key") == os.environ["API_KEY"] == {VALUE!r})
    print(open(directory + "/my_api_key").read() == {VALUE!r})
    print(os.environ["OTHER"] == credhelper.load("other") == "other-value")
    print(oct(os.stat(directory).st_mode), oct(os.stat(directory + "/other").st_mode))
    try:
        open(directory + "/new", "w")
    except OSError as error:
        print(error.strerror)
    """
    )
    finished = decrypt_run("-e", "OTHER=other", str(script))
    assert finished.err == ""
    assert finished.out.splitlines() == [
        "['my_api_key', 'other']",
        "True",
        "True",
        "True",
        "0o40700 0o100400",
        "Read-only file system",
    ]


def test_with_a_directory_of_dummies_plain_python_does_the_same(
    sealed: Sealed, write: Writes, decrypt_run: Runs, environment: dict[str, str], scratch: Path
) -> None:
    """So that a script can be tried without root and without systemd."""
    sealed("my_api_key", "dummy")
    (scratch / "dummies").mkdir()
    (scratch / "dummies/my_api_key").write_text("dummy")
    script = write(
        DECLARING
        + """\
    import os
    from credhelper import CredentialNotFound, load
    with open(os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key") as file:
        print(len(load("my_api_key")), file.read() == load("my_api_key"))
    try:
        load("absent")
    except CredentialNotFound as error:
        print(error)
    """
    )
    plain = subprocess.run(
        [sys.executable, str(script)],
        env=environment | {"CREDENTIALS_DIRECTORY": str(scratch / "dummies")},
        capture_output=True,
        check=False,
    )
    assert plain.stdout.startswith(b"5 True\ncredential absent is not in $CREDENTIALS_DIRECTORY")
    assert decrypt_run(str(script)).stdout == plain.stdout


def test_a_script_written_for_systemd_creds_runs_unchanged(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write(
        """\
        import subprocess
        path = "/etc/credstore.encrypted/my_api_key"
        argv = ["systemd-creds", "decrypt", "--newline=no", path, "-"]
        key = subprocess.run(argv, check=True, capture_output=True).stdout
        print(len(key))
        """
    )
    assert decrypt_run(str(script)).out == f"{len(VALUE)}\n"


def test_undeclared_ones_are_decrypted_on_demand(
    sealed: Sealed, write: Writes, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    sealed("my_api_key", VALUE)
    script = write(
        f"""\
        from credhelper import load
        print(load("my_api_key") == {VALUE!r}, load("my_api_key"))
        """
    )
    journal(1).clear()
    finished = decrypt_run(str(script), env={"SUDO_USER": "alice"})
    assert finished.out == "True [credential my_api_key]\n"
    run, demand = journal(2)
    assert run["MESSAGE"] == f"alice runs {script} as root with no declared credentials"
    assert demand["MESSAGE"] == f"{script} loads my_api_key for alice"
    assert demand["CREDHELPER_CREDENTIALS"] == "my_api_key"
    assert demand["CREDHELPER_SCRIPT_SHA256"] == run["CREDHELPER_SCRIPT_SHA256"]


def test_every_missing_one_is_named_at_once(
    sealed: Sealed, write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    sealed("here", VALUE)
    script = write(DECLARING + "    open('started', 'w')\n")
    finished = decrypt_run("-c", "here", "-c", "gone", str(script), cwd=scratch)
    assert finished.status == 125
    assert finished.out == ""
    assert finished.err == (
        "credhelper: error: there is no credential my_api_key, gone\n"
        "credhelper: hint: sudo credhelper add my_api_key && sudo credhelper add gone\n"
    )
    assert not (scratch / "started").exists()


def test_one_that_does_not_decrypt_stops_the_run(
    sealed: Sealed, write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    sealed("good", VALUE)
    sealed("my_api_key", VALUE).rename(STORE / "renamed")
    script = write("open('started', 'w')\n")
    finished = decrypt_run("-c", "good", "-c", "renamed", str(script), cwd=scratch)
    assert finished.status == 125
    assert "credential renamed was sealed under another name" in finished.err
    assert VALUE not in finished.err
    assert not (scratch / "started").exists()


def test_the_null_key_has_to_be_asked_for(
    credhelper: Runs, write: Writes, decrypt_run: Runs
) -> None:
    assert credhelper("add", "open", "--with-key=null", input="not a secret").status == 0
    script = write("from credhelper import load; print(len(load('open')))")
    refused = decrypt_run("-c", "open", str(script))
    assert refused.status == 125
    assert "null key" in refused.err
    assert decrypt_run("--allow-null", "-c", "open", str(script)).out == "12\n"


def test_a_variable_cannot_hold_a_zero_byte(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("binary", b"a\0secret")
    for text in ("print('started')", "#!/bin/sh\necho started"):
        finished = decrypt_run("-e", "X=binary", str(write(text)))
        assert (finished.status, finished.out) == (125, "")
        assert "credential binary holds a zero byte" in finished.err
        assert "secret" not in finished.err


def test_values_of_every_byte_arrive_whole(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    value = bytes(range(1, 256)) * 3
    sealed("binary", value)
    script = write(
        """\
        import os, sys, credhelper
        value = credhelper.load_bytes("binary")
        assert value == os.environb[b"X"] == bytes(range(1, 256)) * 3
        """
    )
    assert decrypt_run("-e", "X=binary", str(script)).err == ""


def test_a_store_that_others_could_have_written(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write("print('started')")
    STORE.chmod(0o777)
    finished = decrypt_run("-c", "gone", "-c", "my_api_key", str(script))
    assert (finished.status, finished.out) == (125, "")
    assert str(STORE) in finished.err


def test_a_value_too_short_to_mask_is_reported(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("pin", "123")
    script = write("from credhelper import load; print(load('pin'))")
    finished = decrypt_run("-c", "pin", str(script))
    assert finished.out == "123\n"
    assert finished.err == "credhelper: note: too short to be masked: pin\n"


# ---- the directory, the variables and the command line ----


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


CHILDREN = """\
    import os, subprocess, sys
    path = os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key"
    number = os.spawnl(os.P_WAIT, "/usr/bin/test", "test", "-r", path)
    print("inherits:", number)
    print("closes:", subprocess.run(["/usr/bin/test", "-r", path]).returncode)
    keep = [int(os.environ["CREDENTIALS_DIRECTORY"].rpartition("/")[2])] if "fd" in path else []
    print("passed on:", subprocess.run(["/usr/bin/test", "-r", path], pass_fds=keep).returncode)
    print("path:", os.environ["CREDENTIALS_DIRECTORY"])
    print("mounts:", open("/proc/self/mountinfo").read().count("ramfs"))
    """


def test_children_that_inherit_the_descriptor_see_the_directory(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    lines = decrypt_run("-c", "my_api_key", str(write(CHILDREN))).out.splitlines()
    assert lines[:3] == ["inherits: 0", "closes: 1", "passed on: 0"]
    assert re.fullmatch(r"path: /proc/self/fd/\d+", lines[3])
    assert lines[4] == "mounts: 0"


@pytest.mark.parametrize("there", [True, False])
def test_shared_with_children_that_close_descriptors(
    there: bool, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    directory = Path("/run/credentials")
    if directory.exists():
        directory.rmdir()
    if there:
        directory.mkdir(0o755)
    sealed("my_api_key", VALUE)
    before = Path("/proc/self/mountinfo").read_text()
    finished = decrypt_run("--share-with-children", "-c", "my_api_key", str(write(CHILDREN)))
    assert finished.out.splitlines() == [
        "inherits: 0",
        "closes: 0",
        "passed on: 0",
        "path: /run/credentials",
        "mounts: 1",
    ]
    assert Path("/proc/self/mountinfo").read_text() == before
    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o7777 == 0o755


def test_a_run_without_credentials_has_no_directory(write: Writes, decrypt_run: Runs) -> None:
    script = write("import os; print(os.environ.get('CREDENTIALS_DIRECTORY'))")
    finished = decrypt_run(str(script), env={"CREDENTIALS_DIRECTORY": "/tmp"})
    assert finished.out == "None\n"


KINDS = {
    "in-process": "import sys; print('ready', flush=True); sys.stdin.read()",
    "venv": "#!/tmp/scratch/venv/bin/python3\nprint('ready', flush=True); input()",
    "bash": "#!/bin/bash\necho ready; read",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [[], ["--share-with-children"]])
def test_a_killed_run_leaves_nothing(
    kind: str,
    share: list[str],
    sealed: Sealed,
    write: Writes,
    environment: dict[str, str],
    environment_of_venv: Path,
    nowhere: Callable[[bytes], None],
) -> None:
    sealed("my_api_key", VALUE)
    assert environment_of_venv.exists()
    Path("/run/credentials").mkdir(exist_ok=True)
    script = write(KINDS[kind])
    before = nothing_left()
    with subprocess.Popen(
        [*launcher("credhelper-decrypt-run"), *share, "-e", "K=my_api_key", str(script)],
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
            finished = decrypt_run("-e", "K=my_api_key", str(write(text)), "{my_api_key}")
            assert (finished.status, finished.err) == (0, "")
    finally:
        done.set()
        thread.join()
    assert any(b"/proc/self/fd/" in line and b"/my_api_key" in line for line in seen)
    assert any(b"systemd-creds" in line for line in seen)
    assert not [line for line in seen if VALUE.encode() in line]


# ---- what stops it ----


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
            ["credhelper", "error"],
            ["credhelper", "hint"],
        ]
        return finished.status, lines[0].removeprefix("credhelper: error: ")

    return run


BLOCK = "# /// script\n# [tool.credhelper]\n# {}\n# ///\n"


@pytest.mark.parametrize(
    ("argv", "status", "problem"),
    [
        ([], 125, "no script is given"),
        (["--bogus", "script.py"], 125, "unknown option '--bogus'"),
        (["-c", "a", "-c", "a", "script.py"], 125, "-c a is there twice"),
        (["-c", "a/b", "script.py"], 125, "a/b"),
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
        "credhelper: error: credhelper-decrypt-run needs root\n"
        f"credhelper: hint: sudo credhelper-decrypt-run -c key {script}\n"
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
        "credhelper: error: the credentials directory cannot be made: "
        "fsopen: Operation not permitted\n"
        "credhelper: hint: it needs CAP_SYS_ADMIN, which containers often lack: "
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
    assert finished.err.startswith("credhelper: error: out of memory\n")


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
        assert "mounted nosuid" in refused.err
        assert decrypt_run(str(script)).out == "ran\n"
    finally:
        namespace.unmount(str(place))


# ---- what is said of it ----


def test_a_run_is_recorded(
    sealed: Sealed,
    write: Writes,
    decrypt_run: Runs,
    journal: Callable[[int], list[Record]],
    users: None,
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    script = write("#!/bin/bash\nexit 3\n", "with a\nnewline.sh")
    journal(1).clear()
    options = ["--user", "bob", "-c", "my_api_key"]
    assert decrypt_run(*options, str(script), env={"SUDO_USER": "alice"}).status == 3
    (record,) = journal(1)
    assert record["MESSAGE_ID"] == "7c1f3a52e0d94b0d8a6e5f1b92c4d3e7"
    assert record["CREDHELPER_CREDENTIALS"] == "my_api_key"
    assert record["CREDHELPER_SCRIPT"] == str(script)
    assert len(record["CREDHELPER_SCRIPT_SHA256"]) == 64
    assert record["CREDHELPER_INVOKING_USER"] == "alice"
    assert record["CREDHELPER_RUN_AS"] == "bob"
    assert record["CREDHELPER_INTERPRETER"] == "/bin/bash"
    assert VALUE not in str(record)


def test_a_refusal_is_recorded(
    write: Writes, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    script = write("", mode=0o666)
    decrypt_run("-c", "key", str(script), env={"SUDO_USER": "alice"})
    (record,) = journal(1)
    assert record["MESSAGE_ID"] == "2b9d64c8f1534ae7b0c2a7d95e3f8161"
    assert record["PRIORITY"] == "4"
    assert record["CREDHELPER_CREDENTIALS"] == "key"
    assert record["CREDHELPER_REASON"] == f"{script} may be written by others (mode 0666)"


def test_without_a_journal_it_says_so_once_and_goes_on(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write("from credhelper import load; print(len(load('my_api_key')))")
    path = Path("/run/systemd/journal/socket")
    path.rename(path.with_name("away"))
    try:
        finished = decrypt_run(str(script))
    finally:
        path.with_name("away").rename(path)
    assert finished.out == f"{len(VALUE)}\n"
    assert finished.err == (
        "credhelper: note: not recorded in the journal: systemd-journald is not running\n"
    )


def test_the_record_of_a_python_without_systemds_module(
    journal: Callable[[int], list[Record]],
) -> None:
    """Any value arrives whole, also one of several lines."""
    audit._send(b"MESSAGE=one", b"CREDHELPER_SCRIPT=/tmp/a\nb=c", b"EMPTY=")
    assert journal(1) == [{"MESSAGE": "one", "CREDHELPER_SCRIPT": "/tmp/a\nb=c", "EMPTY": ""}]


def test_a_dry_run_shows_the_plan_and_runs_nothing(
    sealed: Sealed, write: Writes, decrypt_run: Runs, users: None
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    sealed("moved", VALUE).rename(STORE / "renamed")
    script = write(DECLARING + "    open('/tmp/scratch/started', 'w')\n")
    good = decrypt_run("--dry-run", "--root-owned", "--user", "alice", str(script))
    assert (good.status, good.err) == (0, "")
    for line in (
        f"script:      {script}",
        "trust:       can be written by root alone only",
        "user:        alice (user id 4201)",
        "credential:  my_api_key: decrypts",
        "variable:    API_KEY from my_api_key",
    ):
        assert line in good.out.splitlines()
    assert "(in-process: no #! line: Python)" in good.out
    bad = decrypt_run("--dry-run", "-c", "renamed", "-c", "gone", str(script))
    assert bad.status == 125
    assert "credential:  my_api_key: decrypts" in bad.out
    assert "renamed: credential renamed was sealed under another name" in bad.out
    assert "gone: there is no credential gone" in bad.out
    assert VALUE not in good.out + bad.out
    assert "none declared" in decrypt_run("--dry-run", str(write("", "empty.py"))).out
    assert not Path("/tmp/scratch/started").exists()

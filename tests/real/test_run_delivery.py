# SPDX-License-Identifier: MIT
"""How credentials reach a script, and what is left of them when it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import credhelper
from tests.real.conftest import Runs, launcher
from tests.real.running import VALUE, Sealed, Writes, nothing_left

pytest_plugins = ("tests.real.runner_fixtures",)

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


@pytest.mark.parametrize("share", [True, False])
def test_a_child_that_closed_the_directory_is_told_what_it_needs(
    share: bool, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    store = sealed("my_api_key", VALUE)
    script = write(  # without the store, as for a child that is not root
        f"""\
        import os, subprocess
        os.unlink({str(store)!r})
        code = "import sys; sys.path.append({SOURCE!r}); import credhelper; "
        code += "credhelper.load('my_api_key')"
        run = subprocess.run(["/usr/bin/python3", "-I", "-c", code], stderr=subprocess.PIPE)
        print(run.returncode, run.stderr.decode())
        """
    )
    options = ["--share-with-children"] if share else []
    out = decrypt_run(*options, "-c", "my_api_key", str(script)).out
    assert out.startswith("0 \n" if share else "1 Traceback")
    assert share == ("credhelper-decrypt-run --share-with-children" not in out)


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


@pytest.mark.parametrize("first", ["", "#!/tmp/scratch/venv/bin/python3\n"])
def test_no_frame_below_the_script_has_a_value_for_reports_to_show(
    first: str, sealed: Sealed, write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    assert environment_of_venv.exists()
    sealed("my_api_key", VALUE)
    script = write(
        first + "import inspect, os\n"
        "below = [frame.frame.f_locals for frame in inspect.stack()[1:]]\n"
        "print(len(below) > 3, [n for f in below for n in f if os.environ['K'] in repr(f[n])])\n"
    )
    finished = decrypt_run("--no-mask", "-e", "K=my_api_key", str(script))
    assert finished.out == "True []\n", finished.err


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

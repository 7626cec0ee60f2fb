# SPDX-License-Identifier: MIT
"""Scripts that are not Python: what their interpreter reads, and what of it is on record."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import Record, Runs, launcher
from tests.real.running import ALICE, VALUE, Sealed, Writes

pytest_plugins = ("tests.real.runner_fixtures",)

IN_CLOSE_NOWRITE = 0x10
ROUNDS = 10
HERS = {"SUDO_USER": "alice", "SUDO_UID": str(ALICE.uid), "SUDO_GID": str(ALICE.uid)}
SHELLS = ("/bin/bash", "/bin/sh", "/bin/bash -eu", "/usr/bin/env -S bash -e")


@pytest.fixture
def of_alice(write: Writes, users: None) -> Callable[..., Path]:
    """``of_alice(text, name)`` writes a script of alice's, in a directory of hers."""
    assert users is None

    def writes(text: str, name: str = "hers/script") -> Path:
        path = write(text, name)
        for one in (path, path.parent):
            os.chown(one, ALICE.uid, ALICE.uid)
        return path

    return writes


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_on_record_is_what_ran(
    shell: str,
    sealed: Sealed,
    of_alice: Callable[..., Path],
    environment: dict[str, str],
    journal: Callable[[int], list[Record]],
) -> None:
    """Another script takes its place as soon as the runner has read it."""
    sealed("my_api_key", VALUE)
    good = f"#!{shell}\necho good\n"
    evil = of_alice(f"#!{shell}\ncat $CREDENTIALS_DIRECTORY/my_api_key\n", "hers/evil")
    libc = ctypes.CDLL(None)
    for _ in range(ROUNDS):
        script = of_alice(good)
        journal(1).clear()
        watch = libc.inotify_init1(os.O_CLOEXEC)
        libc.inotify_add_watch(watch, os.fsencode(script), IN_CLOSE_NOWRITE | 1)  # IN_ACCESS
        with subprocess.Popen(
            [
                *launcher("credhelper-decrypt-run"),
                "--as-invoking-user",
                "-c",
                "my_api_key",
                str(script),
            ],
            env=environment | HERS,
            stdout=subprocess.PIPE,
        ) as process:
            os.read(watch, 4096)
            os.link(evil, f"{script}.new")
            os.rename(f"{script}.new", script)
            assert process.stdout
            assert process.stdout.read() == b"good\n"
        os.close(watch)
        script.unlink()
        (record,) = journal(1)
        assert record["CREDHELPER_SCRIPT_SHA256"] == hashlib.sha256(good.encode()).hexdigest()
        assert "CREDHELPER_SCRIPT_READ" not in record


LOOKS = """\
set -- "$@" more
echo "$0|$*|$LINENO|$(dirname "$0")"
read -r word
echo "$word"
cat <<X
$0 again
X
trap 'echo "ends with $?"' EXIT
exit 3
what is here no shell )( reads
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_finds_the_script_as_ever(
    shell: str, of_alice: Callable[..., Path], decrypt_run: Runs
) -> None:
    script = of_alice(f"#!{shell}\n{LOOKS}")
    plain = subprocess.run(
        [str(script), "one", "two"], input=b"typed\n", capture_output=True, check=False
    )
    finished = decrypt_run(str(script), "one", "two", input="typed\n", env=HERS)
    assert plain.returncode == 3
    assert (finished.status, finished.stdout) == (plain.returncode, plain.stdout)
    assert plain.stderr == b""
    note, hint = finished.err.splitlines()  # nothing is declared or given
    assert note.startswith("credhelper-decrypt-run: note: ")
    assert hint.startswith("credhelper-decrypt-run: hint: ")


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
@pytest.mark.parametrize(
    "text", ["absent-command\n", "f() { return 7; }\nf\n", "cat <&9\n", "a b )"]
)
def test_a_script_that_fails_does_so_as_ever(
    shell: str, text: str, of_alice: Callable[..., Path], decrypt_run: Runs
) -> None:
    script = of_alice(f"#!{shell}\n{text}")
    plain = subprocess.run([str(script)], capture_output=True, check=False)
    finished = decrypt_run(str(script), env=HERS)
    assert finished.status == plain.returncode
    assert str(script) in finished.err or not plain.stderr


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/bash\necho ${BASH_SOURCE[0]}\n",
        "#!/bin/bash -\necho $0\n",
        '#!/usr/bin/perl\nprint "$0\\n"',
    ],
)
def test_what_has_to_be_opened_by_name_is_on_record_as_such(
    text: str,
    of_alice: Callable[..., Path],
    write: Writes,
    decrypt_run: Runs,
    journal: Callable[[int], list[Record]],
) -> None:
    script = of_alice(text)
    assert decrypt_run(str(script), env=HERS).out == f"{script}\n"
    (record,) = journal(1)
    assert record["CREDHELPER_SCRIPT_READ"] == "again"
    journal(1).clear()
    of_root = write(text)  # whom nobody can forestall
    assert decrypt_run(str(of_root), env=HERS).out == f"{of_root}\n"
    (record,) = journal(1)
    assert "CREDHELPER_SCRIPT_READ" not in record

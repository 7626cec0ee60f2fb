# SPDX-License-Identifier: MIT
"""Mistaken command lines: following the hint solves it, and no value is repeated or recorded."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real import mistakes
from tests.real.conftest import STORE, Finished, Record, Runs
from tests.real.mistakes import Mistake
from tests.real.running import Writes

pytest_plugins = ("tests.real.runner_fixtures",)
VALUE = "sk-live-ONLINE0123456789"


@pytest.fixture
def there(sealed: Callable[..., Path], write: Writes) -> Path:
    """A credential and a script; the script's path."""
    sealed("my_api_key", "value")
    return write("print('ran')", "report.py")


@pytest.fixture
def typed(credhelper: Runs, decrypt_run: Runs, scratch: Path) -> Callable[[str], Finished]:
    """``typed(line)`` runs what a person types, with a value to read where there is one."""

    def run(line: str) -> Finished:
        program, *words = shlex.split(line)
        if program == "credhelper":
            return credhelper(*words, cwd=scratch, input="API_KEY=dummy-0123456789abcdef\n")
        if program == "credhelper-decrypt-run":
            return decrypt_run(*words, cwd=scratch)
        finished = subprocess.run([program, *words], cwd=scratch, capture_output=True, check=False)
        return Finished(finished.returncode, finished.stdout, finished.stderr)

    return run


@pytest.mark.parametrize("mistake", mistakes.mistakes(), ids=lambda mistake: mistake.typed)
def test_following_the_hint_solves_it(
    mistake: Mistake, typed: Callable[[str], Finished], write: Writes
) -> None:
    shutil.rmtree("/etc/credhelper", ignore_errors=True)
    mistakes.set_up(write)
    finished = typed(mistake.typed)
    speaker = mistake.typed.split()[0]
    assert finished.err.splitlines() == [
        f"{speaker}: error: {mistake.error}",
        f"{speaker}: hint: {mistake.hint}",
    ]
    assert (finished.status, finished.out) == (mistake.status, "")
    assert mistakes.ungiven(mistake) == []
    for command in mistake.then:
        followed = typed(command)
        assert followed.status == 0, followed.err
        assert ": error: " not in followed.err
    if mistake.then[-1].startswith("credhelper-decrypt-run") and "--" not in mistake.then[-1]:
        assert followed.out == "ran\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("credhelper log my_api_kye", "hint: did you mean my_api_key?"),
        ("credhelper allow my_api_kye --script report.py", "hint: did you mean my_api_key?"),
        ("credhelper-decrypt-run report.py -c my_api_key", "did you mean -c my_api_key before it?"),
        ("credhelper-decrypt-run -c my_api_key echo {my_api_kye}", "did you mean {my_api_key}?"),
    ],
)
def test_what_may_be_meant_otherwise_is_noted(
    line: str, told: str, there: Path, typed: Callable[[str], Finished]
) -> None:
    assert there.exists()
    finished = typed(line)
    assert finished.status == 0
    assert told in finished.err


@pytest.mark.parametrize(
    "argv",
    [
        ["-e", f"API_KEY={VALUE}", "report.py"],
        ["-e", f"API_KEY={VALUE}+/==", "report.py"],
        ["-c", VALUE, "report.py"],
        ["-c", f"my_api_key={VALUE}", "report.py"],
        ["-e", VALUE, "report.py"],
    ],
)
def test_the_runner_repeats_and_records_no_value(
    argv: list[str],
    there: Path,
    decrypt_run: Runs,
    scratch: Path,
    machine_records: list[Record],
) -> None:
    assert there.exists()
    finished = decrypt_run(*argv, cwd=scratch)
    assert finished.status == 125
    assert VALUE not in finished.err + str(machine_records)
    assert "history" in finished.err or argv == ["-e", VALUE, "report.py"]


@pytest.mark.parametrize(
    "argv",
    [
        ["add", "my_new_key", VALUE],
        ["add", VALUE],
        ["put", "my_new_key", VALUE],
        ["put", VALUE],
        ["rotate", "my_api_key", VALUE],
        ["rotate", VALUE],
        ["add", "my_new_key", "--value", VALUE],
        ["add", "my_new_key", f"--stdin={VALUE}"],
        ["add", f"my_new_key={VALUE}"],
    ],
)
@pytest.mark.parametrize("root", [True, False], ids=["root", "nobody"])
def test_credhelper_repeats_and_records_no_value(
    argv: list[str],
    root: bool,
    there: Path,
    credhelper: Runs,
    machine_records: list[Record],
) -> None:
    assert there.exists()
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    before = [] if root else [*nobody, "/bin/sh", "-c", 'ulimit -Hc 0; "$@"', "sh"]
    finished = credhelper(*argv, input="x", before=before, measured=False)
    assert finished.status in (1, 2)
    assert VALUE not in finished.err + str(machine_records)
    if root:
        assert "history" in finished.err
    assert [path.name for path in STORE.iterdir()] == ["my_api_key"]


def test_bare(credhelper: Runs) -> None:
    finished = credhelper()
    assert (finished.status, finished.err) == (2, "")
    assert "values" in finished.out
    assert "sudo credhelper add my_api_key" in finished.out

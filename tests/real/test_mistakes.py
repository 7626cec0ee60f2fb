# SPDX-License-Identifier: MIT
"""Mistaken command lines: following the hint solves it, and no value is repeated or recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import STORE, Record, Runs
from tests.real.running import Writes

pytest_plugins = ("tests.real.runner_fixtures",)
VALUE = "sk-live-ONLINE0123456789"


@pytest.fixture
def there(sealed: Callable[..., Path], write: Writes) -> Path:
    """A credential and a script; the script's path."""
    sealed("my_api_key", "value")
    return write("print('ran')", "report.py")


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["-c", "my_api_kye", "report.py"], "did you mean my_api_key?"),
        (["-c", "my-api-key", "report.py"], "did you mean my_api_key?"),
        (["-e", "my_api_key=API_KEY", "report.py"], "did you mean -e API_KEY=my_api_key?"),
        (["-e", "my_api_key", "report.py"], "write it as -e API_KEY=my_api_key"),
        (["-c", "report.py"], "-c takes a credential's name before it: -c my_api_key report.py"),
        (["--credentials", "my_api_key", "report.py"], "did you mean --credential?"),
        (["--dryrun", "report.py"], "did you mean --dry-run?"),
        (["-c", "stripe_key", "report.py"], "add it: sudo credhelper add stripe_key"),
    ],
)
def test_the_runner(
    argv: list[str], hint: str, there: Path, decrypt_run: Runs, scratch: Path
) -> None:
    assert there.exists()
    finished = decrypt_run(*argv, cwd=scratch)
    assert finished.status == 125
    _, told = finished.err.splitlines()
    assert told.startswith(f"credhelper-decrypt-run: hint: {hint}")


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
    ("argv", "hint"),
    [
        (["lst"], "did you mean list?"),
        (["ls"], "did you mean list?"),
        (["rm", "my_api_key"], "did you mean remove?"),
        (["get", "my_api_key"], "a value is not shown: run a script with it"),
        (["run", "x.py"], "that is credhelper-decrypt-run"),
        (["list", "--verfy"], "did you mean --verify?"),
        (["list", "--jsn"], "did you mean --json?"),
        (["remove", "my_api_kye", "--yes"], "did you mean my_api_key?"),
        (["rotate", "my_api_kye"], "did you mean my_api_key?"),
        (["reseal", "my_api_kye"], "did you mean my_api_key?"),
        (["check", "my_api_kye"], "did you mean my_api_key?"),
        (["leaks", "--select", "my_api_kye"], "did you mean my_api_key?"),
        (["add"], "sudo credhelper add my_api_key"),
        (["--verify", "list"], "sudo credhelper list --verify"),
    ],
)
def test_credhelper(argv: list[str], hint: str, there: Path, credhelper: Runs) -> None:
    assert there.exists()
    finished = credhelper(*argv)
    assert finished.status in (1, 2)
    _, told = finished.err.splitlines()
    assert hint in told
    assert [path.name for path in STORE.iterdir()] == ["my_api_key"]


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

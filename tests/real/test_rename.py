# SPDX-License-Identifier: MIT
"""``credhelper rename`` and ``new``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import STORE, Record, Runs, unseal


def test_the_value_its_expiry_and_its_time_stay(
    credhelper: Runs, sealed: Callable[..., Path], journal: Callable[[int], list[Record]]
) -> None:
    path = sealed("old_name", "value", "--not-after=2039-02-03 04:05 UTC")
    os.utime(path, (1767225600, 1767225600))
    finished = credhelper("rename", "old_name", "new_name")
    assert finished.status == 0, finished.err
    assert finished.out == "renamed old_name to new_name\n"
    assert [entry.name for entry in STORE.iterdir()] == ["new_name"]
    assert unseal(STORE / "new_name") == b"value"
    assert (STORE / "new_name").stat().st_mtime == 1767225600
    assert "2039-02-03" in credhelper("list", "--verify").out
    assert journal(2)[1]["CREDHELPER_CREDENTIALS"] == "old_name new_name"


def test_nothing_is_overwritten(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("one", "1")
    sealed("two", "2")
    assert credhelper("rename", "one", "two").status == 1
    assert credhelper("rename", "absent", "three").status == 1
    assert unseal(STORE / "one") == b"1"
    assert unseal(STORE / "two") == b"2"


@pytest.mark.parametrize("name", ["report.py", "report.sh"])
def test_a_new_script_runs(
    name: str,
    credhelper: Runs,
    decrypt_run: Runs,
    sealed: Callable[..., Path],
    scratch: Path,
) -> None:
    sealed("my_api_key", "sk-1234567890")
    made = credhelper("new", name, "my_api_key", cwd=scratch, umask=0o022)
    assert made.status == 0, made.err
    assert made.out.endswith(f"sudo credhelper-decrypt-run {name}\n")
    finished = decrypt_run(name, cwd=scratch)
    assert finished.status == 0, finished.err
    assert finished.out == ("[credential my_api_key]\n" if name.endswith(".py") else "")
    again = credhelper("new", name, "my_api_key", cwd=scratch)
    assert (again.status, again.err.splitlines()[0]) == (
        1,
        f"credhelper: error: {name} is there already",
    )


def test_new_needs_no_root(credhelper: Runs, scratch: Path) -> None:
    scratch.chmod(0o777)
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    before = [*nobody, "/bin/sh", "-c", 'ulimit -Hc 0; "$@"', "sh"]
    made = credhelper("new", "x.py", "a", before=before, cwd=scratch, measured=False)
    assert made.status == 0, made.err
    compiled = subprocess.run(
        ["/usr/bin/python3", "-m", "py_compile", str(scratch / "x.py")], check=False
    )
    assert compiled.returncode == 0


def test_a_new_script_is_whole_or_not_there(credhelper: Runs, scratch: Path) -> None:
    before = ["/usr/bin/prlimit", "--fsize=10"]
    made = credhelper("new", "x.py", "a", before=before, cwd=scratch, measured=False)
    assert made.status == 1
    assert made.err.startswith("credhelper: error: x.py cannot be written: File too large\n")
    assert list(scratch.iterdir()) == []

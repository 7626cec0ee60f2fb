# SPDX-License-Identifier: MIT
"""The start of another Python: what it does with the plan that the runner hands over."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

import credhelper

SITE = str(Path(credhelper.__file__).parents[1])
START = f"""
import os, sys
sys.path.insert(0, {SITE!r})  # isolated, it would find an installed one alone
{{before}}
sys.argv = ["bootstrap.py", "0"]
from credhelper.commands.run import bootstrap
script = bootstrap.main()
script.function(*script.arguments)
"""


def start(tmp_path: Path, before: str = "", **changes: object) -> subprocess.CompletedProcess[str]:
    """Runs a plan in a Python of its own, which gets it as its standard input."""
    plan: dict[str, object] = {
        "source": b"",
        "path": "script.py",
        "directory": "/place",
        "arguments": ["one"],
        "form": "source",
        "names": ["my_api_key"],
        "variables": {"KEY": "my_api_key"},
        "masks": True,
        "record": {},
        "requires_python": ">=3.11",
        "real": "/place/script.py",
        "invoking": 0,
        "root_owned": False,
    }
    (tmp_path / "my_api_key").write_text("sk-1234")
    file = tmp_path / "plan"
    file.write_bytes(marshal.dumps(plan | changes, 2))
    with file.open("rb") as given:
        return subprocess.run(
            [sys.executable, "-I", "-c", START.format(before=before)],
            stdin=given,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)},
        )


def test_a_script(tmp_path: Path) -> None:
    source = b"import os, sys\nprint(sys.argv, sys.path[0], __name__, os.environ['KEY'])"
    finished = start(tmp_path, source=source)
    assert finished.stderr == ""
    assert finished.stdout == ("['script.py', 'one'] /place __main__ [credential my_api_key]\n")


def test_without_masking_or_credentials(tmp_path: Path) -> None:
    finished = start(tmp_path, source=b"print('sk-1234')", masks=False, names=[], variables={})
    assert finished.stdout == "sk-1234\n"


def test_a_module(tmp_path: Path) -> None:
    finished = start(tmp_path, form="module", path="json.tool", arguments=["--help"])
    assert finished.stdout.startswith("usage: ")


def test_the_package_is_found_at_the_end_of_the_path(tmp_path: Path) -> None:
    finished = start(tmp_path, source=b"import sys\nprint(sys.path[-1])")
    assert finished.stdout.endswith("/credhelper/commands/run/importable\n")


def test_what_is_decrypted_on_demand_is_recorded(tmp_path: Path) -> None:
    """Here: it is watched for, since nothing can be decrypted without root."""
    source = b"from credhelper import loading\nprint(len(loading._observers))"
    watching = [
        start(tmp_path, source=source, record=record).stdout
        for record in ({}, {"CREDHELPER_RUN": "x"})
    ]
    assert watching == ["1\n", "2\n"]  # what masks, and the journal


@pytest.mark.parametrize("needed", ["<3.11", ">=3.11,==3.9.*", "3"])
def test_a_script_that_needs_another_python(needed: str, tmp_path: Path) -> None:
    finished = start(tmp_path, requires_python=needed, source=b"print('started')")
    assert (finished.returncode, finished.stdout) == (125, "")
    error, hint = finished.stderr.splitlines()
    assert error.startswith("credhelper-decrypt-run: error: the script")
    assert "needs Python" in error or "is not understood: 3" in error
    assert hint.startswith("credhelper-decrypt-run: hint: ")


@pytest.mark.parametrize("version", ["(3, 10, 99)", "(3, 6, 0)"])
def test_a_python_that_is_too_old(version: str, tmp_path: Path) -> None:
    finished = start(tmp_path, before=f"sys.version_info = {version}", source=b"print('started')")
    assert (finished.returncode, finished.stdout) == (125, "")
    error, hint = finished.stderr.splitlines()
    assert error == f"credhelper-decrypt-run: error: {sys.executable} is older than Python 3.11"
    assert hint.startswith("credhelper-decrypt-run: hint: ")

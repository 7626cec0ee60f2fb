# SPDX-License-Identifier: MIT
"""The pytest plugin for people who test their scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TEST = """
import os, subprocess
from credhelper import load

def test_report(credhelper_credentials):
    credhelper_credentials["my_api_key"] = "dummy"
    assert load("my_api_key") == "dummy"
    assert os.stat(os.environ["CREDENTIALS_DIRECTORY"]).st_mode & 0o777 == 0o700
    path = f"{credhelper_credentials.directory}/my_api_key"
    child = subprocess.run(["/bin/cat", path], capture_output=True)
    assert child.stdout == b"dummy"

def test_nothing_is_left(credhelper_credentials):
    assert not os.listdir(credhelper_credentials.directory)
"""


def test_dummy_credentials_without_root_and_systemd(tmp_path: Path) -> None:
    (tmp_path / "test_script.py").write_text(TEST)
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--basetemp=own",
            "-q",
            "-p",
            "credhelper.testing",
            "-p",
            "no:cacheprovider",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        check=False,
    )
    assert b"2 passed" in finished.stdout, finished.stdout + finished.stderr

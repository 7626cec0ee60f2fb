# SPDX-License-Identifier: MIT
"""The unit tests are the same on a machine whose store holds credentials: builders run them too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.unmeasured


def test_they_see_no_credential_of_the_machine(
    sealed: Callable[..., Path], environment: dict[str, str]
) -> None:
    for name in ("my_api_key", "other", "missing", "a", "b"):
        sealed(name, "of the machine")
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--basetemp=/tmp/own",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/unit/test_given.py",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout

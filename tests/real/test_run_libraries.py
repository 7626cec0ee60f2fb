# SPDX-License-Identifier: MIT
"""The credentials directory in what libraries start on a script's behalf."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real import library_cases
from tests.real.conftest import launcher
from tests.real.running import ALICE, VALUE, Writes

pytest_plugins = ("tests.real.runner_fixtures",)

AS = {"root": [], "user": ["--user", "alice"], "invoking user": ["--as-invoking-user"]}


@pytest.mark.unmeasured
@pytest.mark.parametrize("user", AS)
def test_every_library_finds_it(
    user: str,
    sealed: Callable[..., Path],
    write: Writes,
    environment: dict[str, str],
    users: None,
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    script = write(Path(library_cases.__file__).read_text())
    finished = subprocess.run(  # sixteen libraries take longer than a single command may
        [*launcher("credhelper-decrypt-run"), *AS[user], "-c", "my_api_key", str(script)],
        capture_output=True,
        env=environment | {"SUDO_UID": str(ALICE.uid)},
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.stdout.splitlines() == list(library_cases.CASES), finished.stderr

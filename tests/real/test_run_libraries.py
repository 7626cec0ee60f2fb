# SPDX-License-Identifier: MIT
"""The credentials directory in what libraries start on a script's behalf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real import library_cases
from tests.real.conftest import Runs
from tests.real.running import ALICE, VALUE, Writes

pytest_plugins = ("tests.real.runner_fixtures",)

AS = {"root": [], "user": ["--user", "alice"], "invoking user": ["--as-invoking-user"]}


@pytest.mark.unmeasured
@pytest.mark.parametrize("user", AS)
def test_every_library_finds_it(
    user: str, sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, users: None
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    script = write(Path(library_cases.__file__).read_text())
    finished = decrypt_run(
        *(*AS[user], "-c", "my_api_key", str(script)), env={"SUDO_UID": str(ALICE.uid)}
    )
    assert finished.out.splitlines() == list(library_cases.CASES), finished.err

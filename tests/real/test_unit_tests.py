# SPDX-License-Identifier: MIT
"""The unit tests are the same on a machine whose store holds credentials: builders run them too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.running import ALICE

pytest_plugins = ("tests.real.runner_fixtures",)
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.unmeasured


def ran(environment: dict[str, str], *files: str, user: int | None = None) -> str:
    """What pytest says of some of them; empty if they pass."""
    argv = [
        sys.executable,
        "-m",
        "pytest",
        f"--basetemp=/tmp/own-{user}",
        "-q",
        *("-p", "no:cacheprovider"),
    ]
    done = subprocess.run(
        [*argv, *(f"tests/unit/{file}" for file in files)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        umask=-1 if user is None else 0o002,  # as Fedora has it for users with groups of their own
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    return done.stdout if done.returncode else ""


def test_they_see_no_credential_of_the_machine(
    sealed: Callable[..., Path], environment: dict[str, str]
) -> None:
    for name in ("my_api_key", "other", "missing", "a", "b"):
        sealed(name, "of the machine")
    assert not ran(environment, "test_given.py")


@pytest.mark.usefixtures("users")
def test_a_packager_who_is_alone_in_a_group_passes_them(environment: dict[str, str]) -> None:
    looking_at_modes = ("test_trust.py", "test_interpreter.py", "test_check_machine.py")
    assert not ran(environment, *looking_at_modes, user=ALICE.uid)

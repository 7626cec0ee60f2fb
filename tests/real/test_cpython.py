# SPDX-License-Identifier: MIT
"""CPython's own tests on this system's Python, with the runner in its place.

A few modules are part of all tests; ``make check-cpython`` runs every one that starts a Python.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cpython import comparison
from tests.real import hostile
from tests.real.conftest import Machine
from tests.real.running import VALUE, Sealed

pytest_plugins = ("tests.real.runner_fixtures",)


class Here:
    """This system."""

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Makes a file, with its parents where they are missing."""
        file = Path(path)
        file.parent.mkdir(0o755, parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)

    def run(self, argv: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout,
            encoding="utf-8",
            errors="replace",
        )

    def read(self, path: str) -> bytes:
        """The content of a file."""
        return Path(path).read_bytes()


def modules() -> list[str]:
    """The test modules to run, by name."""
    asked = os.environ.get("CREDHELPER_CPYTHON")
    if not asked:
        return comparison.FEW
    if asked not in ("all", sysconfig.get_python_version()):
        return []
    return comparison.modules(Path(sysconfig.get_path("stdlib"), "test"))


@pytest.fixture(scope="session")
def installed(machine: Machine) -> None:
    """The product where a user has it."""
    assert machine.host_key
    hostile.install()


@pytest.mark.parametrize("module", modules())
def test_what_fails_is_meant_to(
    module: str, installed: None, sealed: Sealed, scratch: Path
) -> None:
    assert installed is None
    sealed("my_api_key", VALUE)
    comparison.check(module, Here(), str(scratch))

# SPDX-License-Identifier: MIT
"""The world of the commands that README.md and the man pages show."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import ROOT


@pytest.fixture
def place(scratch: Path, sealed: Callable[..., Path], jobs: Path) -> Path:
    """A directory and credentials as the README has them."""
    sealed("my_api_key", "dummy-0123456789abcdef")
    key = ["/usr/bin/openssl", "genpkey", "-algorithm", "ed25519"]
    sealed("signing_key", subprocess.run(key, check=True, capture_output=True).stdout)
    (scratch / ".env").write_text("OTHER_API_KEY=dummy-fedcba9876543210\n")
    (scratch / "deploy.sh").write_text("#!/bin/sh\necho ran\n")
    for directory in (scratch, jobs):
        (directory / "report.py").write_bytes((ROOT / "examples/report.py").read_bytes())
    for script in (scratch / "deploy.sh", scratch / "report.py", jobs / "report.py"):
        script.chmod(0o755)
    (Path.home() / "src").mkdir(exist_ok=True)
    with open("/etc/group", "a", encoding="ascii") as file:
        file.write("ops:x:4321:\n")
    return scratch

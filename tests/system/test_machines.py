# SPDX-License-Identifier: MIT
"""The machines themselves: nothing of them outlives the tests."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines import product

HOLD = """
import signal
from tests.machines import qemu
with qemu.scratch() as directory:
    print(directory, flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_scratch_of_a_killed_run_is_removed(ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=product.CHECKOUT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as run:  # fmt: skip
        assert run.stdout
        directory = Path(run.stdout.readline().rstrip())
        (directory / "disk").touch()
        run.send_signal(signal.Signals[ending])
        assert run.stdout.read() == ""  # its end: all have let go of it, what removes as well
    assert not directory.exists()

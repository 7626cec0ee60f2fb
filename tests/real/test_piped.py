# SPDX-License-Identifier: MIT
"""Standard input that does not block: the caller's, who writes when it likes.

Python takes a pipe that is empty for the moment for one that has ended.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.real.conftest import STORE, TIME_LIMIT_SECONDS, launcher, unseal

NAME: Final = "my_api_key"
VALUE: Final = "a-value-in-two-halves-1234567890"
# the command line, what comes in two halves
COMMANDS: Final = {
    "rotate": (["credhelper", "rotate", NAME], VALUE),
    "put": (["credhelper", "put", "--set"], f'{{"{NAME}": "{VALUE}"}}'),
    "leaks": (["credhelper", "leaks", "--value-from", "-", "/opt"], VALUE),
    "a script": (["credhelper-decrypt-run", "-"], f"# {VALUE}\nprint('all of it')"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_read_to_its_end(
    name: str, environment: dict[str, str], sealed: Callable[..., Path]
) -> None:
    sealed(NAME, "old")
    (command, *words), text = COMMANDS[name]
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with subprocess.Popen(
        [*launcher(command), *words],
        stdin=read_end,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        os.close(read_end)
        if name != "leaks":  # one that gives nothing at first
            os.write(write_end, text[:12].encode())
        _wait_until_it_polls(process.pid)
        os.write(write_end, (text if name == "leaks" else text[12:]).encode())
        os.close(write_end)
        out, err = process.communicate(timeout=TIME_LIMIT_SECONDS)
    assert (process.returncode, b"Traceback" in err) == (0, False), err
    if name in ("rotate", "put"):
        assert unseal(STORE / NAME).decode() == VALUE
    if name == "a script":
        assert out == b"all of it\n"


def _wait_until_it_polls(pid: int) -> None:
    """Until it has read what there is, and waits for more."""
    poll = {"x86_64": "7 ", "aarch64": "73 "}[os.uname().machine]
    while not Path(f"/proc/{pid}/syscall").read_text().startswith(poll):
        time.sleep(0.005)

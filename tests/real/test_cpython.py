# SPDX-License-Identifier: MIT
"""CPython's own tests, with the runner in the place of ``sys.executable``.

Each module runs twice: with Python under the environment that the runner makes, and with the
runner. What fails with the runner alone has to be meant (``tests/cpython/meant.py``). A few modules
are part of all tests; ``make check-cpython`` runs every one that starts a Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

import pytest

from credhelper.commands.run.environment import PATH
from tests.cpython import driver
from tests.cpython.meant import MEANT
from tests.real import hostile
from tests.real.conftest import Machine
from tests.real.running import VALUE, Sealed

pytest_plugins = ("tests.real.runner_fixtures",)

TIME_LIMIT_SECONDS: Final = 600
PYTHON: Final = "/usr/bin/python3"
FEW: Final = "test_atexit test_eof test_gc test_runpy test_cmd_line_script".split()
# start a Python only to look at what is not this program's: other executables, builds, hours, or
# have no test on this system
NOT_OURS: Final = frozenset(
    "test_crashers test_embed test_gdb test_launcher test_regrtest test_venv test_cppext "
    "test_dtrace test_startfile test_tcl test_winconsoleio".split()
)
# what a test gives to reach Python without the caller's settings, which the runner never has
SHIM: Final = """\
#!/bin/sh
while :; do
    case "${{1-}}" in
    -I | -E | -s | -P | -B) shift ;;
    -X) [ "${{2-}}" = faulthandler ] && shift 2 || break ;;
    *) break ;;
    esac
done
exec {} "$@"
"""
PLAIN: Final = (
    f"/usr/bin/env -i PATH={PATH} HOME=/root USER=root LOGNAME=root SHELL=/bin/bash "
    f'LANG="${{LANG-}}" TERM="${{TERM-}}" {PYTHON} -B'
)
RUNNER: Final = f"/usr/bin/credhelper-decrypt-run -c my_api_key -- {PYTHON}"


def modules() -> list[str]:
    """The test modules to run, by name."""
    if os.environ.get("CREDHELPER_CPYTHON") != "all":
        return FEW
    tests = Path(sysconfig.get_path("stdlib"), "test").glob("test_*.py")
    starting = (b"script_helper", b"sys.executable")
    return sorted(
        path.stem
        for path in tests
        if path.stem not in NOT_OURS and any(word in path.read_bytes() for word in starting)
    )


@pytest.fixture(scope="session")
def installed(machine: Machine) -> None:
    """The product where a user has it."""
    assert machine.host_key
    hostile.install()


def result(module: str, kind: str, command: str, scratch: Path) -> dict[str, Any]:
    """What came of ``module`` with ``command`` for a Python."""
    place = scratch / kind
    place.mkdir(0o755)
    shim = place / "python3"
    shim.write_text(SHIM.format(command))
    shim.chmod(0o755)
    finished = subprocess.run(
        [PYTHON, "-B", driver.__file__, module, str(shim), "result"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=place,
        env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "xterm"},
        check=False,
        timeout=TIME_LIMIT_SECONDS,
    )
    assert (place / "result").exists(), finished.stderr.decode("utf-8", "replace")[-2000:]
    told: dict[str, Any] = json.loads((place / "result").read_text())
    return told


@pytest.mark.parametrize("module", modules())
def test_what_fails_is_meant_to(
    module: str, installed: None, sealed: Sealed, scratch: Path
) -> None:
    assert installed is None
    assert sys.version_info[:2] == _version()
    sealed("my_api_key", VALUE)
    plain = result(module, "plain", PLAIN, scratch)
    runner = result(module, "runner", RUNNER, scratch)
    assert runner["ran"] == plain["ran"] > 0
    failed = {name.removeprefix("test.") for name in set(runner["failed"]) - set(plain["failed"])}
    unmeant = sorted(failed - set(MEANT))
    assert not unmeant, "\n".join([*unmeant, *(text[-800:] for text in runner["why"])])


def _version() -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    major, minor = found.stdout.split()
    return int(major), int(minor)

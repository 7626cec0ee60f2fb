# SPDX-License-Identifier: MIT
"""One of CPython's test modules with Python, and with the runner in the place of Python.

The module runs with the runner; what fails there runs again with Python, under the environment that
the runner makes. What fails with the runner alone has to be meant (``meant.py``).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from credhelper.commands.run.environment import PATH
from tests.cpython import driver
from tests.cpython.meant import MEANT

TIME_LIMIT_SECONDS: Final = 900
PYTHON: Final = "/usr/bin/python3"
FEW: Final = "test_atexit test_eof test_gc test_runpy test_cmd_line_script".split()
# start a Python only to look at what is not this program's: other executables, builds, windows,
# hours, or have no test on this system
NOT_OURS: Final = frozenset(
    "test_crashers test_embed test_gdb test_launcher test_regrtest test_venv test_cext test_cppext "
    "test_dtrace test_startfile test_tcl test_winconsoleio test_msvcrt test_osx_env test_tkinter "
    "test_win32 test_windows_utils test_peg_generator test_tools".split()
)
_STARTING: Final = (b"script_helper", b"sys.executable")
# what a test gives to reach Python without the caller's settings, which the runner never has
_SHIM: Final = """\
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
_PLAIN: Final = (
    f"/usr/bin/env -i PATH={PATH} HOME=/root USER=root LOGNAME=root SHELL=/bin/bash "
    f'LANG="${{LANG-}}" TERM="${{TERM-}}" {PYTHON} -B'
)
_RUNNER: Final = f"/usr/bin/credhelper-decrypt-run -c my_api_key -- {PYTHON}"


class Place(Protocol):
    """Where commands run as root: this system or a machine of the tests."""

    def write(self, path: str, content: str, mode: int = ...) -> None:
        """Makes a file, with its parents where they are missing."""

    def run(self, argv: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""

    def read(self, path: str) -> bytes:
        """The content of a file."""


def modules(tests: Path) -> list[str]:
    """The modules below ``tests``, CPython's, that start a Python: by name, as of ``test``."""
    found = []
    for file in tests.glob("test_*/**/*.py"), tests.glob("test_*.py"):
        for path in file:
            parts = path.relative_to(tests).with_suffix("").parts
            names = parts[:-1] if parts[-1] == "__init__" else parts
            tested = all(name.startswith("test_") for name in names)
            if tested and NOT_OURS.isdisjoint(names) and _starts_python(path):
                found.append(".".join(names))
    return sorted(found)


def _starts_python(path: Path) -> bool:
    source = path.read_bytes()
    return any(word in source for word in _STARTING)


def check(module: str, place: Place, scratch: str) -> None:
    """Fails where the runner differs from Python and is not meant to."""
    runner = _result(module, (), place, f"{scratch}/runner", _RUNNER)
    assert runner["ran"] > 0
    failed = {name.removeprefix("test."): why for name, why in runner["failed"].items()}
    unmeant = sorted(set(failed) - set(MEANT))
    if unmeant:
        plain = _result(module, unmeant, place, f"{scratch}/plain", _PLAIN)
        assert plain["ran"] > 0
        also = {name.removeprefix("test.") for name in plain["failed"]}
        unmeant = [name for name in unmeant if name not in also]
    assert not unmeant, "\n".join(f"{name}\n{failed[name][-800:]}" for name in unmeant)


def _result(
    module: str, names: Iterable[str], place: Place, scratch: str, command: str
) -> dict[str, Any]:
    """What came of ``module``, or of its tests of these names, with ``command`` for a Python."""
    shim, program, result = (f"{scratch}/{name}" for name in ("python3", "driver.py", "result"))
    place.write(shim, _SHIM.format(command), mode=0o755)
    place.write(program, Path(driver.__file__).read_text())
    clean = ["/usr/bin/env", "-i", "-C", scratch, f"PATH={PATH}", "HOME=/root"]
    words = [PYTHON, "-B", program, module, shim, result, *names]
    finished = place.run([*clean, "LANG=C.UTF-8", "TERM=xterm", *words], timeout=TIME_LIMIT_SECONDS)
    assert finished.returncode == 0, finished.stderr[-2000:]
    told: dict[str, Any] = json.loads(place.read(result))
    return told

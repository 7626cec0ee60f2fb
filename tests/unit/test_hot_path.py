# SPDX-License-Identifier: MIT
"""What ``import credhelper`` and a run bring along: a new module there is a conscious choice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import credhelper

LIST = """
import sys
sys.path.insert(0, sys.argv[1])  # isolated, it would find an installed one alone
before = set(sys.modules)
import credhelper
print(*sorted(set(sys.modules) - before))
"""
RUN = LIST.replace(
    "import credhelper\n",
    """
from credhelper import digest
from credhelper.commands.run import handover, interpreter, planning
""",
)
ALLOWED = {
    "__future__",
    "_thread",
    "binascii",
    "errno",
    "posix",
    "select",
    "time",
}
# each module takes about a two-hundredth of a run, and each KB of source a thousandth
ALLOWED_IN_A_RUN = ALLOWED | set(
    "_bisect _ctypes _sha2 _sha256 _socket atexit gc itertools pwd resource".split()
)
MODULES = 46
SOURCE_BYTES = 305_000
SITE = Path(credhelper.__file__).parents[1]


def loaded(program: str) -> list[str]:
    """The modules that ``program`` imports."""
    argv = [sys.executable, "-I", "-X", "frozen_modules=on", "-c", program, str(SITE)]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={}).stdout.split()


def others(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("credhelper")}


def test_the_library_is_light() -> None:
    assert others(loaded(LIST)) <= ALLOWED


def test_a_run_is_light() -> None:
    names = loaded(RUN)
    assert others(names) <= ALLOWED_IN_A_RUN
    ours = [SITE / name.replace(".", "/") for name in names if name.startswith("credhelper")]
    assert len(ours) <= MODULES
    files = [at / "__init__.py" if at.is_dir() else at.with_suffix(".py") for at in ours]
    assert sum(file.stat().st_size for file in files) <= SOURCE_BYTES

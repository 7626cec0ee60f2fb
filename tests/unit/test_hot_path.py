# SPDX-License-Identifier: MIT
"""What ``import credhelper`` brings along: a new module there is a conscious choice."""

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
ALLOWED = {
    "__future__",
    "_thread",
    "binascii",
    "errno",
    "posix",
    "select",
    "time",
}


def test_the_library_is_light() -> None:
    site = str(Path(credhelper.__file__).parents[1])
    argv = [sys.executable, "-I", "-X", "frozen_modules=on", "-c", LIST, site]
    out = subprocess.run(argv, check=True, capture_output=True, text=True, env={}).stdout
    loaded = {name for name in out.split() if not name.startswith("credhelper")}
    assert loaded <= ALLOWED

"""What ``import credhelper`` brings along: a new module there is a conscious choice."""

from __future__ import annotations

import subprocess
import sys

LIST = """
import sys
before = set(sys.modules)
import credhelper
print(*sorted(set(sys.modules) - before))
"""
ALLOWED = {
    "__future__",
    "_thread",
    "binascii",
    "errno",
    "fcntl",
    "posix",
    "select",
    "time",
}


def test_the_library_is_light() -> None:
    argv = [sys.executable, "-I", "-X", "frozen_modules=on", "-c", LIST]
    out = subprocess.run(argv, check=True, capture_output=True, text=True, env={}).stdout
    loaded = {name for name in out.split() if not name.startswith("credhelper")}
    assert loaded <= ALLOWED

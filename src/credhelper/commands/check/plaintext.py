# SPDX-License-Identifier: MIT
"""Plaintext where systemd looks for credentials that are not encrypted (systemd.exec(5))."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper import store
from credhelper.commands.check.credentials import fitting_name
from credhelper.commands.check.finding import Area, Finding, Severity, command

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

DIRECTORIES: Final = tuple(directory.removesuffix(".encrypted") for directory in store.SEARCHED)


def findings(names: Collection[str], values: Mapping[str, bytes]) -> Iterator[Finding]:
    """Each file with something in it; ``names`` and ``values`` are those of the store."""
    for directory in DIRECTORIES:
        try:
            paths = sorted(Path(directory).iterdir())
        except OSError:
            continue
        for path in paths:
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_size:
                yield _finding(path, status, names, values)


def _finding(
    path: Path, status: os.stat_result, names: Collection[str], values: Mapping[str, bytes]
) -> Finding:
    mode = stat.S_IMODE(status.st_mode)
    readable = mode & 0o044
    evidence = "holds a value in the clear"
    if readable:
        evidence += f", for others to read (mode {mode:04o})"
    name = fitting_name(path.name) or "my_api_key"
    if name in names:
        same = name in values and _holds(path, status, values[name])
        evidence += f"; the store has {name} with {'this' if same else 'another'} value"
        name = "" if same else f"{name}.other"  # which of the two is right is for people to see
    fix = command("rm", "--", str(path))
    if name:
        fix = command("credhelper", "add", name, "--from-file", str(path), "--delete-source")
    severity = Severity.FAILURE if readable else Severity.WARNING
    return Finding(Area.PLAINTEXT, severity, "plaintext", str(path), evidence, fix)


def _holds(path: Path, status: os.stat_result, value: bytes) -> bool:
    return status.st_size == len(value) and path.read_bytes() == value

# SPDX-License-Identifier: MIT
"""What a command leaves behind in files."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Snapshot = dict[str, tuple[int, ...]]


def snapshot(trees: Iterable[Path]) -> Snapshot:
    """Every file and directory of ``trees`` with what changes when it does."""
    return {path: _identity(os.lstat(path)) for tree in trees for path in _paths(tree)}


def holding(value: bytes, trees: Iterable[Path]) -> list[str]:
    """The files of ``trees`` that hold ``value``, raw or as base64 at any offset."""
    needles = [value, *(base64.b64encode(bytes(n) + value)[4:-4] for n in range(3))]
    return [
        path
        for tree in trees
        for path in _paths(tree)
        if stat.S_ISREG(os.lstat(path).st_mode) and _holds(Path(path).read_bytes(), needles)
    ]


def _holds(data: bytes, needles: list[bytes]) -> bool:
    joined = data.replace(b"\n", b"")
    return any(needle in data or needle in joined for needle in needles)


def _paths(tree: Path) -> Iterator[str]:
    """All below ``tree`` on its own filesystem."""
    device = tree.stat().st_dev
    for directory, directories, files in os.walk(f"{tree}/"):
        directories[:] = [
            name for name in directories if os.lstat(f"{directory}/{name}").st_dev == device
        ]
        yield from (f"{directory}/{name}" for name in (*directories, *files))


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )

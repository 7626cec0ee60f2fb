# SPDX-License-Identifier: MIT
"""The histories of shells and clients, which some of them encode."""

from __future__ import annotations

import re
from typing import Final

_OCTAL: Final = re.compile(rb"\\([0-3][0-7]{2})")
_META: Final = re.compile(rb"\x83(.)", re.DOTALL)


def is_history(path: bytes) -> bool:
    """Whether a file's name is that of a history: .zsh_history, .sqlite_history, fish_history."""
    return b"hist" in path.rpartition(b"/")[2]


def decoded(content: bytes) -> list[tuple[str, bytes]]:
    """What it reads where its program encodes it, with the name of the encoding.

    zsh puts a byte 0x83 before those that it has a use for, and flips their sixth bit; libedit
    writes blanks and others as octal numbers.
    """
    found = []
    if b"\x83" in content:
        text = _META.sub(lambda code: bytes([code[1][0] ^ 32]), content)
        found.append(("zsh history", text))
    if _OCTAL.search(content):
        text = _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), content)
        found.append(("libedit history", text))
    return found

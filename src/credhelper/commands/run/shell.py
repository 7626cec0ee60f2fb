# SPDX-License-Identifier: MIT
"""A shell that reads the very bytes that were hashed, from a descriptor in memory.

Left to itself, an interpreter opens the path once more, and whoever may write there can put another
script in its place in between. So a shell is told to read ``/proc/self/fd/N``, in a way that leaves
``$0`` as it is. What looks at the file's name by other means, and what is no shell, opens the path.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# bash names a sourced file, not $0, in its errors; eval keeps to $0, and reads line by line as well
_BASH: Final = 'eval "$(</proc/self/fd/{})"'
_OTHERS: Final = ". /proc/self/fd/{}"
_SHELLS: Final = {"bash": _BASH, "dash": _OTHERS, "ash": _OTHERS, "ksh": _OTHERS, "mksh": _OTHERS}
_OPTIONS: Final = frozenset("abefhmnpuvxBCEHPT")  # that stand alone, and may stand before -c
_BY_NAME: Final = (b"BASH_SOURCE", b"BASH_ARGV", b"caller", b"KSH_VERSION", b"\0")


def reading(argv: list[str], source: bytes) -> str:
    """What comes after ``-c`` for the shell ``argv``, ``{}`` in it the descriptor of ``source``.

    Empty where it is no shell, or one that has to open the file by its name.
    """
    shell, *options = argv
    for option in options:
        if not option.startswith("-") or not option[1:] or set(option[1:]) - _OPTIONS:
            return ""
    if any(word in source for word in _BY_NAME):
        return ""
    return _SHELLS.get(os.path.basename(os.path.realpath(shell)), "")

# SPDX-License-Identifier: MIT
"""Whether a Python is one of those that ``requires-python`` names.

Of the Python packaging specification "Version specifiers", what there is to say of a released
Python: numbers. Loaded by any Python that a script may name: built-in types alone.
"""

from __future__ import annotations

import sys

from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_OPERATORS: Final = ("===", "~=", "==", "!=", "<=", ">=", "<", ">")  # the longer ones first


def check(needed: str) -> None:
    """Raises :class:`RunnerFailed` where this Python is none of those that ``needed`` names."""
    try:
        allowed = allows(needed, sys.version_info[:3])
    except ValueError as error:
        raise RunnerFailed(
            f"the script's metadata block: requires-python is not understood: {error}",
            'write it as: requires-python = ">=3.11"',
        ) from None
    if not allowed:
        version = ".".join(map(str, sys.version_info[:3]))
        raise RunnerFailed(
            f"the script needs Python {needed}, and {sys.executable} is {version}",
            "name another in its first line, or give --python PATH",
        )


def allows(needed: str, version: tuple[int, int, int]) -> bool:
    """Whether ``needed``, such as ``>=3.11,<4``, has ``version``. Raises ``ValueError``."""
    clauses = [clause.strip() for clause in needed.split(",")]
    answers = [_clause(clause, version) for clause in clauses if clause]  # all: each can be wrong
    return all(answers)


def _clause(clause: str, version: tuple[int, int, int]) -> bool:
    operator = next((sign for sign in _OPERATORS if clause.startswith(sign)), "")
    text = clause.removeprefix(operator).strip()
    prefix = text.removesuffix(".*")
    numbers = [int(part) for part in prefix.split(".") if part.isascii() and part.isdigit()]
    if not operator or len(numbers) != prefix.count(".") + 1:
        raise ValueError(clause)
    if prefix != text and operator not in ("==", "!="):
        raise ValueError(clause)
    given = tuple(numbers)
    length = max(3, len(given))
    here, wanted = _filled(version, length), _filled(given, length)
    if operator == "~=":
        if len(given) < 2:
            raise ValueError(clause)
        return here >= wanted and here[: len(given) - 1] == given[:-1]
    if prefix != text:
        return (here[: len(given)] == given) == (operator == "==")
    return {
        "===": here == wanted,
        "==": here == wanted,
        "!=": here != wanted,
        "<=": here <= wanted,
        ">=": here >= wanted,
        "<": here < wanted,
        ">": here > wanted,
    }[operator]


def _filled(numbers: tuple[int, ...], length: int) -> tuple[int, ...]:
    """``numbers`` with as many zeros as it takes: 3.9 is 3.9.0.0."""
    return (*numbers, *[0] * (length - len(numbers)))

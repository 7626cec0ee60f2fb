# SPDX-License-Identifier: MIT
"""What somebody may have meant: a name with a typing error, a value where a name belongs.

Imported where something went wrong already, so that it may be slow.
"""

from __future__ import annotations

import os
import re

from credhelper.name import may_be_new, quoted, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

REISSUE: Final = (
    "it is now in the shell's history and in sudo's log: have a new one issued, "
    "and type that at the prompt of: sudo credhelper put NAME"
)

# what issuers begin their tokens with
_PREFIXES: Final = tuple(
    "sk- sk_ pk_ rk_ ghp_ gho_ ghu_ ghs_ github_pat_ glpat- xoxb- xoxp- xoxa- xapp- AKIA ASIA AIza "
    "ya29. eyJ hf_ npm_ pypi- SG. dop_v1_ shpat_ AGE-SECRET-KEY- hvs. lin_api_ dckr_pat_".split()
)
_TOKEN_CHARACTERS: Final = 8  # of a token, after its prefix
_LONG: Final = 16  # characters without a break, in which names mix no cases and digits
_VERY_LONG: Final = 24  # ... and in which they mix no letters and digits at all
_CLOSE: Final = 0.75  # of difflib's ratio: two letters that changed places in a short name


def closest(word: str, known: Iterable[str]) -> str:
    """The one of ``known`` that ``word`` was most likely meant to be; empty where none is close."""
    from difflib import SequenceMatcher

    folded = _folded(word)
    best, name = max(
        ((SequenceMatcher(None, folded, _folded(name)).ratio(), name) for name in known),
        default=(0.0, ""),
    )
    return name if best >= _CLOSE else ""


def closest_file(path: str) -> str:
    """The path beside ``path`` that was most likely meant; empty where none is close."""
    directory, name = os.path.split(path)
    try:
        there = os.listdir(directory or ".")
    except OSError:
        return ""
    meant = closest(name, there)
    return os.path.join(directory, meant) if meant else ""


def closest_program(word: str, path: str) -> str:
    """The program in ``path`` (as in ``$PATH``) that was most likely meant; empty for none."""
    found: set[str] = set()
    for directory in path.split(":"):
        try:
            found.update(os.listdir(directory))
        except OSError:
            continue
    return closest(word, sorted(found))


def is_value_like(text: str) -> bool:
    """Whether ``text`` looks like a value, so that it is to be neither repeated nor recorded."""
    for prefix in _PREFIXES:
        rest = text.removeprefix(prefix)
        if (
            rest != text
            and len(rest) >= _TOKEN_CHARACTERS
            and rest != rest.lower().strip("0123456789")
        ):
            return True
    if "=" in text and is_value_like(text.partition("=")[2]):
        return True
    if "://" in text and "@" in text:  # with a password
        return True
    return any(map(_is_random, re.split(r"[^A-Za-z0-9]+", text)))


def missing(
    names: Sequence[str], known: Sequence[str], where: str = "", *, wanted: bool = True
) -> tuple[str, str]:
    """What to say of ``names`` that are not among ``known``, and the way out.

    ``where`` is the directory that was looked in, empty for all of them; what is not ``wanted`` is
    not to be added.
    """
    place = f" in {where}" if where else ""
    if any(map(is_value_like, names)):
        return f"there is no credential of that name{place}, which looks like a value", REISSUE
    reason = f"there is no credential {', '.join(map(_spoken, names))}{place}"
    meant = [closest(name, known) for name in names]
    if any(meant):
        return reason, f"did you mean {', '.join(filter(None, meant))}? {_LIST}"
    if not wanted or not all(map(may_be_new, names)):
        return reason, _LIST
    add = " && ".join(f"sudo credhelper add {quoted(name)}" for name in names)
    return reason, f"add {'them' if names[1:] else 'it'}: {add}; {_LIST}"


_LIST: Final = "to see them all: sudo credhelper list"


def _spoken(name: str) -> str:
    return name if name.isprintable() and name.isascii() and len(name) <= 64 else shown(name)


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _is_random(word: str) -> bool:
    digits = sum(map(str.isdigit, word))
    letters = len(word) - digits
    if digits < 3 or letters < 3:
        return False
    both_cases = word != word.lower() and word != word.upper()
    return len(word) >= (_LONG if both_cases else _VERY_LONG)

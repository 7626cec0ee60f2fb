# SPDX-License-Identifier: MIT
"""What a credential is for and where a new value comes from: ``/etc/credhelper/descriptions/NAME``.

A line of plain text, beside the store and never in it: units may import the store's files by ``*``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper import mistakes
from credhelper.commands import placing
from credhelper.errors import CredentialError, UsageError

if TYPE_CHECKING:
    import argparse

DIRECTORY: Final = "/etc/credhelper/descriptions"
MAXIMUM_CHARACTERS: Final = 200
_MODE: Final = 0o600


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--description`` to a verb's parser."""
    parser.add_argument(
        "--description",
        metavar="TEXT",
        help="where a new value comes from: plain text, shown by list and rotate",
    )


def checked(text: str | None) -> str | None:
    """``text``, if it is one line that may be kept in the clear; None stays None.

    Raises :class:`UsageError`, also for what looks like a value.
    """
    if text is None:
        return None
    if any(map(_is_secret, text.split())):
        reason = "a description is plain text, and this looks like a value"
        raise UsageError(reason, mistakes.REISSUE)
    if not text.isprintable() or len(text) > MAXIMUM_CHARACTERS:
        raise UsageError(
            "a description is one line of text", f"of {MAXIMUM_CHARACTERS} characters at most"
        )
    return text


def of(name: str) -> str:
    """The description of the credential ``name``; empty where there is none.

    Raises :class:`CredentialError` where it cannot be read.
    """
    data = placing.read(Path(DIRECTORY, name)) or b""
    return data[: 4 * MAXIMUM_CHARACTERS].decode("utf-8", "replace").strip()


def every() -> dict[str, str]:
    """All descriptions, by name; what cannot be read is left out."""
    found = {}
    try:
        names = os.listdir(DIRECTORY)
    except OSError:
        return {}
    for name in names:
        try:
            found[name] = of(name)
        except CredentialError:
            continue
    return {name: text for name, text in found.items() if text}


def set_to(name: str, text: str | None) -> None:
    """Gives ``name`` this description, durably; the empty one removes it, None leaves it alone.

    Raises :class:`CredentialError`.
    """
    if text is None:
        return
    path = Path(DIRECTORY, name)
    if not text:
        drop(name)
        return
    data = f"{text}\n".encode()
    if placing.read(path) != data:
        os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
        placing.place(path, data, _MODE)


def drop(name: str) -> None:
    """Removes the description of ``name``, if there is one. Raises :class:`CredentialError`."""
    placing.discard(Path(DIRECTORY, name))


def move(old: str, new: str) -> None:
    """Gives the description of ``old`` to ``new``. Raises :class:`CredentialError`."""
    if text := of(old):
        set_to(new, text)
        drop(old)


def _is_secret(word: str) -> bool:
    # an address of a console may have long identifiers; but no password
    return "@" in word.partition("?")[0] if "://" in word else mistakes.is_value_like(word)

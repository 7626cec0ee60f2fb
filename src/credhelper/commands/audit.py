# SPDX-License-Identifier: MIT
"""The record of who used which credential for what. Never a value, its size or its hash.

The message ids are explained by the catalog that the package installs (journalctl -x).
"""

from __future__ import annotations

import os
import pwd

from credhelper import recording
from credhelper.commands import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

RUN: Final = "7c1f3a52e0d94b0d8a6e5f1b92c4d3e7"
REFUSAL: Final = "2b9d64c8f1534ae7b0c2a7d95e3f8161"
STORE_CHANGE: Final = "94e0b7d35c6a4f1e8d2f60b3a1c7e5d8"
ON_DEMAND: Final = recording.ON_DEMAND
IMPORT: Final = "5e0c7b1d94f24a6c8b3fd2e6a1790c48"

NOTICE: Final = recording.NOTICE
WARNING: Final = 4


def invoking_user() -> str:
    """Who called: the user behind sudo(8) or pkexec(1), or the one whose process this is."""
    if user := os.environ.get("SUDO_USER"):
        return user
    by_pkexec = os.environ.get("PKEXEC_UID", "")
    uid = int(by_pkexec) if by_pkexec.isascii() and by_pkexec.isdigit() else os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"user id {uid}"


def store_changed(operation: str, names: Iterable[str]) -> None:
    """Records that credentials were added, rotated, removed or resealed."""
    listed = " ".join(names)
    who = invoking_user()
    record(
        STORE_CHANGE,
        f"{who}: {operation} {listed}",
        {
            "CREDHELPER_OPERATION": operation,
            "CREDHELPER_CREDENTIALS": listed,
            "CREDHELPER_INVOKING_USER": who,
        },
    )


def on_demand(name: str, run: Mapping[str, str]) -> None:
    """Records that the script of ``run`` (the fields of its record) had ``name`` decrypted."""
    record(
        ON_DEMAND,
        f"{run['CREDHELPER_SCRIPT']} loads {name} for {run['CREDHELPER_INVOKING_USER']}",
        {**run, "CREDHELPER_CREDENTIALS": name},
    )


def imported(path: str, sha256: str, run: Mapping[str, str]) -> None:
    """Records that the script of ``run`` imported the file at ``path`` from its own directory."""
    record(
        IMPORT,
        f"{run['CREDHELPER_SCRIPT']} imports {path} for {run['CREDHELPER_INVOKING_USER']}",
        {**run, "CREDHELPER_IMPORTED": path, "CREDHELPER_IMPORTED_SHA256": sha256},
    )


def record(
    message_id: str, message: str, fields: Mapping[str, str], priority: int = NOTICE
) -> bool:
    """Writes one record (see ``recording``); False, and a note on stderr, where no journal is.

    A run does not fail for want of a journal: sudo(8) logs it as well.
    """
    try:
        recording.record(message_id, message, fields, priority)
    except OSError as error:
        messages.note(f"not recorded in the journal: {error}")
        return False
    return True

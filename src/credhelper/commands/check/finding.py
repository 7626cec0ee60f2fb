# SPDX-License-Identifier: MIT
"""What a check finds: how bad, where, on what, why, and the command that fixes it."""

from __future__ import annotations

import enum
import os
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Severity(enum.Enum):
    """How bad: a failure makes the command's exit status 1."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTE = "note"


class Area(enum.Enum):
    """The groups of the report, in its order."""

    MACHINE = "machine"
    STORE = "credential store"
    CREDENTIALS = "credentials"
    PLAINTEXT = "plaintext"
    SUDOERS = "sudoers"
    SCRIPTS = "scripts"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    ``rule`` is its short, lasting name (``file-mode``), ``subject`` what it is about, ``evidence``
    what was seen, ``fix`` a command line for a shell. ``repair`` does the same at once where
    that is safe to do unasked: it raises ``OSError``.
    """

    area: Area
    severity: Severity
    rule: str
    subject: str
    evidence: str
    fix: str
    repair: Callable[[], None] | None = field(default=None, compare=False, repr=False)


def command(*words: str) -> str:
    """``words`` as one types them after ``sudo``."""
    return shlex.join(["sudo", *words])


def look(path: str) -> str:
    """The command that shows what is at ``path``: where nothing else is safe to advise."""
    return command("ls", "-ld", "--", path)


def editor(path: str, line: int = 1) -> str:
    """The command that opens ``path`` at ``line`` in the editor of the one who types it."""
    return f'"${{EDITOR:-vi}}" +{line} {shlex.quote(path)}'


def install(package: str, *, debian: str = "", verb: str = "install") -> str:
    """The command that installs ``package``, which Debian may have under another name."""
    if os.path.exists("/usr/bin/dnf"):
        return command("dnf", verb, package)
    return command("apt-get", "install", debian or package)  # which upgrades too

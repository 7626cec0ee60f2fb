# SPDX-License-Identifier: MIT
"""Credentials that are for some scripts alone: who those are, and what is wrong with that."""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Final

from credhelper.commands import grants, trust
from credhelper.commands.check.finding import Area, Finding, Severity, command, look
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_finding: Final = partial(Finding, Area.CREDENTIALS)


def facts() -> list[str]:
    """A line for each such credential."""
    lines = []
    for name in _named():
        try:
            allowed = grants.of(name)
        except CredentialError:
            continue
        scripts = ", ".join(grant.shown for grant in allowed or ()) or "no script"
        lines.append(f"grant: {name}: {scripts}")
    return lines


def findings(names: Collection[str]) -> Iterator[Finding]:
    """What is wrong with them; ``names`` are the credentials of the store."""
    for directory in (os.path.dirname(grants.DIRECTORY), grants.DIRECTORY):
        try:
            status = os.lstat(directory)
        except OSError:
            return
        reason = trust.danger(status, trust.ROOT_ALONE)
        if reason or not stat.S_ISDIR(status.st_mode):
            fix = command(*trust.fix(directory, reason)) if reason else look(directory)
            evidence = f"{reason or 'is no directory'}: so may what each script may have"
            yield _finding(Severity.FAILURE, "grant-file", directory, evidence, fix)
    for name in _named():
        path = f"{grants.DIRECTORY}/{name}"
        try:
            allowed = grants.of(name) or []
        except CredentialError as error:
            yield _finding(Severity.FAILURE, "grant-file", path, error.reason, look(path))
            continue
        if name not in names:
            evidence = "is about a credential that is not in the store"
            fix = command("credhelper", "add", name)
            yield _finding(Severity.NOTE, "grant-unknown", path, evidence, fix)
        for grant in allowed:
            if reason := trust.why_not(grant.script, trust.ROOT_ALONE):
                evidence = f"allows {grant.script}, which gets nothing: {reason}"
                yield _finding(Severity.WARNING, "grant-script", path, evidence, look(grant.script))


def _named() -> list[str]:
    try:
        return sorted(name for name in os.listdir(grants.DIRECTORY) if name[0] != ".")
    except OSError:
        return []

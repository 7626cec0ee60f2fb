# SPDX-License-Identifier: MIT
"""``credhelper leaks --rewrite``: what was found is taken out of the history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from credhelper.commands import messages
from credhelper.commands.cli import terminal
from credhelper.commands.leaks import advice, rewrite
from credhelper.commands.leaks.git import Patience
from credhelper.commands.leaks.repository import opened
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from credhelper.commands.leaks.findings import Report
    from credhelper.commands.leaks.matching import Matcher


def run(report: Report, matcher: Matcher, *, sure: bool) -> int:
    """Rewrites each repository with hits in its past, once confirmed; 1 where one was not."""
    past = [hit for hit in report.hits if hit.place.past]
    if not past:
        messages.note("nothing to rewrite: no history has a value")
        return 1 if report.hits else 0
    if not sure and not os.isatty(0):
        raise CredentialError(
            "rewriting history has to be confirmed", "at a terminal, or with --yes"
        )
    status = 0
    for path in sorted({hit.repository for hit in past}):
        user = advice.user_name(report.workplaces[path].owner)
        question = f"Rewrite all history in {messages.one_line(path)} as {user}?"
        if not sure and not terminal.confirmed(question):
            status = 1
            continue
        try:
            _rewrite(report, matcher, path)
        except CredentialError as error:
            messages.error(error)
            status = 1
    return status


def _rewrite(report: Report, matcher: Matcher, path: str) -> None:
    directory = os.path.join(path, ".git")
    if not os.path.isdir(directory):
        directory = path
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CredentialError(
            f"{path} cannot be opened: {error.strerror}", "was it moved meanwhile?"
        ) from None
    hits = [hit for hit in report.hits if hit.place.past and hit.repository == path]
    try:
        with opened(os.fsencode(directory), descriptor, Patience()) as repository:
            plan = rewrite.planned(repository, matcher, hits)
            rewrite.perform(plan)
    except PermissionError as error:
        raise CredentialError(f"{path}: {error}", "rewrite it by hand") from None
    finally:
        os.close(descriptor)
    messages.say(f"rewrote the history in {messages.one_line(path)}; what is next:")
    messages.say("  search again: sudo credhelper leaks " + terminal.command([path]))
    messages.say(
        "  publish it, and have every clone and fork replaced: git push --force --all, --tags"
    )

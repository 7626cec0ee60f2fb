# SPDX-License-Identifier: MIT
"""The commands that take values out of a repository's history, run as its owner.

Git runs what a repository's configuration and hooks say: with the rights of whoever calls it. So
each of these is run as the owner of the repository, never as root.
"""

from __future__ import annotations

import pwd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credhelper.commands.leaks.findings import Hit, Workplace

Command = tuple[str, ...]


def user_name(user: int) -> str:
    """A user as sudo takes it: by name, or #UID where there is none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"


def command(*words: str) -> Command:
    """A command by its words."""
    return words


def rewriting(repository: str, place: Workplace, hits: Sequence[Hit]) -> list[Command]:
    """What takes these hits in the past of a repository out of it, in order."""
    if any(not ref.startswith("stash@") for hit in hits for ref in hit.refs):
        # git-filter-repo(1) goes through the stash and the logs as well, and prunes
        return [command("sudo", "credhelper", "leaks", "--rewrite", repository)]
    become = ("-u", user_name(place.owner)) if place.owner else ()
    git = ("sudo", *become, "git", "-C", repository)
    stashed = {ref for hit in hits for ref in hit.refs}
    # the highest number first: dropping one moves those above it
    entries = sorted(stashed, key=lambda entry: int(entry[7:-1]), reverse=True)
    commands = [command(*git, "stash", "drop", entry) for entry in entries]
    if any(not hit.refs for hit in hits):
        logs = place.logged or ("--all",)
        expire = ("--expire=now", "--expire-unreachable=now", *logs)
        commands.append(command(*git, "reflog", "expire", *expire))
    return [*commands, command(*git, "gc", "--prune=now")]

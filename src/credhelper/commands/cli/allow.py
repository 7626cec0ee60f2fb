# SPDX-License-Identifier: MIT
"""``credhelper allow``: which scripts may have a credential."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper import mistakes, store
from credhelper.commands import grants, messages, placing, trust
from credhelper.commands.cli import meant, terminal
from credhelper.commands.grants import Grant
from credhelper.errors import CredentialError, ScriptNotFound, Untrusted, UsageError
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse

_MODE: Final = 0o644


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "allow",
        help="say which scripts may have a credential",
        description="Let a credential be for some scripts alone: a run of any other script is "
        "refused it. Without --script, show them; a credential that is not named here is for "
        "every script.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="the credential")
    parser.add_argument(
        "--script", metavar="PATH", default="", help="a script that root alone can write"
    )
    parser.add_argument(
        "--group", metavar="GROUP", default="", help="only for callers in this group"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--revoke", action="store_true", help="take it from the script again")
    way.add_argument("--any", action="store_true", help="let every script have it again")


def run(arguments: argparse.Namespace) -> int:
    """Shows, allows or revokes."""
    if not arguments.name:
        if arguments.script or arguments.group or arguments.revoke or arguments.any:
            words = ["sudo", "credhelper", "allow", "my_api_key", "--script"]
            words.append(arguments.script or "/opt/jobs/report.py")
            raise UsageError("no credential is named", f"such as: {terminal.command(words)}")
        return _show(_named())
    name = CredentialName(arguments.name)
    if arguments.any:
        if arguments.script or arguments.group:
            raise UsageError("--any takes no script and no group", f"credhelper allow {name} --any")
        drop(name)
        return _show([name])
    if not arguments.script:
        if arguments.group or arguments.revoke:
            words = ["sudo", "credhelper", "allow", name, "--script", "/opt/jobs/report.py"]
            words += ["--group", arguments.group] if arguments.group else []
            words += ["--revoke"] if arguments.revoke else []
            raise UsageError("no script is given", f"such as: {terminal.command(words)}")
        return _show([name])
    there = grants.of(name) or []
    if arguments.revoke:
        kept = _without(there, name, os.path.realpath(arguments.script), arguments.group)
    else:
        kept = _with(there, root_owned(arguments.script), arguments.group)
    put(name, kept)
    return _show([name])


def put(name: str, allowed: list[Grant]) -> None:
    """Has ``allowed`` alone have the credential ``name``, durably. Raises ``CredentialError``."""
    os.makedirs(grants.DIRECTORY, mode=0o755, exist_ok=True)
    placing.place(Path(grants.DIRECTORY, name), grants.written(allowed), _MODE)


def drop(name: str) -> None:
    """Has ``name`` be for every script. Raises as :func:`put`."""
    placing.discard(Path(grants.DIRECTORY, name))


def root_owned(path: str) -> str:
    """The path, without links, of a script that root alone can change; or CredentialError."""
    try:
        opened = trust.open_file(path, trust.ROOT_ALONE)
    except (ScriptNotFound, Untrusted) as error:  # whose exit statuses are the runner's
        hint = error.hint
        if isinstance(error, Untrusted) and error.moved:
            hint += f", and name that path: {error.moved}"
        raise CredentialError(error.reason, hint, error.subject) from None
    os.close(opened.descriptor)
    return opened.path


def _with(there: list[Grant], script: str, group: str) -> list[Grant]:
    if not script.isprintable():
        raise CredentialError(f"{script!a} cannot be named here", "give the script another name")
    if " " in group:
        raise UsageError(f"the group {group!a} cannot be named here", "take another")
    if group:
        try:
            grp.getgrnam(group)
        except KeyError:
            raise meant.unknown("group", group) from None
    new = Grant(script, group)
    return [*there, *([] if new.line in [grant.line for grant in there] else [new])]


def _without(there: list[Grant], name: str, script: str, group: str) -> list[Grant]:
    kept = [g for g in there if g.script != script or (group and g.group != group)]
    if len(kept) == len(there):
        raise CredentialError(
            f"{script} is not allowed to have credential {name}",
            f"see sudo credhelper allow {name}",
        )
    return kept


def _named() -> list[str]:
    """The credentials that are for some scripts alone."""
    try:
        return sorted(name for name in os.listdir(grants.DIRECTORY) if name[0] != ".")
    except FileNotFoundError:
        return []


def _show(names: list[str]) -> int:
    for name in names:
        allowed = grants.of(name)
        if allowed is None:
            messages.say(f"{name}: every script")
        else:
            messages.say(f"{name}: {messages.one_line(summary(allowed))}")
        if not _is_stored(name):
            reason, hint = mistakes.missing([name], store.known())
            messages.note(reason, hint)
    if not names:
        messages.note(
            "every credential is for every script", "sudo credhelper allow NAME --script PATH"
        )
    return 0


def summary(allowed: list[Grant]) -> str:
    """The scripts, for people."""
    return ", ".join(grant.shown for grant in allowed) or "no script"


def _is_stored(name: str) -> bool:
    try:
        store.read(CredentialName(name))
    except CredentialError:
        return False
    return True

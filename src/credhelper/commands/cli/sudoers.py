# SPDX-License-Identifier: MIT
"""``credhelper sudoers``: let groups or users run one script through sudo, and take that back."""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper.commands import messages, placing, program, sudoers
from credhelper.commands.check import sudoers as asked
from credhelper.commands.cli import meant, terminal
from credhelper.commands.cli.allow import root_owned
from credhelper.commands.sudoers import Grant
from credhelper.errors import CredentialError, UsageError

if TYPE_CHECKING:
    import argparse

_VISUDO: Final = "/usr/sbin/visudo"
_MODE: Final = 0o440  # what sudoers(5) wants of its files


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "sudoers",
        help="let groups or users run one script",
        description="Print a sudoers(5) drop-in for each group and user that lets them run one "
        "script of root's as root, with its credentials and without arguments. Without arguments: "
        "who may run what, as sudo itself reports.",
    )
    parser.add_argument(
        "script", metavar="SCRIPT", nargs="?", default="", help="the script, writable by root alone"
    )
    for option in ("group", "user"):
        parser.add_argument(
            f"--{option}",
            metavar=option.upper(),
            action="append",
            default=[],
            help="who may run it (repeatable)",
        )
    parser.add_argument("--password", action="store_true", help="ask for their own password")
    parser.add_argument(
        "--selinux-role", metavar="ROLE[:TYPE]", default="", help="what it runs in, under SELinux"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--install", action="store_true", help=f"put it into {sudoers.DIRECTORY}, checked"
    )
    way.add_argument("--revoke", action="store_true", help="remove the drop-ins again")


def run(arguments: argparse.Namespace) -> int:
    """Lists, prints, installs or revokes."""
    people = [("group", name) for name in arguments.group]
    people += [("user", name) for name in arguments.user]
    if not arguments.script:
        if people or arguments.install or arguments.revoke:
            who = [word for kind, name in people for word in (f"--{kind}", name)]
            who = who or ["--group", "wheel"]
            words = ["sudo", "credhelper", "sudoers", "/opt/jobs/report.py", *who]
            raise UsageError("no script is given", f"such as: {terminal.command(words)}")
        return _list()
    if arguments.revoke:
        return _revoke(os.path.realpath(arguments.script), people)
    if not people:
        raise UsageError("nobody is named", "give --group GROUP or --user USER")
    script = root_owned(arguments.script)
    grants = [
        replace(grant, password=arguments.password, selinux=arguments.selinux_role)
        for grant in _grants(script, people)
    ]
    texts = [sudoers.drop_in(grant) for grant in grants]
    for grant in grants:
        _require_known(grant)
    for grant, text in zip(grants, texts, strict=True):
        if arguments.install:
            _install(grant, text)
        else:
            messages.say(text, end="")
    return 0


def _grants(script: str, people: list[tuple[str, str]]) -> list[Grant]:
    return [
        Grant(script, group=name) if kind == "group" else Grant(script, user=name)
        for kind, name in people
    ]


def _list() -> int:
    """What sudo lets everybody do, themselves asked about."""
    report = asked.report()
    for line in report.reaches:
        messages.say(messages.one_line(line))
    if not report.reaches:
        messages.note("sudo lets nobody but root run anything as root")
    if report.findings:
        messages.note("there is something to look at in that", "sudo credhelper check")
    return 0


def _revoke(script: str, people: list[tuple[str, str]]) -> int:
    """Removes the drop-ins for ``script``, of ``people`` or of all."""
    directory = Path(sudoers.DIRECTORY)
    try:
        there = sorted(os.listdir(directory))
    except OSError as error:
        raise CredentialError(f"{directory}: {error.strerror}", "install sudo") from None
    names = sudoers.names_of(script, there)
    if people:
        wanted = {sudoers.file_name(grant) for grant in _grants(script, people)}
        names = [name for name in there if name in wanted]
    if not names:
        raise CredentialError(
            f"there is no drop-in of credhelper's for {script}",
            "see who may run what: sudo credhelper sudoers",
        )
    for name in names:
        placing.remove(directory / name)
        messages.say(f"removed {directory / name}")
    return 0


def _install(grant: Grant, text: str) -> None:
    """Puts the drop-in in place when visudo accepts it; never over one that says otherwise."""
    target = Path(sudoers.DIRECTORY, sudoers.file_name(grant))
    there = placing.read(target)
    if there is not None and there != text.encode():
        words = ["sudo", "credhelper", "sudoers", grant.script, *grant.option, "--revoke"]
        raise CredentialError(
            f"{target} is there and grants something else",
            f"look at it; to take it back: {terminal.command(words)}",
        )
    if there is None:
        placing.place(target, text.encode(), _MODE, _require_accepted)
    how = "with their own password" if grant.password else "without a password"
    messages.say(f"{target}: {messages.one_line(grant.whom)} may now type, {how}:")
    messages.say(f"  {terminal.command(grant.command)}")


def _require_known(grant: Grant) -> None:
    """Raises CredentialError for a name that nobody has: sudo would silently grant nothing."""
    with suppress(KeyError):
        if not (grant.group or grant.user).startswith("#"):
            grp.getgrnam(grant.group) if grant.group else pwd.getpwnam(grant.user)
        return
    kind, name = ("group", grant.group) if grant.group else ("user", grant.user)
    raise meant.unknown(kind, name)


def _require_accepted(text: bytes) -> None:
    try:
        checked = program.run(_VISUDO, "--check", "--file=-", stdin=text)
    except OSError as error:
        raise CredentialError(f"{_VISUDO}: {error.strerror}", "install sudo") from None
    if checked.returncode:
        reason = checked.stderr.decode("utf-8", "replace").strip()
        raise CredentialError(f"visudo refuses the drop-in: {reason}", "report this")

# SPDX-License-Identifier: MIT
"""``credhelper sudoers``: let a group or a user run one script through sudo."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper.commands import messages, program, sudoers, trust
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, ScriptNotFound, Untrusted, UsageError

if TYPE_CHECKING:
    import argparse

_VISUDO: Final = "/usr/sbin/visudo"
_MODE: Final = 0o440  # what sudoers(5) wants of its files


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "sudoers",
        help="let a group or a user run one script",
        description="Print a sudoers(5) drop-in that lets a group or a user run one script of "
        "root's as root, with its credentials and without arguments.",
    )
    parser.add_argument("script", metavar="SCRIPT", help="the script, writable by root alone")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--group", metavar="GROUP", default="", help="who may run it")
    who.add_argument("--user", metavar="USER", default="", help="who may run it")
    parser.add_argument("--password", action="store_true", help="ask for their own password")
    parser.add_argument(
        "--install", action="store_true", help=f"put it into {sudoers.DIRECTORY}, checked"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints or installs the drop-in."""
    script = _root_owned(arguments.script)
    grant = sudoers.Grant(script, arguments.user, arguments.group, arguments.password)
    text = sudoers.drop_in(grant)
    _require_known(grant)
    if not arguments.install:
        messages.say(text, end="")
        return 0
    target = Path(sudoers.DIRECTORY, sudoers.file_name(script))
    _install(text, target)
    how = "with their own password" if grant.password else "without a password"
    messages.say(f"{target}: {messages.one_line(grant.whom)} may now type, {how}:")
    messages.say(f"  {terminal.command(grant.command)}")
    return 0


def _require_known(grant: sudoers.Grant) -> None:
    """Raises UsageError for a name that nobody has: sudo would say nothing and grant nothing."""
    with suppress(KeyError):
        if not (grant.group or grant.user).startswith("#"):
            grp.getgrnam(grant.group) if grant.group else pwd.getpwnam(grant.user)
        return
    kind, name = ("group", grant.group) if grant.group else ("user", grant.user)
    database = "group" if grant.group else "passwd"
    raise UsageError(f"there is no {kind} {name}", f"see getent {database}")


def _root_owned(path: str) -> str:
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


def _install(text: str, target: Path) -> None:
    """Puts ``text`` in place when visudo accepts it; never over a drop-in that says otherwise."""
    if (there := _read(target)) is not None:
        if there == text.encode():
            return
        raise CredentialError(
            f"{target} is there and grants something else", f"look at it: sudo visudo -f {target}"
        )
    try:
        # a name with a dot is none that sudo reads
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise CredentialError(f"{target.parent}: {error.strerror}", "install sudo") from None
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _require_accepted(temporary)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def _read(path: Path) -> bytes | None:
    """What is in the file at ``path``: None where there is none; empty for what is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}", f"look at it: ls -ld {path}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with open(descriptor, "rb") as file:
        return file.read()


def _require_accepted(path: str) -> None:
    try:
        checked = program.run(_VISUDO, "--check", f"--file={path}")
    except OSError as error:
        raise CredentialError(f"{_VISUDO}: {error.strerror}", "install sudo") from None
    if checked.returncode:
        reason = checked.stderr.decode("utf-8", "replace").strip()
        raise CredentialError(f"visudo refuses the drop-in: {reason}", "report this")

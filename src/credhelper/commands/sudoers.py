# SPDX-License-Identifier: MIT
"""A sudoers(5) drop-in that lets somebody run one script with its credentials: text alone."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from credhelper.errors import CredentialError, UsageError

DIRECTORY: Final = "/etc/sudoers.d"
RUNNER: Final = "/usr/bin/credhelper-decrypt-run"
MANAGER: Final = "/usr/bin/credhelper"

_LONGEST_STEM: Final = 200  # bytes: leaves room in a file name for more
# sudo joins the arguments with blanks and compares them by fnmatch(3), so a backslash is to be
# there twice, and sudoers itself strips one level of them; sudoers knows fnmatch's own escapes
_ESCAPED: Final = str.maketrans(
    {"\\": r"\\\\"} | {character: f"\\{character}" for character in "*?[],:=#"}
)

_DROP_IN: Final = """\
# Lets {whom} run one script as root, with its credentials, {how} password:
#   {typed}
#
# Safe while root alone can change the script, the directories above it and its interpreter: the
# runner checks that at each run (--root-owned). It is also for the script to import nothing that
# others can change. No argument is let through: the command is granted exactly as written. A
# script that is to take arguments from this caller must expect hostile ones, since it runs as root.

# A fresh environment, a PATH that the caller has no part in, the outcome in the log; and what is
# typed or piped into the script in no recording of sudo's, since that may be a secret.
Defaults!{runner} env_reset, !setenv, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
Defaults!{runner} log_exit_status, !log_input

{who} ALL=(root) {tag}: NOSETENV: {runner} --root-owned {script}
"""


@dataclass(frozen=True)
class Grant:
    """Who may run what: ``script`` is an absolute path, and just one of user and group is set."""

    script: str
    user: str = ""
    group: str = ""
    password: bool = False

    @property
    def whom(self) -> str:
        """Who it is for, in words."""
        return f"members of the group {self.group}" if self.group else f"the user {self.user}"

    @property
    def command(self) -> list[str]:
        """What they type."""
        return ["sudo", "credhelper-decrypt-run", "--root-owned", self.script]


def drop_in(grant: Grant) -> str:
    """The text of the drop-in; raises UsageError or CredentialError for what it cannot express."""
    prefix, name = ("%", grant.group) if grant.group else ("", grant.user)
    return _DROP_IN.format(
        whom=grant.whom,
        how="with their own" if grant.password else "without a",
        typed=shlex.join(grant.command),
        runner=RUNNER,
        who=prefix + _name(name),
        tag="PASSWD" if grant.password else "NOPASSWD",
        script=_argument(grant.script),
    )


def file_name(script: str) -> str:
    """The name of the drop-in for ``script``: one that sudo reads, so without ``.`` and ``~``."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePosixPath(script).stem)
    return f"credhelper-{stem[:_LONGEST_STEM].strip('_') or 'script'}"


def _name(name: str) -> str:
    """``name`` as sudoers takes it for a user, or after ``%`` for a group."""
    if re.fullmatch(r"#[0-9]+", name):
        return name
    if not name or not name.isprintable() or name[0] in "%:+#!-":
        raise UsageError(
            f"{name!r} is no name of a user or group", "see getent passwd, getent group"
        )
    escaped = re.sub(r"([^\w.@-])", r"\\\1", name)
    # a word in capitals would be an alias, or ALL
    return f"\\{escaped}" if name[0].isupper() else escaped


def _argument(path: str) -> str:
    """``path`` as sudoers takes it for an argument, where it matches nothing but itself."""
    if not path.isprintable() or " " in path:
        raise CredentialError(
            f"sudo cannot pin a path with blanks or control characters: {path!r}",
            "give the script another name",
        )
    return path.translate(_ESCAPED)

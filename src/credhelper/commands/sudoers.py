# SPDX-License-Identifier: MIT
"""A sudoers(5) drop-in that lets somebody run one script with its credentials: text alone."""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from typing import Final

from credhelper.errors import CredentialError, UsageError

DIRECTORY: Final = "/etc/sudoers.d"
RUNNER: Final = "/usr/bin/credhelper-decrypt-run"
MANAGER: Final = "/usr/bin/credhelper"

_LONGEST_NAME: Final = 200  # bytes: leaves room in a file name for more
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
# runner checks that at each run, and what the script imports from its own directory
# (--root-owned). No argument is let through: the command is granted exactly as written. A script
# that is to take arguments from this caller must expect hostile ones, since it runs as root.
#
# To take it back: {revoke}
# Erasing the package leaves this file; it grants nothing while {runner} is not there.

# A fresh environment, a PATH and a working directory that the caller has no part in, a terminal of
# its own, the outcome in the log; what is typed or piped into the script in no recording of sudo's,
# since that may be a secret; and leave to start systemd-creds where the site's noexec forbids it.
Defaults!{runner} env_reset, !setenv, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
Defaults!{runner} runcwd="/", use_pty, log_exit_status, !log_input, !noexec, !intercept

{who} ALL=(root) {selinux}{tag}: NOSETENV: {runner} --root-owned {script}
"""


@dataclass(frozen=True)
class Grant:
    """Who may run what: ``script`` is an absolute path, and just one of user and group is set.

    ``selinux`` is the role, and after a colon the type, that the script is to run in.
    """

    script: str
    user: str = ""
    group: str = ""
    password: bool = False
    selinux: str = ""

    @property
    def whom(self) -> str:
        """Who it is for, in words."""
        return f"members of the group {self.group}" if self.group else f"the user {self.user}"

    @property
    def command(self) -> list[str]:
        """What they type."""
        return ["sudo", "credhelper-decrypt-run", "--root-owned", self.script]

    @property
    def option(self) -> list[str]:
        """The options of ``credhelper sudoers`` that name them."""
        return ["--group", self.group] if self.group else ["--user", self.user]


def drop_in(grant: Grant) -> str:
    """The text of the drop-in; raises UsageError or CredentialError for what it cannot express."""
    prefix, name = ("%", grant.group) if grant.group else ("", grant.user)
    revoke = ["sudo", "credhelper", "sudoers", grant.script, *grant.option, "--revoke"]
    return _DROP_IN.format(
        whom=grant.whom,
        how="with their own" if grant.password else "without a",
        typed=shlex.join(grant.command),
        revoke=shlex.join(revoke),
        runner=RUNNER,
        who=prefix + _name(name),
        selinux=_selinux(grant.selinux),
        tag="PASSWD" if grant.password else "NOPASSWD",
        script=_argument(grant.script),
    )


def file_name(grant: Grant) -> str:
    """The drop-in's name: of the whole path and the grantee, and none that sudo skips.

    ``/`` becomes ``-``, and what is neither a letter nor a digit ``_`` and its hexadecimal number:
    no two scripts or grantees share a name.
    """
    who = f"group-{_spelt(grant.group)}" if grant.group else f"user-{_spelt(grant.user)}"
    name = f"{_stem(grant.script)}--{who}"
    if len(name) > _LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()
        name = f"{name[: _LONGEST_NAME - 17]}-{digest[:16]}"
    return name


def names_of(script: str, names: list[str]) -> list[str]:
    """Those of ``names`` that are drop-ins for ``script``, whoever they are for."""
    return [name for name in names if name.startswith(f"{_stem(script)}--")]


def _stem(script: str) -> str:
    return "credhelper-" + "-".join(_spelt(part) for part in script.strip("/").split("/"))


def _spelt(text: str) -> str:
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"_{byte:02x}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


def _selinux(text: str) -> str:
    """The role and type, as sudoers takes them in front of a command's tags."""
    if not text:
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_.]+(:[A-Za-z0-9_.]+)?", text):
        raise UsageError(f"{text!r} is no role of SELinux", "such as sysadm_r or sysadm_r:sysadm_t")
    role, _, kind = text.partition(":")
    return f"ROLE={role} " + (f"TYPE={kind} " if kind else "")


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

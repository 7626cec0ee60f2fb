# SPDX-License-Identifier: MIT
"""Which scripts may have a credential: ``/etc/credhelper/grants/NAME``, a line for each.

A line is the script's path, or ``%GROUP`` and the path for callers in that group alone. A
credential without such a file is for every script; one whose file names none is for no script.
"""

from __future__ import annotations

import os
import stat

from credhelper.commands import trust
from credhelper.errors import UnsafeStore, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

DIRECTORY: Final = "/etc/credhelper/grants"
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_COMMENT: Final = "#"


class Grant:
    """A ``script``, by its path without links, for callers in ``group`` (empty for all)."""

    __slots__ = ("group", "script")

    def __init__(self, script: str, group: str = "") -> None:
        self.script = script
        self.group = group

    @property
    def line(self) -> str:
        """As it is in the file."""
        return f"%{self.group} {self.script}" if self.group else self.script

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.script} (group {self.group})" if self.group else self.script


def of(name: str) -> list[Grant] | None:
    """The grants of the credential ``name``; None where it is for every script.

    Raises :class:`UnsafeStore` where the file, or the way to it, is not root's alone.
    """
    path = f"{DIRECTORY}/{name}"
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnsafeStore(
            f"cannot be read: {error.strerror}", f"look at it: ls -ld {path}", path
        ) from None
    try:
        status = os.fstat(descriptor)
        reason = trust.danger(status, trust.ROOT_ALONE)
        for above in (DIRECTORY, os.path.dirname(DIRECTORY)):
            reason = reason or trust.danger(os.lstat(above), trust.ROOT_ALONE)
        if reason or not stat.S_ISREG(status.st_mode):
            reason = reason or "is no file"
            raise UnsafeStore(reason, f"look at it: ls -ld {path} {DIRECTORY}", path)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return list(_parsed(os.fsdecode(file.readall()).split("\n")))
    finally:
        os.close(descriptor)


def written(grants: Iterable[Grant]) -> bytes:
    """The file that holds ``grants``."""
    head = f"{_COMMENT} written by credhelper allow: the scripts that may have this credential\n"
    return os.fsencode(head + "".join(f"{grant.line}\n" for grant in grants))


def check(name: str, script: str, invoking: int, python: str = "") -> None:
    """Raises :class:`Untrusted` where ``script`` may not have the credential ``name``.

    ``script`` is its path without links, empty for none; ``invoking`` the invoking user's id;
    ``python`` an interpreter of the caller's choice. Raises :class:`UnsafeStore` as well.
    """
    grants = of(name)
    if grants is None:
        return
    subject = script or "what has no path"
    named = [grant for grant in grants if script and grant.script == script]
    if not named:
        hint = f"to allow it: sudo credhelper allow {name} --script {script or 'PATH'}"
        raise Untrusted(f"may not have credential {name}", hint, subject)
    if invoking and not any(not grant.group or _is_in(invoking, grant.group) for grant in named):
        groups = " or ".join(grant.group for grant in named)
        hint = f"it is for callers in the group {groups}"
        raise Untrusted(f"may not have credential {name} for this caller", hint, subject)
    if python:
        hint = "leave --python out: the script's #! line names its interpreter"
        raise Untrusted(f"may not have credential {name} with --python", hint, subject)
    # the grant is to root's script: not to whatever its caller has put there
    os.close(trust.open_file(script, trust.ROOT_ALONE).descriptor)


def _parsed(lines: Iterable[str]) -> Iterable[Grant]:
    for line in lines:
        group, blank, script = line[1:].partition(" ") if line.startswith("%") else ("", " ", line)
        if blank and script.startswith("/"):
            yield Grant(script, group)


def _is_in(uid: int, group: str) -> bool:
    import grp
    import pwd

    try:
        user = pwd.getpwuid(uid)
        return grp.getgrnam(group).gr_gid in os.getgrouplist(user.pw_name, user.pw_gid)
    except KeyError:
        return False

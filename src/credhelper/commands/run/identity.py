# SPDX-License-Identifier: MIT
"""Who runs the script: root, or another user for good."""

from __future__ import annotations

import os
import pwd

from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

_LONGEST_UID: Final = 10  # digits: 2 ** 32 - 2
_LAST_CAPABILITY: Final = "/proc/sys/kernel/cap_last_cap"


def invoking_uid(environment: Mapping[str, str]) -> int:
    """The user id of whoever called sudo(8) or pkexec(1); root where nobody did.

    Raises :class:`RunnerFailed` for an id that is none, or belongs to nobody any more.
    """
    variable = "SUDO_UID" if "SUDO_UID" in environment else "PKEXEC_UID"
    text = environment.get(variable, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_UID):
        raise RunnerFailed(f"{variable} {text!a} is no user id", "call it through sudo")
    _entry(int(text))
    return int(text)


def account(user: str, invoking: int, *, as_invoking_user: bool) -> pwd.struct_passwd:
    """The account that the script is to run as. Raises :class:`RunnerFailed`."""
    if as_invoking_user:
        if not invoking:
            raise RunnerFailed(
                "--as-invoking-user: root is the invoking user",
                "call it through sudo as an ordinary user, or give --user NAME",
            )
        return _entry(invoking)
    if user:
        try:
            return pwd.getpwnam(user)
        except (KeyError, ValueError):
            from credhelper import mistakes

            meant = mistakes.closest(user, [entry.pw_name for entry in pwd.getpwall()])
            hint = f"did you mean --user {meant}?" if meant else "see getent passwd"
            raise RunnerFailed(f"there is no user {user!a}", hint) from None
    return _entry(0)


def terminal_is_anothers(uid: int, *, named: bool) -> bool:
    """Whether the caller's terminal is not to be handed to a script of the user ``uid``.

    Not one that belongs to somebody else, and to another user that was ``named`` none: whoever
    calls reads it again afterwards. A terminal is also the one of the session, which no standard
    descriptor need lead to.
    """
    owners = [os.fstat(standard).st_uid for standard in range(3) if os.isatty(standard)]
    if owners:
        return any(owner != uid for owner in owners) or (named and uid != 0)
    if not uid:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def become(user: pwd.struct_passwd) -> None:
    """Becomes ``user`` for good: groups, ids, capabilities, limits, and no new privileges.

    A program that is executed, by the runner or by the script, is made traceable by its user again
    (prctl(2), PR_SET_DUMPABLE). So one harmless capability stays, CAP_BLOCK_SUSPEND: whoever lacks
    what a process has may not trace it, nor read its environment, memory and descriptors
    (ptrace(2)). It is one that no session of a user has; pam_systemd(8) hands out CAP_WAKE_ALARM.
    Another run of the user's has it, but is in another Landlock domain.
    """
    # ctypes: seldom needed, slow to import
    from credhelper.commands import kernel, messages
    from credhelper.commands.run import hardening, landlock

    try:
        groups = os.getgrouplist(user.pw_name, user.pw_gid)
        with open(_LAST_CAPABILITY, "rb") as file:
            last = int(file.read())
        for capability in range(last + 1):
            if capability != kernel.CAP_BLOCK_SUSPEND:
                kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
        os.setgroups(groups)
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        kept = 1 << kernel.CAP_BLOCK_SUSPEND
        kernel.set_capabilities(kept, kept)
        kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_RAISE, kernel.CAP_BLOCK_SUSPEND)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        apart = landlock.enter()
        hardening.give_limits_back()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # changing the user id may have set it
    except OSError as error:
        raise RunnerFailed(
            f"cannot become {user.pw_name}: {error.strerror}", "see credhelper-decrypt-run(8)"
        ) from None
    if not apart:
        messages.note(
            f"other runs of {user.pw_name} can read this one",
            "with Landlock of Linux 5.19 or newer (lsm= on the kernel's command line) they cannot",
        )


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise RunnerFailed(f"there is no user with the id {uid}", "see getent passwd") from None

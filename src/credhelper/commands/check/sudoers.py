# SPDX-License-Identifier: MIT
"""What sudo really lets people do with credhelper: who, with which script, and who is root by it.

Everybody with an account here is asked about. What :mod:`sudoers_commands` cannot judge, sudo is
asked about: would it let them type one of many command lines that must not be allowed? What is
neither judged nor refused is a finding, never silence.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from credhelper.commands.check import sudo, sudoers_attempts, sudoers_commands
from credhelper.commands.check.finding import Area, Finding, Severity
from credhelper.commands.check.sudoers_commands import Judged
from credhelper.commands.check.sudoers_scripts import Fault
from credhelper.commands.sudoers import MANAGER, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credhelper.commands.check.sudo import Entry, Listing

_finding: Final = partial(Finding, Area.SUDOERS)
_MAIN: Final = "/etc/sudoers"
_NAMED: Final = 4  # people in one line
_MOST_ACCOUNTS: Final = 3000  # a directory service may know a whole company
# what keeps a variable that the dynamic loader obeys, were it set on sudo's own command line
_KEEPS: Final = re.compile(r'!env_reset\b|env_keep\+?=(?:"(?:[^"]* )?)?(?:LD_|\\?\*)')
_LOOSE: Final = re.compile(rf"(?<![!\w])setenv\b|{_KEEPS.pattern}")
_NO_PASSWORD: Final = re.compile(r"!authenticate\b|\bexempt_group=")


@dataclass(frozen=True)
class Report:
    """What was found, and a line for each kind of person: what they can really reach."""

    findings: tuple[Finding, ...] = ()
    reaches: tuple[str, ...] = ()


def report() -> Report:
    """Asks sudo about everybody. Empty where there is no sudo."""
    if not sudo.is_there() or not os.path.exists(_MAIN):
        return Report()
    found: list[Finding] = []
    files, complaints = sudo.files()
    for line in complaints:
        file = next((f for f in (*files, _MAIN) if f in line), _MAIN)
        file = line.split(":")[0] if line.startswith("/") else file
        found.append(_finding(Severity.FAILURE, "sudo-syntax", file, line, _edit(file)))
    people, unknown = _people(sudo.named())
    found += unknown
    groups: dict[Listing, list[str]] = {}
    for person, listing in sudo.listings(people).items():
        groups.setdefault(listing, []).append(person)
    judged = [_Judging(people, listing, files) for listing, people in groups.items()]
    scripts = {script for one in judged for script in one.scripts}
    for one in judged:
        one.ask(scripts)
        found += one.findings()
    return Report(
        tuple(dict.fromkeys(found)), tuple(line for one in judged for line in one.reaches())
    )


def _people(named: dict[str, bool] | None) -> tuple[list[str], list[Finding]]:
    """Who can be asked about; and findings on who cannot."""
    accounts = {user.pw_name: user for user in pwd.getpwall()}
    asked = set(accounts) if len(accounts) <= _MOST_ACCOUNTS else set()
    asked |= {member for group in grp.getgrall() for member in group.gr_mem}
    missing = []
    for name, for_some in sorted((named or {}).items()):
        members = _members(name, accounts)
        asked |= members
        if for_some and not members and name != "ALL":
            missing.append(name)
    found = []
    if named is None:
        evidence = (
            "cvtsudoers cannot list whom it names: asked about were the accounts of this machine, "
            "not users and groups of another source"
        )
        found.append(_finding(Severity.NOTE, "sudo-unasked", _MAIN, evidence, _edit(_MAIN)))
    elif missing:
        evidence = f"names {', '.join(missing)}, with no account here: sudo cannot be asked"
        found.append(_finding(Severity.NOTE, "sudo-unasked", _MAIN, evidence, _edit(_MAIN)))
    if len(accounts) > _MOST_ACCOUNTS:
        evidence = f"was asked about whom sudoers names, not about all {len(accounts)} accounts"
        found.append(_finding(Severity.NOTE, "sudo-unasked", _MAIN, evidence, _edit(_MAIN)))
    people = [name for name in sorted(asked) if (user := _account(name)) and user.pw_uid]
    return people, found


def _members(name: str, accounts: dict[str, pwd.struct_passwd]) -> set[str]:
    """The accounts that ``name`` stands for, as sudoers writes it."""
    try:
        if name.startswith("%#"):
            group = grp.getgrgid(int(name[2:]))
        elif name.startswith("%") and not name.startswith("%:"):
            group = grp.getgrnam(name[1:])
        elif name.startswith("#"):
            return {pwd.getpwuid(int(name[1:])).pw_name}
        else:
            return {pwd.getpwnam(name).pw_name}
    except (KeyError, ValueError):
        return set()
    return {*group.gr_mem, *(u.pw_name for u in accounts.values() if u.pw_gid == group.gr_gid)}


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


class _Judging:
    """What people of whom sudo lists the same can reach, and what is wrong with that."""

    def __init__(self, people: list[str], listing: Listing, files: list[str]) -> None:
        self._people = people
        self._listing = listing
        self._files = files
        self._loose = bool(_LOOSE.search(listing.defaults)) or any(map(_loose, listing.bound))
        texts = (listing.defaults, *listing.bound)
        self._keeps = any(map(_KEEPS.search, texts))
        self._no_password = any(map(_NO_PASSWORD.search, texts))
        self._judged = [
            (entry, sudoers_commands.judge(entry.command, password=self._password(entry)))
            for entry in listing.entries
            if _as_root(entry)
        ]
        self._others = [entry for entry in listing.entries if not _as_root(entry)]
        self._is_root = ""

    @property
    def _shown(self) -> str:
        """Who they are, for people."""
        more = len(self._people) - _NAMED
        listed = ", ".join(self._people[:_NAMED])
        return f"{listed} and {more} more" if more > 0 else listed

    @property
    def scripts(self) -> set[str]:
        """The scripts that their commands name."""
        return {judged.script for _, judged in self._judged if judged.script}

    def _password(self, entry: Entry) -> bool:
        if "!authenticate" in entry.options:
            return False
        return "authenticate" in entry.options or not self._no_password

    def ask(self, scripts: Iterable[str]) -> None:
        """Asks sudo, where their commands do not tell, for what must not be allowed."""
        entries = [entry for entry, judged in self._judged if judged.open]
        if not entries or any(entry.command == "ALL" for entry, _ in self._judged):
            return
        if path := sudoers_attempts.edits(entries, scripts):
            self._is_root = f"sudoedit {path}"
            return
        person = self._people[0]
        for argv in sudoers_attempts.attempts(person, entries, scripts):
            if sudo.allows(person, *argv):
                self._is_root = shlex.join(["sudo", *argv])
                return

    def findings(self) -> Iterator[Finding]:
        """All that is wrong."""
        if self._listing.odd:
            said = self._listing.odd
            if "unknown user" not in said:
                evidence = f"sudo does not tell what they may do: {said}"
                yield self._finding(Fault(Severity.WARNING, "sudo-unasked", evidence), "")
            return
        free = any(judged.open and not self._password(e) for e, judged in self._judged)
        if self._is_root:
            severity = Severity.FAILURE if free else Severity.NOTE
            evidence = f"sudo lets them type: {self._is_root}"
            file = next((entry.file for entry, judged in self._judged if judged.open), "")
            yield self._finding(Fault(severity, "sudo-allows", evidence), file)
        for entry, judged in self._judged:
            for fault in (*judged.faults, *self._around(entry), *self._not_judged(entry, judged)):
                yield self._finding(fault, entry.file)

    def _around(self, entry: Entry) -> Iterator[Fault]:
        """What the rule's tags and Defaults make of a command of ours."""
        if not _is_ours(entry):
            return
        if "setenv" in entry.options:
            evidence = "SETENV lets them set LD_PRELOAD, and with that they are root"
            yield Fault(Severity.FAILURE, "sudo-setenv", evidence)
        elif self._loose and ("!setenv" not in entry.options or self._keeps):
            evidence = "Defaults let their environment through, LD_PRELOAD with it: they are root"
            yield Fault(Severity.FAILURE, "sudo-environment", evidence)
        if entry.chroot or "runchroot=" in self._listing.defaults:
            evidence = "CHROOT puts another program at the runner's path"
            yield Fault(Severity.FAILURE, "sudo-chroot", evidence)

    def _not_judged(self, entry: Entry, judged: Judged) -> Iterator[Fault]:
        if not judged.open or self._is_root:
            return
        if _is_ours(entry):
            evidence = f"{entry.command!r} cannot be judged: what sudo was asked for it refused"
            yield Fault(Severity.WARNING, "sudo-unjudged", evidence)
        else:
            evidence = f"also runs as root, and is not judged: {entry.command}"
            yield Fault(Severity.NOTE, "sudo-other", evidence)

    def _finding(self, fault: Fault, file: str) -> Finding:
        if not file.startswith("/") or not os.path.exists(file):  # LDAP's and SSSD's have none
            file = self._file_of_ours()
        subject = f"{file}: {self._shown}"
        return _finding(
            fault.severity, fault.rule, subject, fault.evidence, fault.fix or _edit(file)
        )

    def _file_of_ours(self) -> str:
        """Where sudo does not tell: the one file that speaks of credhelper, if it is one."""
        ours = [file for file in self._files if _mentions(file)]
        return ours[0] if len(ours) == 1 else _MAIN

    def reaches(self) -> Iterator[str]:
        """What they can reach, if it is anything."""
        failed = [
            fault.evidence
            for entry, judged in self._judged
            for fault in (*judged.faults, *self._around(entry))
            if fault.severity is Severity.FAILURE
        ]
        if self._is_root:
            what = f"root, because sudo lets them type: {self._is_root}"
        elif failed:
            what = f"root, because {failed[0]}"
        else:
            reached = [judged.reaches for _, judged in self._judged if judged.reaches]
            reached += [f"as {', '.join(e.runas)}: {e.command}" for e in self._others]
            what = next((one for one in reached if one.startswith("root")), "")
            what = what or "; ".join(dict.fromkeys(reached))
        if what:
            yield f"{self._shown}: {what}"


def _as_root(entry: Entry) -> bool:
    """Whether the command can be run as root; nothing denied is."""
    if entry.command.startswith("!"):
        return False
    if "!root" in entry.runas or "!#0" in entry.runas:
        return False
    return any(not (user := _account(name)) or user.pw_uid == 0 for name in entry.runas)


def _is_ours(entry: Entry) -> bool:
    return "credhelper" in entry.command


def _loose(bound: str) -> bool:
    """Whether ``Defaults`` that are bound to commands let the environment through for ours."""
    if not _LOOSE.search(bound):
        return False
    if bound.startswith("Defaults>"):
        return True
    paths = re.findall(r"(?:!|, )(\S+)", bound)
    return any(
        not path.startswith("/")
        or re.search(r"[*?\[]|/$", path)
        or os.path.basename(path.rstrip(",")) in map(os.path.basename, (RUNNER, MANAGER))
        for path in paths
    )


def _mentions(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return b"credhelper" in opened.read()
    except OSError:
        return False


def _edit(file: str) -> str:
    return f"sudo visudo -f {shlex.quote(file)}"

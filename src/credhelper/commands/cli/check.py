# SPDX-License-Identifier: MIT
"""``credhelper check``: what is wrong with the machine, the store, sudoers and scripts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from credhelper import store as credential_store
from credhelper import unsealing
from credhelper.commands import messages, sealing
from credhelper.commands.check import (
    credentials,
    grants,
    machine,
    plaintext,
    scripts,
    store,
    sudoers,
)
from credhelper.commands.check.finding import Area, Finding, Severity
from credhelper.commands.cli import findings, meant, terminal
from credhelper.errors import SystemdMissing

if TYPE_CHECKING:
    import argparse

    from credhelper.store import Sealed

_DESCRIPTION = """\
Look after the store: the machine and its host key, owners and modes, whether each credential
unseals, under its name and for how long, plaintext beside it, what sudoers allows. With names, only
those credentials; with scripts (a path), only those: keys in their source, values that they print,
credentials that they do not declare. Each finding comes with the command that fixes it."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser("check", help="look for problems", description=_DESCRIPTION)
    parser.add_argument(
        "subjects", metavar="NAME|SCRIPT", nargs="*", help="credentials, or paths of scripts"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--fix", action="store_true", help="fix owners and modes of the store, remove leftovers"
    )
    parser.add_argument(
        "--max-age",
        metavar="DAYS",
        type=meant.quantity("days", "--max-age=90"),
        help="no value may be older than this",
    )
    parser.add_argument("--allow-null", action="store_true", help="let the null key pass")


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for: names and scripts, nothing of either for everything."""

    names: tuple[str, ...]
    scripts: tuple[str, ...]
    max_age_days: float | None
    allow_null: bool

    @property
    def everything(self) -> bool:
        """Whether no subject was given."""
        return not self.names and not self.scripts


def run(arguments: argparse.Namespace) -> int:
    """Prints the report; 1 where there is a failure in it."""
    asked = _asked(arguments)
    reach = sudoers.report() if asked.everything else sudoers.Report()
    found = _findings(asked, reach)
    fixed: list[Finding] = []
    if arguments.fix:
        fixed = [finding for finding in found if _repaired(finding)]
        found = _findings(asked, reach) if fixed else found
    facts = machine.facts() if asked.everything else []
    facts += credentials.facts(_places(asked)) if asked.everything else []
    facts += grants.facts() if asked.everything else []
    facts += [f"sudo: {line}" for line in reach.reaches]
    if arguments.json:
        terminal.print_json("check", findings.as_data(facts, found, fixed))
    else:
        findings.show(facts, found, fixed)
    return 1 if any(finding.severity is Severity.FAILURE for finding in found) else 0


def _asked(arguments: argparse.Namespace) -> _Asked:
    paths = [s for s in arguments.subjects if "/" in s or os.path.exists(s)]
    names = [s for s in arguments.subjects if s not in paths]
    return _Asked(tuple(names), tuple(paths), arguments.max_age, arguments.allow_null)


def _places(asked: _Asked) -> list[Sealed]:
    there = store.places()
    if not asked.names:
        return there
    chosen = [place for place in there if place.name in asked.names]
    if missing := set(asked.names) - {place.name for place in chosen}:
        error = credential_store.missing(sorted(missing), wanted=False)
        error.hint += "; a script is given by a path, such as ./script.py"
        raise error
    return chosen


def _findings(asked: _Asked, reach: sudoers.Report) -> list[Finding]:
    """All findings, in the order of the areas, the worst first."""
    found: list[Finding] = []
    host_key = list(machine.host_key())
    chosen = _places(asked)
    unsealed = credentials.unseal(
        chosen,
        allow_null=asked.allow_null,
        host_key_usable=not host_key,
        progress=messages.progress("unsealing"),
    )
    names = {place.name for place in chosen}
    if asked.everything:
        found += machine.findings()
        found += store.directory_findings()
        found += plaintext.findings(names, unsealed.values)
        found += grants.findings(names)
        found += reach.findings
    elif asked.names:
        found += host_key
    if asked.everything or asked.names:
        for place in chosen:
            found += store.file_findings(place)
        found += credentials.findings(
            chosen,
            unsealed,
            max_age_days=asked.max_age_days,
            tpm2_there=_tpm2_there(),
            systemd=_systemd(),
        )
    if asked.scripts and asked.names:  # a script may name any of them
        names = {place.name for place in store.places()}
    for path in asked.scripts:
        found += scripts.findings(path, names, unsealed.values)
    areas, severities = list(Area), list(Severity)
    return sorted(found, key=lambda f: (areas.index(f.area), severities.index(f.severity)))


def _tpm2_there() -> bool:
    try:
        return sealing.has_tpm2() == "yes"
    except SystemdMissing:
        return False


def _systemd() -> int:
    try:
        return unsealing.version()
    except SystemdMissing:
        return 0


def _repaired(finding: Finding) -> bool:
    if finding.repair is None:
        return False
    try:
        finding.repair()
    except OSError as error:
        messages.warn(f"{finding.subject} was left as it is: {error.strerror}", finding.fix)
        return False
    return True

# SPDX-License-Identifier: MIT
"""How findings are shown: grouped, for people or as JSON."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from credhelper.commands.check.finding import Area, Finding, Severity
from credhelper.commands.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

# yellow, green and cyan are hard to read on a light background
_STYLES: Final = {Severity.FAILURE: "bold red", Severity.WARNING: "magenta", Severity.NOTE: "blue"}
_INDENT: Final = "      "


def as_data(
    facts: Sequence[str], findings: Sequence[Finding], fixed: Sequence[Finding]
) -> dict[str, object]:
    """The report as JSON shows it."""
    return {
        "facts": list(facts),
        "findings": [_as_data(finding) for finding in findings],
        "fixed": [_as_data(finding) for finding in fixed],
        "summary": {severity.value: _count(findings, severity) for severity in Severity},
    }


def show(facts: Sequence[str], findings: Sequence[Finding], fixed: Sequence[Finding]) -> None:
    """Prints the report: dressed and folded on a terminal, a line a sentence in a pipe."""
    write = terminal.writer()
    for fact in facts:
        write(fact, "dim", "")
    for finding in fixed:
        write(f"fixed [{finding.rule}] {finding.subject}", "bold", _INDENT)
    if facts or fixed:
        write("")
    for area, group in groupby(findings, key=lambda finding: finding.area):
        write(area.value, "bold", "")
        for finding in group:
            _show(finding, write)
        write("")
    write(_summary(findings), "bold", "")


def _show(finding: Finding, write: terminal.Writes) -> None:
    head = f"  {finding.severity.value} [{finding.rule}] "
    join = " " if finding.area is not Area.SCRIPTS and finding.area is not Area.SUDOERS else ": "
    text = f"{head}{finding.subject}{join}{finding.evidence}"
    write(text, _STYLES[finding.severity], _INDENT, len(finding.severity.value) + 2)
    write(f"{_INDENT}$ {finding.fix}", "bold", None)


def _summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "no problems found"
    counts = [(severity.value, _count(findings, severity)) for severity in Severity]
    return ", ".join(terminal.counted(n, word) for word, n in counts if n)


def _count(findings: Sequence[Finding], severity: Severity) -> int:
    return sum(finding.severity is severity for finding in findings)


def _as_data(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "area": finding.area.value,
        "rule": finding.rule,
        "subject": finding.subject,
        "evidence": finding.evidence,
        "fix": finding.fix,
    }

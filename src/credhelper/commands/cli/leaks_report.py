# SPDX-License-Identifier: MIT
"""What ``credhelper leaks`` tells people: by credential, then the steps to take. Never a value."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from credhelper.commands.cli.terminal import counted
from credhelper.commands.leaks import advice
from credhelper.commands.leaks.advice import command
from credhelper.commands.leaks.findings import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credhelper.commands.leaks.findings import Hit, Report


@dataclass(frozen=True, slots=True)
class Line:
    """A line for people, and how it is dressed on a terminal that has colours."""

    text: str
    style: str = ""


def as_lines(report: Report, *, steps: bool = True) -> list[Line]:
    """The report by credential, and the steps to take; to be shown escaped."""
    lines = []
    for credential in sorted({hit.credential for hit in report.hits}):
        places = _grouped([hit for hit in report.hits if hit.credential == credential])
        count = counted(len(places), "place")
        lines.append(Line(f"{credential} was found in {count}:", "bold red"))
        for versions in places:
            lines += _place(versions)
        lines.append(Line(""))
    return lines + _steps(report) if report.hits and steps else lines


def summary(report: Report, *, complete: bool) -> str:
    """How much was searched, on one line."""
    searched = f"{counted(report.files, 'file')} and {counted(report.objects, 'object')} of "
    searched += counted(report.repositories, "repository", "repositories")
    if report.hits:
        outcome = counted(len({hit.credential for hit in report.hits}), "credential") + " found"
    else:
        outcome = "clean" if complete else "nothing found, but not everything was searched"
    known = f" ({counted(report.known, 'finding')} of the baseline)" if report.known else ""
    return f"searched {searched}: {outcome}{known}"


def quote(path: str) -> str:
    """A path as one types it in bash, whatever bytes it has."""
    if path.isprintable():
        return shlex.quote(path)
    escaped = "".join(
        chr(byte) if re.match(r"[A-Za-z0-9_./@%+=:,<> -]", chr(byte)) else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f"$'{escaped}'"


def _grouped(hits: list[Hit]) -> list[list[Hit]]:
    """Hits that differ only in the version of the file, the oldest first."""
    groups: dict[tuple[object, ...], list[Hit]] = {}
    for hit in hits:
        versioned = hit.place in (Place.HISTORY, Place.PATH_NAME) and hit.path
        key: tuple[object, ...] = (hit.repository, hit.path, hit.encoding, hit.inside)
        key += (hit.place, "") if versioned else (hit.place, hit.object, hit.line)
        groups.setdefault(key, []).append(hit)
    return [sorted(group, key=lambda hit: hit.author_date or "9") for group in groups.values()]


def _place(versions: list[Hit]) -> list[Line]:
    hit = versions[0]
    notes = [hit.place.value]
    if hit.encoding != "as it is":
        notes.append(hit.encoding)
    if hit.inside:
        notes.append(f"in {hit.inside}")
    where = hit.path or f"object {hit.object[:12]}"
    where += f":{hit.line}" if hit.line else ""
    lines = [Line(f"  {where}  ({', '.join(notes)})")]
    return [*lines, Line(f"      {_origin(versions)}", "dim")] if hit.place.past else lines


def _origin(versions: list[Hit]) -> str:
    """The commits that have a value, and what leads to them."""
    first = versions[0]
    origin = f"commit {first.commit[:12]} of {first.author_date[:10]}"
    if not first.commit:
        origin = "in no commit"
    if more := len({version.commit for version in versions}) - 1:
        origin += f" and {more:,} more"
    if remote := next((hit.remote_branch for hit in versions if hit.remote_branch), ""):
        return f"{origin}; a remote has it: {remote}"
    refs = sorted({ref for hit in versions for ref in hit.refs}, key=_rank)
    if not refs:
        return f"{origin}; no branch or tag leads to it"
    others = f" and {len(refs) - 1:,} more" if len(refs) > 1 else ""
    return f"{origin}; in {refs[0]}{others}, in no branch of a remote"


def _rank(ref: str) -> tuple[bool, bool, str]:
    return not ref.startswith("refs/heads/"), not ref.startswith("refs/"), ref


def _steps(report: Report) -> list[Line]:
    names = sorted({hit.credential.rpartition(" of ")[2] for hit in report.hits} & report.current)
    lines = [Line("1. revoke it: what was found is known to others", "bold")]
    if names:
        lines = [
            Line(
                "1. rotate now: get a new key from the provider, revoke the old one, then", "bold"
            ),
            *(_command(command("sudo", "credhelper", "rotate", name)) for name in names),
        ]
    past = [hit for hit in report.hits if hit.place.past]
    if not past:
        return [*lines, Line("2. then remove the value from the places above", "bold")]
    lines.append(
        Line("2. then, not instead, rewrite the history; clones and forks keep theirs", "bold")
    )
    for repository in sorted({hit.repository for hit in past}):
        own = [hit for hit in past if hit.repository == repository]
        commands = advice.rewriting(repository, report.workplaces[repository], own)
        lines += [_command(words) for words in commands]
    if len(past) < len(report.hits):
        lines.append(Line("3. then remove the value from the other places above", "bold"))
    return lines


def _command(words: Sequence[str]) -> Line:
    return Line("     " + " ".join(map(quote, words)), "cyan")

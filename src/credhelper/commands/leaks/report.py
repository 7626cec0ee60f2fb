# SPDX-License-Identifier: MIT
"""What a search found, what it could not read, and what to do about it. Never a value."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import asdict, dataclass, field
from enum import Enum


class Place(Enum):
    """Where a value stands."""

    FILE = "working tree"
    GIT_FILE = "Git directory"
    FILE_NAME = "file name"
    LINK = "link target"
    STAGED = "staged"
    HISTORY = "history"
    MESSAGE = "commit message"
    TAG = "tag"
    PATH_NAME = "path name in history"


REWRITTEN = ("refs/heads/", "refs/tags/", "refs/remotes/")  # what git-filter-repo goes through
NOT_PAST = (Place.FILE, Place.GIT_FILE, Place.FILE_NAME, Place.LINK, Place.STAGED)


@dataclass(frozen=True, slots=True)
class Hit:
    """One value at one place; fields that do not apply are empty. Lines count from 1.

    Paths are as the system has them (os.fsdecode), values in them replaced by <credential>;
    hidden tells that this happened. In the history, path is relative to the work tree, commit
    the first that has the value there, ref what leads to one of those commits, remote_branch
    a branch of a remote (origin/main) that does.
    """

    credential: str
    encoding: str
    place: Place
    path: str
    line: int = 0
    compressed: bool = False
    hidden: bool = False
    repository: str = ""
    object: str = ""
    commit: str = ""
    author_date: str = ""
    ref: str = ""
    remote_branch: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be searched, or not all of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line for people, and how it is dressed on a terminal that has colours."""

    text: str
    style: str = ""


@dataclass(slots=True)
class Report:
    """The outcome. skipped: credentials whose values are too short to search for."""

    hits: list[Hit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: tuple[str, ...] = ()
    files: int = 0
    repositories: int = 0
    objects: int = 0
    size: int = 0


def as_data(report: Report) -> dict[str, object]:
    """The report for JSON."""
    return {
        "hits": [asdict(hit) | {"place": hit.place.value} for hit in report.hits],
        "problems": [asdict(problem) for problem in report.problems],
        "too_short": list(report.skipped),
        "searched": {
            "files": report.files,
            "repositories": report.repositories,
            "objects": report.objects,
            "bytes": report.size,
        },
    }


def as_lines(report: Report) -> list[Line]:
    """The report for people, by credential, with the steps to take; to be shown escaped."""
    lines = []
    for credential in sorted({hit.credential for hit in report.hits}):
        places = _grouped([hit for hit in report.hits if hit.credential == credential])
        lines.append(Line(f"{credential} stands in {_count(len(places), 'place')}:", "bold red"))
        for versions in places:
            lines += _place(versions)
        lines.append(Line(""))
    return lines + _steps(report.hits) if report.hits else lines


def summary(report: Report) -> str:
    """How much was searched, on one line."""
    searched = f"{_count(report.files, 'file')} and {_count(report.objects, 'object')} of "
    searched += _count(report.repositories, "repository", "repositories")
    found = _count(len({hit.credential for hit in report.hits}), "credential")
    return f"searched {searched}: {found} found" if report.hits else f"searched {searched}: clean"


def _grouped(hits: list[Hit]) -> list[list[Hit]]:
    """Hits that differ only in the version of the file, the oldest first."""
    groups: dict[tuple[object, ...], list[Hit]] = {}
    for hit in hits:
        versioned = hit.place in (Place.HISTORY, Place.PATH_NAME) and hit.path
        key: tuple[object, ...] = (hit.repository, hit.path, hit.encoding, hit.compressed)
        key += (hit.place, "") if versioned else (hit.place, hit.object, hit.line)
        groups.setdefault(key, []).append(hit)
    return [sorted(group, key=lambda hit: hit.author_date or "9") for group in groups.values()]


def _place(versions: list[Hit]) -> list[Line]:
    hit = versions[0]
    notes = [hit.place.value]
    if hit.encoding != "as it is":
        notes.append(hit.encoding)
    if hit.compressed:
        notes.append("in gzip data")
    where = hit.path or f"object {hit.object[:12]}"
    where += f":{hit.line}" if hit.line else ""
    lines = [Line(f"  {where}  ({', '.join(notes)})")]
    return lines if hit.place in NOT_PAST else [*lines, Line(f"      {_origin(versions)}", "dim")]


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
    if ref := next((hit.ref for hit in versions if hit.ref), ""):
        return f"{origin}; in {ref}, in no branch of a remote"
    return f"{origin}; no branch or tag leads to it"


def _steps(hits: list[Hit]) -> list[Line]:
    names = sorted({hit.credential for hit in hits})
    lines = [
        Line("1. rotate now: get a new key from the provider, revoke the old one, then", "bold"),
        *(_command(f"sudo credhelper rotate {shlex.quote(name)}") for name in names),
    ]
    past = [hit for hit in hits if hit.place not in NOT_PAST]
    if not past:
        return [*lines, Line("2. then remove the value from the places above", "bold")]
    lines.append(
        Line("2. then, not instead, rewrite the history; clones and forks keep theirs", "bold")
    )
    for repository in sorted({hit.repository for hit in past}):
        lines += _rewriting(repository, [hit for hit in past if hit.repository == repository])
    return lines


def _rewriting(repository: str, hits: list[Hit]) -> list[Line]:
    """The commands that take the hits out of a repository's history."""
    git = f"git -C {quote(repository)}"
    led = [hit for hit in hits if hit.remote_branch or hit.ref.startswith(REWRITTEN)]
    paths = sorted({h.path for h in led if h.place is Place.HISTORY and h.path and not h.hidden})
    lines = []
    if paths:
        words = [f"{git} filter-repo --invert-paths", *(f"  --path {quote(p)}" for p in paths)]
        lines += [_command(f"{word} \\") for word in words[:-1]] + [_command(words[-1])]
    if any(hit.place in (Place.MESSAGE, Place.TAG) for hit in led):
        lines.append(_command(f"{git} filter-repo --replace-message EXPRESSIONS"))
    if any(hit.hidden or hit.place is Place.PATH_NAME for hit in led):
        lines.append(_command(f"{git} filter-repo --filename-callback CODE"))
    if any(hit.ref == "refs/stash" for hit in hits):
        lines.append(_command(f"{git} stash drop"))
    notes = sorted({hit.path.replace("/", "") for hit in hits if hit.ref == "refs/notes/commits"})
    lines += [_command(f"{git} notes remove {quote(note)}") for note in notes]
    lines.append(_command(f"{git} reflog expire --expire=now --all"))
    lines.append(_command(f"{git} gc --prune=now"))
    return lines


def _command(text: str) -> Line:
    return Line(f"     {text}", "cyan")


def quote(path: str) -> str:
    """A path as one types it in bash, whatever bytes it has."""
    if path.isprintable():
        return shlex.quote(path)
    escaped = "".join(
        chr(byte) if re.match(r"[A-Za-z0-9_./@%+=:,<> -]", chr(byte)) else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f"$'{escaped}'"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"

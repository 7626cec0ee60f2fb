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


def as_lines(report: Report) -> list[str]:
    """The report for people, by credential, with the steps to take; to be shown escaped."""
    lines = []
    for credential in sorted({hit.credential for hit in report.hits}):
        places = _grouped([hit for hit in report.hits if hit.credential == credential])
        lines += [f"{credential} stands in {_count(len(places), 'place')}:"]
        for versions in places:
            lines += _place(versions)
        lines.append("")
    if report.hits:
        lines += _steps(report.hits)
    return lines


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


def _place(versions: list[Hit]) -> list[str]:
    hit = versions[0]
    notes = [hit.place.value]
    if hit.encoding != "as it is":
        notes.append(hit.encoding)
    if hit.compressed:
        notes.append("in gzip data")
    where = hit.path or (f"object {hit.object[:12]}" if hit.object else "")
    lines = [f"  {where}{f':{hit.line}' if hit.line else ''}  ({', '.join(notes)})"]
    if hit.place in (Place.FILE, Place.GIT_FILE, Place.FILE_NAME, Place.LINK, Place.STAGED):
        return lines
    commits = len({version.commit for version in versions})
    first = f"commit {hit.commit[:12]} of {hit.author_date[:10]}" if hit.commit else "in no commit"
    if commits > 1:
        first += f" and {commits - 1} more"
    remote = next((version.remote_branch for version in versions if version.remote_branch), "")
    ref = next((version.ref for version in versions if version.ref), "")
    if remote:
        state = f"a remote has it: {remote}"
    elif ref:
        state = f"in {ref}, in no branch of a remote"
    else:
        state = "no branch or tag leads to it"
    return [*lines, f"      {first}; {state}"]


def _steps(hits: list[Hit]) -> list[str]:
    names = sorted({hit.credential for hit in hits})
    lines = [
        "1. rotate now: get a new key from the provider, revoke the old one, then",
        *(f"     sudo credhelper rotate {shlex.quote(name)}" for name in names),
    ]
    past = [hit for hit in hits if hit.repository and hit.place is not Place.GIT_FILE]
    past = [hit for hit in past if hit.place is not Place.STAGED]
    if not past:
        return [*lines, "2. then remove the value from the places above"]
    lines.append("2. then, not instead, rewrite the history; clones and forks keep theirs")
    for repository in sorted({hit.repository for hit in past}):
        lines += _rewriting(repository, [hit for hit in past if hit.repository == repository])
    return lines


def _rewriting(repository: str, hits: list[Hit]) -> list[str]:
    """The commands that take the hits out of a repository's history."""
    quoted = quote(repository)
    paths = sorted({h.path for h in hits if h.place is Place.HISTORY and h.path and not h.hidden})
    lines = []
    if paths:
        lines.append(f"     git -C {quoted} filter-repo --invert-paths \\")
        lines += [f"       --path {quote(path)} \\" for path in paths]
        lines[-1] = lines[-1].removesuffix(" \\")
    if any(hit.place in (Place.MESSAGE, Place.TAG) for hit in hits):
        lines.append(f"     git -C {quoted} filter-repo --replace-message EXPRESSIONS")
    if any(hit.hidden or hit.place is Place.PATH_NAME for hit in hits):
        lines.append(f"     git -C {quoted} filter-repo --filename-callback CODE")
    lines.append(f"     git -C {quoted} reflog expire --expire=now --all")
    lines.append(f"     git -C {quoted} gc --prune=now")
    return lines


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

# SPDX-License-Identifier: MIT
"""How an object came into the history: at which paths, by which commits, and what holds those.

Three questions to Git, each with a bound: diff-tree tells paths and commits, up to as much output
as an honest history has; where a tree of a few objects unfolds into millions of paths, one path of
each object is told by rev-list, which goes through a tree once; for-each-ref tells the references.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from credhelper.commands.leaks.git import git, output_of
from credhelper.commands.leaks.objects import contents
from credhelper.commands.leaks.repository import small_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from credhelper.commands.leaks.objects import Survey
    from credhelper.commands.leaks.repository import Repository

    # of objects: their paths, and the commits of those
    Paths = dict[str, dict[bytes, set[str]]]

_T = TypeVar("_T")

LISTED: Final = 500_000  # entries of diff-tree that any repository may have
LISTED_FOR_ONE: Final = 20  # entries for each of its objects that a larger one may have
CONTAINED: Final = 100  # commits that references are looked up for, one by one


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. refs: every reference that leads to it, and entries of the stash (stash@{1})."""

    oid: str
    author_date: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A path that an object has, and the commits that put it there, the oldest first."""

    path: bytes
    commits: tuple[Commit, ...]


def occurrences(
    repository: Repository, oids: Iterable[str], survey: Survey, problems: list[str]
) -> dict[str, list[Occurrence]]:
    """For each blob or tree in a commit, and each commit itself (path empty): its occurrences."""
    wanted = set(oids)
    commits = survey.commits()
    most = LISTED + LISTED_FOR_ONE * survey.objects
    placed = _placed(repository, wanted, commits, most, problems)
    for oid in wanted & set(commits):
        placed.setdefault(oid, {})[b""] = {oid}
    involved = {c for paths in placed.values() for found in paths.values() for c in found}
    known = _commits(repository, involved, problems)
    return {
        oid: [
            Occurrence(path, tuple(sorted((known[c] for c in found if c in known), key=_age)))
            for path, found in sorted(paths.items())
        ]
        for oid, paths in placed.items()
    }


def date_of(header: bytes) -> str:
    """The ISO 8601 time (UTC) of an author or tagger line, "" where there is none to be read."""
    try:
        return datetime.fromtimestamp(int(header.rsplit(b" ", 2)[1]), UTC).isoformat()
    except (ValueError, OverflowError, OSError, IndexError):
        return ""


def field_of(content: bytes, name: bytes) -> bytes:
    """A header field of a commit or tag object."""
    head = content.split(b"\n\n", 1)[0]
    return next(
        (line[len(name) + 1 :] for line in head.split(b"\n") if line.startswith(name + b" ")), b""
    )


def stash_entries(repository: Repository, problems: list[str]) -> dict[str, str]:
    """The commits that entries of the stash consist of, by their ids: which entry (stash@{1}).

    The reference leads to the newest alone; the others are in its log (git-stash(1)).
    """
    log = small_file(repository.common, "logs/refs/stash") or b""
    tips = [fields[1].decode() for line in log.splitlines() if len(fields := line.split()) > 2]
    if not tips or not all(_is_id(tip) for tip in tips):
        return {}
    numbers = {tip: len(tips) - 1 - index for index, tip in enumerate(tips)}
    listed = output_of(
        repository, problems, "rev-list", "--no-walk=unsorted", "--parents", *numbers
    )
    result = {}
    for line in listed.decode(errors="replace").splitlines():
        tip, *parents = line.split()
        for commit in (tip, *parents[1:]):  # the first parent is what was checked out
            result[commit] = f"stash@{{{numbers.get(tip, 0)}}}"
    return result


def logged(repository: Repository, problems: list[str]) -> tuple[str, ...]:
    """HEAD and the branches, where the repository has a stash; else nothing."""
    if small_file(repository.common, "logs/refs/stash") is None:
        return ()
    listed = output_of(repository, problems, "for-each-ref", "--format=%(refname)", "refs/heads")
    return ("HEAD", *listed.decode(errors="replace").splitlines())


def _is_id(text: str) -> bool:
    return len(text) in (40, 64) and set(text) <= set("0123456789abcdef")


def _age(commit: Commit) -> tuple[float, str]:
    try:
        return datetime.fromisoformat(commit.author_date).timestamp(), commit.oid
    except ValueError:
        return float("inf"), commit.oid


def _placed(
    repository: Repository, wanted: set[str], commits: list[str], most: int, problems: list[str]
) -> Paths:
    """For each wanted object the paths and, for each path, the commits that introduce it there."""
    result: Paths = {}
    if not _introduced(repository, wanted, commits, most, (), result):
        problems.append("its history is damaged or unfolds without end: not every path is told")
        paths = _one_path_each(repository, wanted, commits)
        for few in _batches(sorted(paths), 100):
            _introduced(repository, wanted, commits, most, few, result)
    for oid, commit in _root_trees(repository, wanted, commits):
        result.setdefault(oid, {}).setdefault(b"", set()).add(commit)
    return result


def _introduced(
    repository: Repository,
    wanted: set[str],
    commits: list[str],
    most: int,
    paths: tuple[bytes, ...],
    result: Paths,
) -> bool:
    """Adds what diff-tree tells of wanted objects, at these paths; False where that is not all."""
    options = ("--stdin", "-r", "-t", "-c", "--root", "--raw", "-z", "--no-renames", "--no-abbrev")
    limits = ("--", *map(os.fsdecode, paths)) if paths else ()
    with git(repository, "diff-tree", *options, *limits, lines=commits) as running:
        commit, entry, count = "", b"", 0
        for word in _words(running.output):
            if entry:
                # after -c there is a mode and an id for each parent, then those of the result
                oid = entry.split()[-2].decode()
                if oid in wanted:
                    result.setdefault(oid, {}).setdefault(word, set()).add(commit)
                entry = b""
                count += 1
                if count > most:
                    return False
            elif word.startswith(b":"):
                entry = word
            else:
                commit = word.decode(errors="replace").strip()
        return running.status() == 0


def _one_path_each(repository: Repository, wanted: set[str], commits: list[str]) -> set[bytes]:
    """The first path at which Git comes upon each object: it looks into a tree once."""
    paths = set()
    with git(repository, "rev-list", "--objects", "--stdin", lines=commits) as running:
        for line in running.output:
            oid, _, path = line.rstrip(b"\n").partition(b" ")
            if path and oid.decode(errors="replace") in wanted:
                paths.add(path)
    return paths


def _root_trees(
    repository: Repository, wanted: set[str], commits: list[str]
) -> list[tuple[str, str]]:
    """The commits whose own tree is a wanted object: diff-tree does not list those."""
    if not wanted:
        return []
    options = ("--no-walk=unsorted", "--stdin", "--format=%T %H")
    with git(repository, "log", *options, lines=commits) as running:
        pairs = [line.decode(errors="replace").split() for line in running.output]
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in wanted]


def _words(stream: Iterable[bytes]) -> Iterator[bytes]:
    """The NUL-terminated words of a stream that is read by lines."""
    rest = b""
    for line in stream:
        *words, rest = (rest + line).split(b"\0")
        yield from words
    if rest:
        yield rest


def _commits(repository: Repository, oids: set[str], problems: list[str]) -> dict[str, Commit]:
    dates = {}
    for found, pieces in contents(repository, sorted(oids), problems):
        author = field_of(b"".join(pieces)[: 1 << 20], b"author")
        dates[found.oid] = date_of(author)
    stash = stash_entries(repository, problems) if oids else {}
    refs = _holding(repository, sorted(dates, key=lambda oid: dates[oid] or "9"), problems)
    return {
        oid: Commit(oid, date, (*refs.get(oid, ()), *([stash[oid]] if oid in stash else ())))
        for oid, date in dates.items()
    }


def _holding(
    repository: Repository, oids: list[str], problems: list[str]
) -> dict[str, tuple[str, ...]]:
    """The references that lead to each of the commits; of very many commits, those of any."""
    result = {oid: _containing(repository, [oid], problems) for oid in oids[:CONTAINED]}
    for few in _batches(oids[CONTAINED:], 1000):
        refs = _containing(repository, few, problems)
        result |= dict.fromkeys(few, refs)
    return result


def _containing(
    repository: Repository, oids: Iterable[str], problems: list[str]
) -> tuple[str, ...]:
    """What leads to any of the commits (git-for-each-ref(1), --contains)."""
    options = [f"--contains={oid}" for oid in oids]
    listed = output_of(repository, problems, "for-each-ref", "--format=%(refname)", *options)
    # the entries of the stash are told one by one
    return tuple(ref for ref in listed.decode(errors="replace").splitlines() if ref != "refs/stash")


def _batches(items: Sequence[_T], size: int) -> Iterator[tuple[_T, ...]]:
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])

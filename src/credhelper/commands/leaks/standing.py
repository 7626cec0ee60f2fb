# SPDX-License-Identifier: MIT
"""Where in the history an object stands: paths, commits, dates, and whether a remote has it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from credhelper.commands.leaks.objects import contents
from credhelper.commands.leaks.repository import Repository, finished, git


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. remote_branch: a branch that a remote has and that leads to it; ref: any ref."""

    oid: str
    author_date: str
    ref: str | None
    remote_branch: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A path at which an object stands, and the commits that put it there, the oldest first."""

    path: bytes
    commits: tuple[Commit, ...]


def standings(
    repository: Repository, oids: Iterable[str], problems: list[str]
) -> dict[str, list[Standing]]:
    """For each blob or tree in a commit, and each commit itself (path empty): where it stands."""
    wanted = set(oids)
    commits = _all_commits(repository)
    placed = _placed(repository, wanted, commits, problems)
    for oid in wanted & set(commits):
        placed.setdefault(oid, {})[b""] = {oid}
    involved = {c for paths in placed.values() for found in paths.values() for c in found}
    known = _commits(repository, involved, problems)
    return {
        oid: [
            Standing(path, tuple(sorted((known[c] for c in found if c in known), key=_age)))
            for path, found in sorted(paths.items())
        ]
        for oid, paths in placed.items()
    }


def date_of(header: bytes) -> str:
    """The ISO 8601 date in an author or tagger line, "" where there is none to be read."""
    try:
        seconds, zone = header.rsplit(b" ", 2)[1:]
        offset = timedelta(hours=int(zone[:3]), minutes=int(zone[:1] + zone[3:5]))
        return datetime.fromtimestamp(int(seconds), UTC).astimezone(timezone(offset)).isoformat()
    except (ValueError, OverflowError, OSError, IndexError):
        return ""


def field_of(content: bytes, name: bytes) -> bytes:
    """A header field of a commit or tag object."""
    head = content.split(b"\n\n", 1)[0]
    return next(
        (line[len(name) + 1 :] for line in head.split(b"\n") if line.startswith(name + b" ")), b""
    )


def _age(commit: Commit) -> tuple[float, str]:
    try:
        return datetime.fromisoformat(commit.author_date).timestamp(), commit.oid
    except ValueError:
        return float("inf"), commit.oid


def _all_commits(repository: Repository) -> list[str]:
    """Every commit among the objects, reachable or not."""
    listing = "--batch-check=%(objecttype) %(objectname)"
    with git(
        repository, "cat-file", "--batch-all-objects", "--unordered", "--buffer", listing
    ) as running:
        return [line[7:].strip().decode() for line in running.output if line.startswith(b"commit ")]


def _placed(
    repository: Repository, wanted: set[str], commits: list[str], problems: list[str]
) -> dict[str, dict[bytes, set[str]]]:
    """For each wanted object the paths and, for each path, the commits that introduce it there."""
    result: dict[str, dict[bytes, set[str]]] = {}
    lines = "".join(f"{commit}\n" for commit in commits).encode()
    options = ("--stdin", "-r", "-t", "-c", "--root", "--raw", "-z", "--no-renames", "--no-abbrev")
    with git(repository, "diff-tree", *options, lines=lines) as running:
        commit, entry = "", b""
        for word in _words(running.output):
            if entry:
                # after -c there is a mode and an id for each parent, then those of the result
                oid = entry.split()[-2].decode()
                if oid in wanted:
                    result.setdefault(oid, {}).setdefault(word, set()).add(commit)
                entry = b""
            elif word.startswith(b":"):
                entry = word
            else:
                commit = word.decode(errors="replace").strip()
        if finished(running) != 0:
            problems.append("the history is damaged: not every commit and path could be told")
    roots = {oid: commit for commit, oid in _root_trees(repository, wanted, commits)}
    for oid, commit in roots.items():
        result.setdefault(oid, {}).setdefault(b"", set()).add(commit)
    return result


def _root_trees(
    repository: Repository, wanted: set[str], commits: list[str]
) -> list[tuple[str, str]]:
    """The commits whose own tree is a wanted object: diff-tree does not list those."""
    if not wanted:
        return []
    lines = "".join(f"{commit}\n" for commit in commits).encode()
    with git(
        repository, "log", "--no-walk=unsorted", "--stdin", "--format=%H %T", lines=lines
    ) as running:
        pairs = [line.decode(errors="replace").split() for line in running.output]
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2 and pair[1] in wanted]


def _words(stream: Iterable[bytes]) -> Iterable[bytes]:
    """The NUL-terminated words of a stream that is read by lines."""
    rest = b""
    for line in stream:
        *words, rest = (rest + line).split(b"\0")
        yield from words
    if rest:
        yield rest


def _commits(repository: Repository, oids: set[str], problems: list[str]) -> dict[str, Commit]:
    remote = _reached(repository, "--remotes", oids, problems)
    named = _reached(repository, "--all", oids, problems)
    result = {}
    for found, pieces in contents(repository, sorted(oids), problems):
        author = field_of(b"".join(pieces)[: 1 << 20], b"author")
        oid = found.oid
        result[oid] = Commit(oid, date_of(author), named.get(oid), remote.get(oid))
    return result


def _reached(
    repository: Repository, option: str, oids: set[str], problems: list[str]
) -> dict[str, str]:
    """Of the commits those that refs lead to, with the ref that Git came from."""
    if not oids:
        return {}
    with git(repository, "log", option, "--source", "--format=%H %S") as running:
        found = {}
        for line in running.output:
            oid, _, ref = line.decode(errors="replace").strip().partition(" ")
            if oid in oids:
                found[oid] = ref
                if len(found) == len(oids):
                    return found
        if finished(running) != 0:
            problems.extend(running.problems)
    return found

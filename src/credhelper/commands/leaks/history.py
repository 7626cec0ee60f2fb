# SPDX-License-Identifier: MIT
"""The objects that the survey suspects, read one by one, and where in the history they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from credhelper.commands.leaks.content import Content
from credhelper.commands.leaks.findings import Hit, Place
from credhelper.commands.leaks.git import output_of
from credhelper.commands.leaks.matching import Match, Matcher
from credhelper.commands.leaks.objects import Found, Survey, contents
from credhelper.commands.leaks.provenance import Commit, Occurrence, date_of, field_of, occurrences
from credhelper.commands.leaks.repository import Repository

TAG_HEAD = 1 << 16  # bytes of a tag object that tell its name


def hits(
    repository: Repository, matcher: Matcher, survey: Survey, content: Content
) -> tuple[list[Hit], list[str]]:
    """The hits in a repository's objects, and what could not be read of them."""
    problems: list[str] = []
    found = list(_in_objects(repository, matcher, survey, content, problems))
    if not found:
        return [], problems
    placed = occurrences(repository, {h.object for h in found}, survey, problems)
    unplaced = {h.object for h in found if h.place is Place.HISTORY and h.object not in placed}
    index = _index(repository, problems) if unplaced else {}
    result = []
    for hit in found:
        if hit.object in placed:
            result += [_placed(matcher, hit, one) for one in placed[hit.object]]
        elif hit.object in index:
            result += [
                replace(_at(matcher, hit, path), place=Place.STAGED) for path in index[hit.object]
            ]
        else:
            result.append(hit)
    return result, problems


def _in_objects(
    repository: Repository,
    matcher: Matcher,
    survey: Survey,
    content: Content,
    problems: list[str],
) -> Iterator[Hit]:
    """The hits, without paths and commits."""
    repository_path = matcher.shown(repository.work_tree)[0]
    for found, pieces in contents(repository, list(survey.holders), problems):
        first = next(pieces, b"")
        for match in matcher.matches(chain([first], pieces)):
            hit = _hit(match, found, repository_path)
            yield _tagged(matcher, hit, first[:TAG_HEAD]) if found.type == "tag" else hit
    for found, pieces in contents(repository, list(survey.archives), problems):
        for match, inside in content.search(pieces, packed_only=True):
            yield replace(_hit(match, found, repository_path), inside=inside)
        problems += [f"object {found.oid}: {what}" for what in content.problems]


def _hit(match: Match, found: Found, repository: str) -> Hit:
    place = {
        "commit": Place.MESSAGE,
        "tag": Place.TAG,
        "tree": Place.PATH_NAME,
    }.get(found.type, Place.HISTORY)
    return Hit(
        match.credential,
        match.encoding,
        place,
        path="",
        line=match.line if place is Place.HISTORY else 0,
        repository=repository,
        object=found.oid,
    )


def _tagged(matcher: Matcher, hit: Hit, content: bytes) -> Hit:
    name = matcher.redacted(field_of(content, b"tag")).decode(errors="replace")
    return replace(
        hit,
        path=name,
        commit=field_of(content, b"object").decode(errors="replace"),
        author_date=date_of(field_of(content, b"tagger")),
        refs=(f"refs/tags/{name}",),
    )


def _placed(matcher: Matcher, hit: Hit, occurrence: Occurrence) -> Hit:
    commits = occurrence.commits
    first = commits[0] if commits else Commit("", "", ())
    refs = dict.fromkeys(ref for commit in commits for ref in commit.refs)
    return replace(
        _at(matcher, hit, occurrence.path),
        commit=first.oid,
        author_date=first.author_date,
        refs=tuple(matcher.redacted(ref.encode()).decode(errors="replace") for ref in refs),
    )


def _at(matcher: Matcher, hit: Hit, path: bytes) -> Hit:
    shown, hidden = matcher.shown(path)
    return replace(hit, path=shown, hidden=hidden)


def _index(repository: Repository, problems: list[str]) -> dict[str, list[bytes]]:
    """The paths in the index by object."""
    result: dict[str, list[bytes]] = {}
    for entry in output_of(repository, problems, "ls-files", "--stage", "-z").split(b"\0"):
        meta, _, path = entry.partition(b"\t")
        if path:
            result.setdefault(meta.split()[1].decode(), []).append(path)
    return result

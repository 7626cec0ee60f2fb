# SPDX-License-Identifier: MIT
"""The search: trees, what Git keeps about them, and the history."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from stat import S_ISDIR

from credhelper.commands.leaks import history, objects, staged
from credhelper.commands.leaks.compressed import MAGIC, Allowance, gunzip
from credhelper.commands.leaks.matching import Match, Matcher
from credhelper.commands.leaks.report import Hit, Place, Problem, Report
from credhelper.commands.leaks.repository import Repository, opened
from credhelper.commands.leaks.tree import (
    File,
    GitDirectory,
    Pointer,
    Text,
    Unread,
    chunks,
    enclosing,
    reason,
    walk,
)

Progress = Callable[[Report], None]
MOST_UNREAD = 20  # damaged objects of a repository that are named


@dataclass(slots=True)
class Search:
    """A search under way: what is searched for, what was found, where it has been."""

    matcher: Matcher
    progress: Progress
    report: Report
    allowance: Allowance = field(default_factory=Allowance)
    searched: set[tuple[int, int]] = field(default_factory=set)
    walked: set[tuple[int, int]] = field(default_factory=set)
    pointers: list[Pointer] = field(default_factory=list)


def search(
    paths: Sequence[bytes], matcher: Matcher, progress: Progress, *, only_staged: bool = False
) -> Report:
    """Search the trees at paths and the repositories in and around them.

    With only_staged, search what the next commit adds to their repositories and nothing else.
    Raises OSError for a path that is not there; whatever else cannot be read is in the report.
    """
    state = Search(matcher, progress, Report(skipped=matcher.skipped))
    for path in paths:
        for entry in () if only_staged else walk(path):
            _take(state, entry)
        status = os.stat(path)
        if S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) not in state.walked:
            _add_enclosing(state, path, only_staged)
    for pointer in _targets(state):
        _follow(state, pointer, only_staged)
    return state.report


def _add_enclosing(state: Search, path: bytes, required: bool) -> None:
    if pointer := enclosing(path):
        state.pointers.append(pointer)
    elif required:
        _problem(state, path, "not in a Git work tree: nothing is staged")


def _targets(state: Search) -> Iterator[Pointer]:
    """The pointers, each target once."""
    seen = set()
    for pointer in state.pointers:
        if pointer.target not in seen:
            seen.add(pointer.target)
            yield pointer


def _follow(state: Search, pointer: Pointer, only_staged: bool) -> None:
    try:
        descriptor = os.open(pointer.target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError):
        _problem(state, pointer.path, "leads to a Git directory that cannot be opened")
        return
    try:
        target = os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))
        with opened(target, descriptor, pointer.owner) as repository:
            if only_staged:
                state.report.repositories += 1
                found, problems = staged.hits(repository, state.matcher)
                state.report.hits += found
                _problems(state, repository, problems)
                return
            _repository(state, repository)
            places = ((target, repository.directory), (repository.path, repository.common))
            for path, place in places:
                if _identity(place) not in state.walked:
                    for entry in walk(path, os.dup(place)):
                        _take(state, entry)
    except PermissionError as error:
        _problem(state, pointer.path, str(error))
    finally:
        os.close(descriptor)


def _take(state: Search, entry: File | Text | Unread | GitDirectory | Pointer) -> None:
    match entry:
        case File(path, descriptor, in_git):
            state.report.files += 1
            _file(state, path, descriptor, Place.GIT_FILE if in_git else Place.FILE)
        case Text(path, content, is_name):
            _text(state, path, content, is_name)
        case Unread(path, why):
            _problem(state, path, why)
        case Pointer():
            state.pointers.append(entry)
        case GitDirectory(path, descriptor):
            state.walked.add(_identity(descriptor))
            try:
                with opened(path, descriptor) as repository:
                    _repository(state, repository)
            except PermissionError as error:
                _problem(state, path, str(error))
    state.progress(state.report)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _problem(state: Search, path: bytes, why: str) -> None:
    shown, _ = show(state.matcher, path)
    problem = Problem(shown, why)
    if problem not in state.report.problems[-MOST_UNREAD:]:
        state.report.problems.append(problem)


def _problems(state: Search, repository: Repository, reasons: Iterable[str]) -> None:
    for why in reasons:
        _problem(state, repository.path, state.matcher.redacted(why.encode()).decode())


def show(matcher: Matcher, path: bytes) -> tuple[str, bool]:
    """A path as text with the values in it replaced, and whether there were any."""
    shown = matcher.redacted(path)
    return os.fsdecode(shown), shown != path


def _file(state: Search, path: bytes, descriptor: int, place: Place) -> None:
    problems: list[str] = []
    state.report.size += os.fstat(descriptor).st_size
    for match in state.matcher.matches(chunks(descriptor, problems)):
        _add(state, match, place, path)
    try:
        archive = os.pread(descriptor, len(MAGIC), 0) == MAGIC
    except OSError as error:
        problems.append(f"cannot be read: {reason(error)}")
        archive = False
    if archive:
        pieces = gunzip(chunks(descriptor, problems), state.allowance, problems)
        for match in state.matcher.matches(pieces):
            _add(state, match, place, path, compressed=True)
    for why in dict.fromkeys(problems):
        _problem(state, path, why)


def _text(state: Search, path: bytes, content: bytes, is_name: bool) -> None:
    if not is_name:
        for match in state.matcher.matches([content]):
            _add(state, replace(match, line=0), Place.LINK, path)
    elif state.matcher.spans(content):
        for name in content.split(b"\n"):
            for match in state.matcher.matches([name]):
                _add(state, replace(match, line=0), Place.FILE_NAME, os.path.join(path, name))


def _add(
    state: Search, match: Match, place: Place, path: bytes, *, compressed: bool = False
) -> None:
    shown, hidden = show(state.matcher, path)
    state.report.hits.append(
        Hit(match.credential, match.encoding, place, shown, match.line, compressed, hidden)
    )


def _repository(state: Search, repository: Repository) -> None:
    """Search all objects of a repository that was not searched yet."""
    if repository.identity in state.searched:
        return
    state.searched.add(repository.identity)
    report = state.report
    report.repositories += 1
    objects_before, size_before = report.objects, report.size

    def progress(count: int, size: int) -> None:
        report.objects, report.size = objects_before + count, size_before + size
        state.progress(report)

    survey = objects.survey(repository, state.matcher, progress)
    progress(survey.objects, survey.size)
    found, problems = history.hits(repository, state.matcher, survey, state.allowance)
    report.hits += found
    unread = list(dict.fromkeys(survey.unread + problems))
    _problems(state, repository, unread[:MOST_UNREAD])
    if len(unread) > MOST_UNREAD:
        _problem(state, repository.path, f"{len(unread) - MOST_UNREAD:,} more like these")

# SPDX-License-Identifier: MIT
"""The search: trees, what Git keeps about them, and the history."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from stat import S_ISDIR
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks import history, staged
from credhelper.commands.leaks.content import Content
from credhelper.commands.leaks.findings import Hit, Place, Problem, Report, Workplace
from credhelper.commands.leaks.git import Patience
from credhelper.commands.leaks.provenance import logged
from credhelper.commands.leaks.reading import chunks, streamed
from credhelper.commands.leaks.repository import opened
from credhelper.commands.leaks.survey import survey
from credhelper.commands.leaks.tree import (
    Entry,
    File,
    GitDirectory,
    Pointer,
    Text,
    Unread,
    enclosing,
    walk,
)
from credhelper.commands.leaks.unpack.reader import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from credhelper.commands.leaks.matching import Match, Matcher
    from credhelper.commands.leaks.repository import Repository

    Progress = Callable[[Report], None]

HISTORY: Final = 64 << 20  # bytes of a shell's or client's history that are decoded
_OCTAL: Final = re.compile(rb"\\([0-3][0-7]{2})")
_META: Final = re.compile(rb"\x83(.)", re.DOTALL)
_ALMOST: Final = (
    "too much is almost a value: from some place on, only values as they are were looked for"
)
MOST_UNREAD: Final = 20  # damaged objects of a repository that are named


def search(
    paths: Sequence[bytes], matcher: Matcher, progress: Progress, *, only_staged: bool = False
) -> Report:
    """Search the trees at paths and the repositories in and around them.

    With only_staged, search what the next commit adds to their repositories and nothing else.
    Raises OSError for a path that is not there; whatever else cannot be read is in the report.
    """
    under_way = begun(matcher, progress)
    for path in paths:
        under_way.tree(path, only_staged)
    under_way.follow(only_staged)
    return under_way.report


def begun(matcher: Matcher, progress: Progress) -> Search:
    """A search of nothing yet."""
    report = Report(skipped=matcher.skipped)
    return Search(matcher, progress, report, Content(matcher, Allowance()))


@dataclass(slots=True)
class Search:
    """A search under way: what is searched for, what was found, where it has been."""

    matcher: Matcher
    progress: Progress
    report: Report
    content: Content
    patience: Patience = field(default_factory=Patience)
    excluded: set[bytes] = field(default_factory=set)  # paths that are searched in another way
    _searched: set[tuple[int, int]] = field(default_factory=set)
    _walked: set[tuple[int, int]] = field(default_factory=set)
    _pointers: list[Pointer] = field(default_factory=list)

    def tree(self, path: bytes, only_staged: bool = False) -> None:
        """Search what is at path and below; note the repository that it lies in."""
        if path == b"-":
            self.report.files += 1
            self._file(b"standard input", 0, Place.FILE)
            return
        for entry in () if only_staged else walk(path, excluded=self.excluded):
            self._take(entry)
        status = os.stat(path)
        if S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) not in self._walked:
            if pointer := enclosing(path):
                self._pointers.append(pointer)
            elif only_staged:
                self.problem(path, "not in a Git work tree: nothing is staged")

    def follow(self, only_staged: bool = False) -> None:
        """Search the repositories that lie elsewhere, those that they lead to included."""
        followed = set()
        for pointer in self._pointers:  # which grows meanwhile
            if pointer.target not in followed:
                followed.add(pointer.target)
                self._follow(pointer, only_staged)
        if self.matcher.effort.spent:
            self.problem(b"the rest", _ALMOST)

    def _follow(self, pointer: Pointer, only_staged: bool) -> None:
        try:
            descriptor = os.open(pointer.target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError):
            self.problem(pointer.path, "leads to a Git directory that cannot be opened")
            return
        try:
            target = os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))
            with opened(target, descriptor, self.patience, pointer.owner) as repository:
                if only_staged:
                    self.report.repositories += 1
                    found, problems = staged.hits(repository, self.matcher, self.content)
                    self.report.hits += found
                    self._problems(repository, problems)
                    return
                self._repository(repository)
                places = ((target, repository.directory), (repository.path, repository.common))
                for path, place in places:
                    if _identity(place) not in self._walked:
                        for entry in walk(path, os.dup(place)):
                            self._take(entry)
        except PermissionError as error:
            self.problem(pointer.path, str(error))
        finally:
            os.close(descriptor)

    def _take(self, entry: Entry) -> None:
        match entry:
            case File(path, descriptor, in_git):
                self.report.files += 1
                self._file(path, descriptor, Place.GIT_FILE if in_git else Place.FILE)
            case Text(path, content, is_name):
                self._text(path, content, is_name)
            case Unread(path, why):
                self.problem(path, why)
            case Pointer():
                self._pointers.append(entry)
            case GitDirectory(path, descriptor):
                self._walked.add(_identity(descriptor))
                try:
                    with opened(path, descriptor, self.patience) as repository:
                        self._repository(repository)
                except PermissionError as error:
                    self.problem(path, str(error))
        self.progress(self.report)

    def problem(self, path: bytes, why: str) -> None:
        """Note what could not be searched, once."""
        noted = Problem(self.matcher.shown(path)[0], why)
        if noted not in self.report.problems[-MOST_UNREAD:]:
            self.report.problems.append(noted)

    def _problems(self, repository: Repository, reasons: Iterable[str]) -> None:
        for why in reasons:
            self.problem(repository.path, why)

    def _file(self, path: bytes, descriptor: int, place: Place) -> None:
        problems: list[str] = []
        for match, inside in self.content.search(
            self._watched(chunks(descriptor, problems) if descriptor else streamed(problems))
        ):
            self._add(match, place, path, inside)
        problems += self.content.problems
        # .zsh_history, .sqlite_history, fish_history
        if b"hist" in os.path.basename(path) and place is Place.FILE:
            self._history(path, descriptor)
        for why in dict.fromkeys(problems):
            self.problem(path, why)

    def _history(self, path: bytes, descriptor: int) -> None:
        """The beginning of a history as its program reads it."""
        try:
            beginning = os.pread(descriptor, HISTORY, 0)
        except OSError:
            return  # which was told already
        for encoding, content in _decoded(beginning):
            for match in self.matcher.matches([content]):
                self._add(replace(match, encoding=encoding), place=Place.FILE, path=path)

    def _watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.report.size += len(piece)
            self.progress(self.report)
            yield piece

    def _text(self, path: bytes, content: bytes, is_name: bool) -> None:
        if not is_name:
            for match in self.matcher.matches([content]):
                self._add(replace(match, line=0), Place.LINK, path)
        elif self.matcher.spans(content):
            for name in content.split(b"\n"):
                for match in self.matcher.matches([name]):
                    self._add(replace(match, line=0), Place.FILE_NAME, os.path.join(path, name))

    def _add(self, match: Match, place: Place, path: bytes, inside: str = "") -> None:
        shown, hidden = self.matcher.shown(path)
        encoding = match.encoding
        self.report.hits.append(
            Hit(match.credential, encoding, place, shown, match.line, inside, hidden)
        )

    def _repository(self, repository: Repository) -> None:
        """Search all objects of a repository that was not searched yet."""
        if repository.identity in self._searched:
            return
        self._searched.add(repository.identity)
        report = self.report
        report.repositories += 1
        objects_before, size_before = report.objects, report.size

        def progress(count: int, size: int) -> None:
            report.objects, report.size = objects_before + count, size_before + size
            self.progress(report)

        noted = survey(repository, self.matcher, progress)
        progress(noted.objects, noted.size)
        found, problems = history.hits(repository, self.matcher, noted, self.content)
        report.hits += found
        if any(hit.place.past for hit in found):
            shown = self.matcher.shown(repository.work_tree)[0]
            report.workplaces[shown] = Workplace(
                repository.owner.user, logged(repository, problems)
            )
        unread = list(dict.fromkeys(noted.unread + problems))
        self._problems(repository, unread[:MOST_UNREAD])
        if len(unread) > MOST_UNREAD:
            self._problems(repository, [f"{len(unread) - MOST_UNREAD:,} more like these"])


def _decoded(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What a history reads where its program encodes it, with the name of the encoding.

    zsh puts a byte 0x83 before those that it has a use for, and flips their sixth bit; libedit
    writes blanks and others as octal numbers.
    """
    if b"\x83" in content:
        yield "zsh history", _META.sub(lambda code: bytes([code[1][0] ^ 32]), content)
    if _OCTAL.search(content):
        yield "libedit history", _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), content)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino

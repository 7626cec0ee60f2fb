# SPDX-License-Identifier: MIT
"""The search of one content, a file or an object of Git, with everything that is packed in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.matching import Scan
from credhelper.commands.leaks.unpack import HEAD, kind_of
from credhelper.commands.leaks.unpack.base64_runs import Runs
from credhelper.commands.leaks.unpack.reader import Allowance, Exhausted, Reader, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credhelper.commands.leaks.matching import Match, Matcher
    from credhelper.commands.leaks.unpack import Kind

    Found = tuple[Match, str]  # and in what it is packed: "zip: a.txt, gzip data"

DEPTH: Final = 4  # archives within one another
NAME: Final = 80  # bytes of a member's name that are shown
_SPENT: Final = "it expands too far or takes too long to unpack: not all of it was searched"


class Content:
    """Searches contents one after the other, under one allowance. problems: of the last one."""

    def __init__(self, matcher: Matcher, allowance: Allowance) -> None:
        self._matcher = matcher
        self._allowance = allowance
        self._packed = False  # whether what is read is an archive
        self.problems: list[str] = []

    def search(self, pieces: Iterable[bytes], *, packed_only: bool = False) -> list[Found]:
        """What is found in pieces, and what is packed in them; with packed_only that alone."""
        self.problems = []
        self._packed = False
        self._allowance.begin()
        try:
            return self._level(self._counted(pieces), "", 0, packed_only=packed_only)
        finally:
            if self._packed:
                self._allowance.end()

    def _level(
        self,
        pieces: Iterable[bytes],
        inside: str,
        depth: int,
        *,
        packed_only: bool = False,
        sure: bool = True,
    ) -> list[Found]:
        """The matches in one stream and below; its pieces are seen by the search as they pass.

        sure: whether what looks packed surely is, so that damage is worth telling.
        """
        scan, runs = Scan(self._matcher), Runs()
        here: list[Match] = []
        below: list[Found] = []

        def passing() -> Iterator[bytes]:
            for piece in pieces:
                if not packed_only:
                    here.extend(scan.feed(piece))
                if depth < DEPTH:
                    for written, decoded in runs.feed(piece):
                        below.extend(self._decoded(written, decoded, inside, depth))
                if depth:
                    self._allowance.produced += len(piece)
                    self._allowance.check()
                yield piece

        reader = Reader(passing())
        kind = kind_of(reader.peek(HEAD))
        if kind:
            self._packed = True
            below.extend(self._members(kind, reader, inside, depth, kind.sure and sure))
        for _ in reader.rest():
            pass
        if not packed_only:
            here.extend(scan.end())
        for written, decoded in runs.end():
            below.extend(self._decoded(written, decoded, inside, depth))
        if kind and kind.plain:
            seen = {(match.credential, match.encoding) for match, _ in below}
            here = [match for match in here if (match.credential, match.encoding) not in seen]
        return [*((match, inside) for match in here), *below]

    def _members(
        self, kind: Kind, reader: Reader, inside: str, depth: int, sure: bool
    ) -> list[Found]:
        """What is found in the members of packed data; what keeps it from that is a problem."""
        label = f"{inside}, {kind.label}" if inside else kind.label
        found: list[Found] = []
        if kind.members is None:
            self._problem(label, "is not unpacked")
            return found
        if depth >= DEPTH:
            self._problem(label, f"more than {DEPTH} archives within one another")
            return found
        begun = False
        try:
            for name, pieces in kind.members(reader):
                where = f"{label}: {self._shown(name)}" if name else label
                try:
                    content = Reader(pieces)
                    begun = bool(content.peek(1)) or begun
                    found += self._level(content.rest(), where, depth + 1)
                except Unreadable as error:
                    if sure or begun:
                        self._problem(where, str(error))
                    if not name:
                        return found
        except Unreadable as error:
            if sure or begun:
                self._problem(label, str(error))
        except Exhausted:
            self._problem(label, _SPENT)
            if depth:
                raise
        return found

    def _decoded(self, written: str, data: bytes, inside: str, depth: int) -> list[Found]:
        if kind_of(data[:HEAD]) is None and not data.startswith(b"H4sI"):
            return []
        label = f"{inside}, {written}" if inside else written
        try:
            return self._level([data], label, depth + 1, sure=False)
        except Exhausted:
            self._problem(label, _SPENT)
            return []

    def _problem(self, where: str, why: str) -> None:
        text = f"{where}: {why}"
        if text not in self.problems:
            self.problems.append(text)

    def _shown(self, name: bytes) -> str:
        return os.fsdecode(self._matcher.redacted(name)[:NAME])

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._packed:
                self._allowance.consumed += len(piece)
            yield piece

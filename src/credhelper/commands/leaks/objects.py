# SPDX-License-Identifier: MIT
"""Objects of a repository as Git delivers them, and what a reading of all of them noted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credhelper.commands.leaks.git import PIPE, STALLED, TOO_LARGE, Git, git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credhelper.commands.leaks.repository import Repository


@dataclass(frozen=True, slots=True)
class Found:
    """An object: id in hexadecimal, type as Git calls it."""

    oid: str
    type: str


@dataclass(slots=True)
class Survey:
    """What the reading noted: objects with a value, archives. unread: what could not be read.

    raw_commits has the ids of all commits, reachable or not, one after the other, as bytes.
    """

    holders: dict[str, str] = field(default_factory=dict)
    raw_commits: bytearray = field(default_factory=bytearray, repr=False)
    id_length: int = 20
    archives: dict[str, None] = field(default_factory=dict)
    objects: int = 0
    size: int = 0
    unread: list[str] = field(default_factory=list)

    def commits(self) -> list[str]:
        """The ids of all commits."""
        raw, length = self.raw_commits, self.id_length
        return [raw[start : start + length].hex() for start in range(0, len(raw), length)]


def contents(
    repository: Repository, oids: list[str], unread: list[str]
) -> Iterator[tuple[Found, Iterator[bytes]]]:
    """Each object with its content in pieces; the ids of those that Git cannot read to unread."""
    rest = oids
    while rest and repository.patience.left > 0:
        with git(repository, "cat-file", "--batch", lines=rest) as running:
            done = 0
            for oid in rest:
                header = running.output.readline().split()
                if len(header) != 3:
                    if header:
                        done += 1
                        unread.append(unreadable(oid))
                        continue
                    break
                left = [int(header[2])]
                pieces = _pieces(running, left)
                yield Found(oid, header[1].decode()), pieces
                for _ in pieces:
                    pass
                if left[0] or not running.output.read(1):
                    break
                done += 1
        if done < len(rest):
            unread.append(unreadable(rest[done], running))
        rest = rest[done + 1 :]
    if rest:
        unread.append(f"{len(rest):,} objects were not read: {STALLED}")


def unreadable(oid: str, running: Git | None = None) -> str:
    """That an object cannot be read, and why."""
    for reason in (TOO_LARGE, STALLED):
        if running and reason in running.problems:
            return f"object {oid} cannot be read: {reason}"
    return f"object {oid} cannot be read: git fsck tells more"


def _pieces(running: Git, left: list[int]) -> Iterator[bytes]:
    while left[0]:
        piece = running.output.read(min(left[0], PIPE))
        if not piece:
            return
        left[0] -= len(piece)
        yield piece

# SPDX-License-Identifier: MIT
"""What a search found and what it could not read. Never a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


class Place(Enum):
    """What kind of place a value was found in."""

    FILE = "working tree"
    GIT_FILE = "Git directory"
    FILE_NAME = "file name"
    LINK = "link target"
    STAGED = "staged"
    PROCESS = "process"
    JOURNAL = "journal"
    HISTORY = "history"
    MESSAGE = "commit message"
    TAG = "tag"
    PATH_NAME = "path name in history"

    @property
    def past(self) -> bool:
        """Whether only rewriting the history removes it."""
        return self in (Place.HISTORY, Place.MESSAGE, Place.TAG, Place.PATH_NAME)


@dataclass(frozen=True, slots=True)
class Hit:
    """One value at one place; fields that do not apply are empty. Lines count from 1.

    Paths are as the system has them (os.fsdecode), values in them replaced by <credential>;
    hidden tells that this happened. inside names what had to be unpacked in the file. In the
    history, path is relative to the work tree, commit the first that has the value there, refs
    all that lead to it: references, and entries of the stash (stash@{1}).
    """

    credential: str
    encoding: str
    place: Place
    path: str
    line: int = 0
    inside: str = ""
    hidden: bool = False
    repository: str = ""
    object: str = ""
    commit: str = ""
    author_date: str = ""
    refs: tuple[str, ...] = ()

    @property
    def remote_branch(self) -> str:
        """A branch of a remote that leads there, as origin/main; empty where there is none."""
        prefix = "refs/remotes/"
        return next((ref.removeprefix(prefix) for ref in self.refs if ref.startswith(prefix)), "")

    def key(self) -> tuple[str, ...]:
        """What tells whether another search found the same."""
        return (
            self.credential,
            self.encoding,
            self.place.value,
            self.path,
            self.inside,
            self.repository,
            self.object,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be searched, or not all of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the steps in a repository need: whose it is, and which logs may be emptied.

    logged is empty where all may: the log of the stash is the stash (git-stash(1)).
    """

    owner: int
    logged: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """The outcome. skipped: credentials whose values are too short to search for.

    current: those whose values the
    store has; workplaces: each repository by its path; known counts hits that a baseline has.
    """

    hits: list[Hit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: tuple[str, ...] = ()
    current: set[str] = field(default_factory=set)
    workplaces: dict[str, Workplace] = field(default_factory=dict)
    files: int = 0
    repositories: int = 0
    objects: int = 0
    size: int = 0
    known: int = 0
    areas: dict[str, str] = field(default_factory=dict)  # of the machine, and what became of each

    def leave_out(self, known: Collection[tuple[str, ...]]) -> None:
        """Leaves out the hits that an earlier search had."""
        kept = [hit for hit in self.hits if hit.key() not in known]
        self.known = len(self.hits) - len(kept)
        self.hits = kept

    def as_data(self) -> dict[str, object]:
        """The report for JSON."""
        return {
            "hits": [asdict(hit) | {"place": hit.place.value} for hit in self.hits],
            "problems": [asdict(problem) for problem in self.problems],
            "too_short": list(self.skipped),
            "known": self.known,
            "areas": self.areas,
            "searched": {
                "files": self.files,
                "repositories": self.repositories,
                "objects": self.objects,
                "bytes": self.size,
            },
        }


def keys(data: dict[str, Any]) -> set[tuple[str, ...]]:
    """The keys of the hits in what as_data() made of a report.

    Raises KeyError, TypeError or ValueError for what is none.
    """
    fields = Hit.__dataclass_fields__
    return {
        Hit(**{name: hit[name] for name in fields} | {"place": Place(hit["place"])}).key()
        for hit in data["hits"]
    }

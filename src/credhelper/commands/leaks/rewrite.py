# SPDX-License-Identifier: MIT
"""Taking values out of a repository's history with git-filter-repo(1), run as its owner.

What is to be replaced reaches it through files in memory (memfd_create(2)): the values as they are
spelled in this repository, whose owner has them already, and no others. A blob that cannot be
edited, since Git takes it for binary or the value is inside an archive, is dropped whole.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks import git
from credhelper.commands.leaks.objects import contents
from credhelper.errors import CredentialError
from credhelper.process import in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credhelper.commands.leaks.findings import Hit
    from credhelper.commands.leaks.matching import Matcher
    from credhelper.commands.leaks.repository import Owner, Repository

REPLACEMENT: Final = "***REMOVED***"
_NAME_REPLACEMENT: Final = "REMOVED"  # in a file's name
_LOOKED_AT: Final = 8192  # bytes at the beginning of a blob; where one is NUL it is binary
_CALLBACK: Final = "return re.sub(os.pread({descriptor}, 1 << 26, 0), b'REMOVED', {what})"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What is to be taken out of a repository. Never shows a value."""

    work_tree: str
    owner: Owner
    texts: frozenset[bytes] = field(repr=False)
    blobs: tuple[str, ...]  # dropped whole


def planned(repository: Repository, matcher: Matcher, hits: Iterable[Hit]) -> Rewrite:
    """The rewrite that takes these hits, all of this repository, out of its history."""
    texts: set[bytes] = set()
    dropped = {hit.object for hit in hits if hit.inside}
    oids = sorted({hit.object for hit in hits if hit.object} - dropped)
    for found, pieces in contents(repository, oids, []):
        first = next(pieces, b"")
        if found.type == "blob" and b"\0" in first[:_LOOKED_AT]:
            dropped.add(found.oid)
            continue
        texts.update(match.text for match in matcher.matches(chain([first], pieces)))
    work_tree = os.fsdecode(repository.work_tree)
    return Rewrite(work_tree, repository.owner, frozenset(texts), tuple(sorted(dropped)))


def perform(rewrite: Rewrite) -> None:
    """Rewrites every reference, the stash and the notes included, and prunes what is left over.

    Raises CredentialError where there are changes that it would overwrite, and where it fails.
    """
    if _run(rewrite, "status", "--porcelain", "--untracked-files=no"):
        raise CredentialError(
            f"{rewrite.work_tree} has uncommitted changes, which rewriting would take away",
            "commit or stash them, then try again",
        )
    stashed = _run(rewrite, "stash", "list")
    if stashed and b"--sensitive-data-removal" not in _run(rewrite, "filter-repo", "-h"):
        raise CredentialError(
            f"this git filter-repo would drop the stash of {rewrite.work_tree}",
            "apply or drop what is stashed, or install git-filter-repo 2.47 or later",
        )
    with ExitStack() as stack:
        expressions = _memory(_expressions(rewrite.texts, REPLACEMENT), stack)
        names = _memory(_expressions(rewrite.texts, _NAME_REPLACEMENT), stack)
        any_of_them = _memory(b"|".join(map(_escaped, _longest_first(rewrite.texts))), stack)
        blobs = _memory("".join(f"{oid}\n" for oid in rewrite.blobs).encode(), stack)
        arguments = ["--force", f"--strip-blobs-with-ids=/proc/self/fd/{blobs}"]
        if rewrite.texts:
            arguments += [
                f"--replace-text=/proc/self/fd/{expressions}",
                f"--replace-message=/proc/self/fd/{expressions}",
                f"--paths-from-file=/proc/self/fd/{names}",
                f"--name-callback={_CALLBACK.format(descriptor=any_of_them, what='name')}",
                f"--email-callback={_CALLBACK.format(descriptor=any_of_them, what='email')}",
            ]
        _run(rewrite, "filter-repo", *arguments, files=(expressions, names, any_of_them, blobs))


def _run(rewrite: Rewrite, *arguments: str, files: tuple[int, ...] = ()) -> bytes:
    """Git as the owner, in a session of its own: no hook of the repository's gets a terminal."""
    owner = rewrite.owner
    change = os.geteuid() == 0
    try:
        home = pwd.getpwuid(owner.user).pw_dir
    except KeyError:
        home = "/nonexistent"
    finished = subprocess.run(
        [git.GIT, "-C", rewrite.work_tree, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8"},
        pass_fds=files,
        start_new_session=True,
        user=owner.user if change else None,
        group=owner.group if change else None,
        extra_groups=owner.groups if change else None,
        check=False,
    )
    if finished.returncode == 0:
        return finished.stdout
    if b"is not a git command" in finished.stderr:
        raise CredentialError(
            "there is no git filter-repo", "install it: sudo dnf install git-filter-repo"
        )
    # its own words may quote what it works on
    raise CredentialError(
        f"git {arguments[0]} ended with status {finished.returncode} in {rewrite.work_tree}",
        "is it a work tree that its owner can write to? git fsck tells more",
    )


def _expressions(texts: Iterable[bytes], replacement: str) -> bytes:
    """One line each; the file is read by lines, so that every byte is escaped."""
    return b"".join(
        b"regex:%b==>%b\n" % (_escaped(text), replacement.encode())
        for text in _longest_first(texts)
    )


def _longest_first(texts: Iterable[bytes]) -> list[bytes]:
    return sorted(texts, key=lambda text: (-len(text), text))


def _escaped(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in text)


def _memory(content: bytes, stack: ExitStack) -> int:
    descriptor = in_memory(content)
    stack.callback(os.close, descriptor)
    return descriptor

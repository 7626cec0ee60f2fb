# SPDX-License-Identifier: MIT
"""What the next commit adds: the index against HEAD, for a check before a commit."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from credhelper.commands.leaks.content import Content
from credhelper.commands.leaks.findings import Hit, Place
from credhelper.commands.leaks.git import git, output_of
from credhelper.commands.leaks.matching import Match, Matcher
from credhelper.commands.leaks.objects import contents
from credhelper.commands.leaks.repository import Repository

# `git commit -a` and `git commit PATH` run hooks with one of these as GIT_INDEX_FILE, a variable
# that sudo takes away.
INDEXES = re.compile(r"index|index\.lock|next-index-[0-9]+\.lock")

LINKED = b"160000"  # a submodule's commit: not an object of this repository


def hits(repository: Repository, matcher: Matcher, content: Content) -> tuple[list[Hit], list[str]]:
    """The hits in staged files and their names, and what could not be read."""
    paths: dict[str, list[bytes]] = {}
    problems: list[str] = []
    for index in sorted(filter(INDEXES.fullmatch, os.listdir(repository.directory))):
        for oid, path in _added(repository, index, problems):
            if path not in paths.setdefault(oid, []):
                paths[oid].append(path)
    result = [
        replace(_hit(matcher, match, path), place=Place.FILE_NAME, line=0)
        for path in sorted({path for found in paths.values() for path in found})
        for match in matcher.matches([path])
    ]
    for found, pieces in contents(repository, list(paths), problems):
        for match, inside in content.search(pieces):
            hits_here = [_hit(matcher, match, path) for path in paths[found.oid]]
            result += [replace(hit, inside=inside) for hit in hits_here]
        problems += [f"object {found.oid}: {what}" for what in content.problems]
    return result, problems


def _hit(matcher: Matcher, match: Match, path: bytes) -> Hit:
    shown, hidden = matcher.shown(path)
    return Hit(match.credential, match.encoding, Place.STAGED, shown, match.line, hidden=hidden)


def _added(repository: Repository, index: str, problems: list[str]) -> list[tuple[str, bytes]]:
    """The files in an index whose content or name differs from HEAD's: object and path."""
    head = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
    born = bool(output_of(repository, [], *head))
    arguments = ["ls-files", "--stage", "-z"]
    if born:
        arguments = ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "HEAD"]
    with git(repository, *arguments, index=index) as running:
        words = running.output.read().split(b"\0")
        if running.status() != 0:
            problems.append(f"the {index} cannot be read: {' '.join(running.problems)}")
    if not born:
        entries = [word.partition(b"\t") for word in words if word]
        return [(meta.split()[1].decode(), path) for meta, _, path in entries if meta[:6] != LINKED]
    pairs = zip(words[::2], words[1::2], strict=False)
    return [
        (fields[3].decode(), path)
        for fields, path in ((meta.split(), path) for meta, path in pairs)
        if fields[4] != b"D" and fields[1] != LINKED
    ]

# SPDX-License-Identifier: MIT
"""Command lines that sudo must not allow, for what cannot be judged by looking at it."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from credhelper.commands.check import sudoers_programs
from credhelper.commands.check.sudoers_programs import ESCAPES, INTERACTIVE
from credhelper.commands.sudoers import MANAGER, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from credhelper.commands.check.sudo import Entry

_ID: Final = "usr/bin/id"
_PLACES: Final = ("/usr/bin", "/usr/sbin", "/bin")


def attempts(person: str, entries: Sequence[Entry], scripts: Iterable[str]) -> Iterator[list[str]]:
    """What to ask sudo for, on behalf of ``person``: those near to what ``entries`` say first.

    ``scripts`` are those that some rule has run as root: who may edit one is root.
    """
    text = " ".join(entry.command.replace("\\", "") for entry in entries)
    tails = list(dict.fromkeys(re.findall(r"([\w.-]+)\)?\$", text)))
    named = [word for word in re.findall(r"/[\w./-]+", text) if os.path.isfile(word)]
    yield from _of_the_runner(text, tails, list(dict.fromkeys([*named, *scripts])))
    yield [MANAGER, "add", "x", "--from-file", "/etc/shadow", "--delete-source"]
    yield [MANAGER, "rotate", "my_api_key", "--from-file", "/etc/shadow", "--delete-source"]
    yield [MANAGER, "import", "/etc/shadow", "--delete-source"]
    yield [MANAGER, "sudoers", "/usr/bin/bash", "--user", person, "--install"]
    yield [MANAGER, "allow", "my_api_key", "--script", "/usr/bin/bash"]
    for front in ("nice", "env", "timeout 9", "python3 -I"):
        yield [*f"/usr/bin/{front}".split(" "), RUNNER, "--root-owned", f"/{_ID}"]
    for entry in entries:
        yield from _of_programs(entry.command)
    words = set(re.findall(r"[\w.-]+", text))
    for name in ["bash", "sh", *sorted(words & (ESCAPES | INTERACTIVE))]:
        for path in (f"{place}/{name}" for place in _PLACES):
            if os.access(path, os.X_OK):
                yield [path]
                yield [path, "x"]


def edits(entries: Iterable[Entry], scripts: Iterable[str]) -> str:
    """A file that makes who edits it root, if ``entries`` let people edit one; else empty.

    Looked at here: sudo answers for sudoedit only in its latest versions.
    """
    for entry in entries:
        program, _, pattern = entry.command.partition(" ")
        for path in (*scripts, "/etc/sudoers", "/etc/passwd") if program == "sudoedit" else ():
            wide = not pattern or pattern.startswith("^")
            if wide or fnmatch.fnmatchcase(path, pattern) or path in pattern.split(" "):
                return path
    return ""


def _of_programs(command: str) -> Iterator[list[str]]:
    """Programs of this machine for which a wildcard or an expression stands, or a directory."""
    path, _, arguments = command.partition(" ")
    found = glob.glob(f"{path}*" if path.endswith("/") else path)
    if path.startswith("^"):
        path = re.sub(r"\[:(space|blank|cntrl):\]", r"\\s", path)  # POSIX's classes as Python's
        path = re.sub(r"\[:\w+:\]", r"\\w.", path)
        with suppress(re.error), warnings.catch_warnings(action="ignore"):
            search = re.compile(path).search
            found = [one for place in _PLACES for one in glob.glob(f"{place}/*") if search(one)]
    for one in sorted(found):
        if sudoers_programs.makes_root(one, None) and os.access(one, os.X_OK):
            yield [one]
            yield [one, *(arguments.replace("*", "x x").split() or ["x"])]


def _of_the_runner(text: str, tails: list[str], scripts: list[str]) -> Iterator[list[str]]:
    """Another script by the way of a directory, another credential, interpreter or argument."""
    directories = dict.fromkeys(re.findall(r"(?<=[ (|^])(/[\w./-]*/)", text))
    targets = [f"/{_ID}", *(f"{script}/../../../{_ID}" for script in scripts)]
    targets += [*(f"{directory}{up}{_ID}" for directory in directories for up in _UPS)]
    for options in ([], ["--root-owned"]):
        for target in targets:
            yield [RUNNER, *options, target]
            yield [RUNNER, *options, target, "x"]
            for tail in tails:
                yield [RUNNER, *options, target, f"x{tail}"]
                yield [RUNNER, *options, f"{target}{tail}"]
        for target in scripts:
            yield [RUNNER, *options, "-c", "other", target]
            yield [RUNNER, *options, "--credential=other", target]
            yield [RUNNER, *options, "-e", "X=other", target]
            yield [RUNNER, *options, "--python", "/tmp/x", target]  # noqa: S108 # never used
        yield [RUNNER, *options, "-m", "pdb"]
    for target in scripts:
        yield [RUNNER, target]


_UPS: Final = ("../../", "../../../../", "x/../../../")

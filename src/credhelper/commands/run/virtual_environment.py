# SPDX-License-Identifier: MIT
"""Who could have written what the Python of a virtual environment imports.

That is more than the environment: ``pyvenv.cfg`` names the installation with the standard library,
and ``.pth`` files (site(3) of Python's documentation) name further directories. With
``--root-owned`` every file of them is looked at; else the directories, which is what keeps others
from adding files.
"""

from __future__ import annotations

import os

from credhelper.commands import trust
from credhelper.errors import ScriptNotFound, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Final

_NAMED: Final = 5  # paths in one refusal
_SYSTEM: Final = "/usr"  # what packages install there, they own


def check(prefix: str, owners: Collection[int]) -> None:
    """Refuses the environment at ``prefix`` if others than ``owners`` could have written any of it.

    Raises :class:`Untrusted`, which names the paths, or :class:`ScriptNotFound`.
    """
    try:
        opened = trust.open_file(f"{prefix}/pyvenv.cfg", owners)
    except Untrusted as error:
        error.moved, error.hint = "", _hint(owners)
        raise
    with open(opened.descriptor, "rb") as file:
        home = _home(file.read())
    faults = _Faults(prefix, owners)
    for library in (f"{prefix}/lib", f"{prefix}/lib64"):
        faults.look_through(library)
    if home and os.path.dirname(home) != _SYSTEM:
        faults.way_to(home)
        for library in ("lib", "lib64"):
            faults.look_through(f"{os.path.dirname(home)}/{library}", only="python3")
    faults.refuse()


def _home(configuration: bytes) -> str:
    """Where the Python is that the environment was made from: its ``home`` key."""
    for line in configuration.splitlines():
        key, equals, value = line.partition(b"=")
        if equals and key.strip().lower() == b"home":
            return os.path.normpath(os.fsdecode(value.strip()))
    return ""


def _hint(owners: Collection[int]) -> str:
    who = "root" if owners == trust.ROOT_ALONE else "its user"
    return f"recreate the environment as {who}, with a umask of 022"


class _Faults:
    """What is at fault in the environment at ``prefix``, as it is found."""

    def __init__(self, prefix: str, owners: Collection[int]) -> None:
        self._prefix = os.path.realpath(prefix)
        self._owners = owners
        self._found: list[str] = []
        self._seen: set[str] = set()

    def refuse(self) -> None:
        """Raises :class:`Untrusted` if there is any."""
        if not self._found:
            return
        more = len(self._found) - _NAMED
        listed = "; ".join(self._found[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise Untrusted(f"of the virtual environment, {listed}", _hint(self._owners))

    def way_to(self, directory: str) -> None:
        """Looks at the directory and those above it."""
        try:
            trust.check_directory(directory, self._owners)
        except (ScriptNotFound, Untrusted) as error:
            self._found.append(error.problem)

    def look_through(self, directory: str, only: str = "") -> None:
        """Looks at the directory, what is below it (named ``only``...), and where that leads."""
        real = os.path.realpath(directory)
        if real in self._seen or not os.path.isdir(real):
            return
        self._seen.add(real)
        if os.path.commonpath([real, self._prefix]) != self._prefix:
            self.way_to(real)  # the way to the environment itself was walked
        self._look(real)
        left = [real]
        while left:
            for entry in self._entries(left.pop(), only):
                if entry.is_symlink():
                    self._follow(entry)
                elif entry.is_dir(follow_symlinks=False):
                    self._look(entry.path)
                    if self._goes_deeper(entry):
                        left.append(entry.path)
                elif self._owners == trust.ROOT_ALONE:
                    self._look(entry.path)
                if entry.name.endswith(".pth"):
                    self._follow_lines(entry.path)
            only = ""

    def _entries(self, directory: str, only: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as entries:
                yield from (entry for entry in entries if entry.name.startswith(only))
        except OSError as error:
            self._found.append(f"{directory} cannot be read: {error.strerror}")

    def _goes_deeper(self, entry: os.DirEntry[str]) -> bool:
        """Whether to look into it: down to the packages, and with root alone into those too."""
        name = entry.name
        return self._owners == trust.ROOT_ALONE or name.startswith("python") or name == "lib"

    def _follow(self, link: os.DirEntry[str]) -> None:
        self._look(link.path)
        if os.path.isdir(link.path):
            self.look_through(link.path)
        elif reason := trust.why_not(link.path, self._owners) if os.path.exists(link.path) else "":
            self._found.append(reason)

    def _follow_lines(self, path: str) -> None:
        """Looks through the directories that a ``.pth`` file adds."""
        self._look(path)
        try:
            with open(path, "rb") as file:
                lines = file.read().splitlines()
        except OSError as error:
            self._found.append(f"{path} cannot be read: {error.strerror}")
            return
        for line in lines:
            if line.strip() and not line.startswith((b"#", b"import ", b"import\t")):
                self.look_through(os.path.join(os.path.dirname(path), os.fsdecode(line.rstrip())))

    def _look(self, path: str) -> None:
        try:
            reason = trust.danger_at(path, self._owners)
        except OSError as error:
            reason = f"cannot be looked at: {error.strerror}"
        if reason and (said := f"{path} {reason}") not in self._found:
            self._found.append(said)

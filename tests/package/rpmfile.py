# SPDX-License-Identifier: MIT
"""A built RPM as a test sees it, read with the bindings of RPM itself."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import rpm

CHECKOUT = Path(__file__).parents[2]
BUILT = CHECKOUT / "build/rpm"

_FLAGS = {
    "config": rpm.RPMFILE_CONFIG,
    "noreplace": rpm.RPMFILE_NOREPLACE,
    "doc": rpm.RPMFILE_DOC,
    "ghost": rpm.RPMFILE_GHOST,
    "license": rpm.RPMFILE_LICENSE,
}
SCRIPTS = (
    "pretrans", "prein", "postin", "preun", "postun", "posttrans", "verifyscript",
    "triggerscripts", "filetriggerscripts", "transfiletriggerscripts",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file of a package; ``mode`` has the permission bits, ``flags`` are %config and its like."""

    path: str
    mode: int
    owner: str
    group: str
    flags: frozenset[str]
    directory: bool

    @classmethod
    def of(cls, file: Any) -> File:
        """From the bindings' own."""
        flags = frozenset(name for name, bit in _FLAGS.items() if file.fflags & bit)
        mode = file.mode & 0xFFFF
        kind = stat.S_ISDIR(mode)
        return cls(file.name, stat.S_IMODE(mode), file.user, file.group, flags, kind)


class Package:
    """A package file, binary or source."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._transaction = rpm.TransactionSet()
        self._transaction.setVSFlags(rpm.RPMVSF_MASK_NOSIGNATURES)  # nobody has signed it
        with path.open("rb") as file:
            self.header = self._transaction.hdrFromFdno(file.fileno())

    @cached_property
    def files(self) -> dict[str, File]:
        """The files by their paths."""
        return {file.name: File.of(file) for file in rpm.files(self.header)}

    def dependencies(self, kind: str) -> set[str]:
        """``requires``, ``provides`` or ``recommends``, as rpm(8) shows them, except RPM's own."""
        found = {dependency.DNEVR()[2:] for dependency in rpm.ds(self.header, kind)}
        return {text for text in found if not text.startswith("rpmlib(")}

    def scripts(self) -> list[str]:
        """The kinds of scriptlets that the package has."""
        return [kind for kind in SCRIPTS if self.header[kind]]

    def content(self, path: str) -> bytes:
        """The content of one file."""
        with self.path.open("rb") as file:
            self._transaction.hdrFromFdno(file.fileno())
            compressor = self.header["payloadcompressor"].replace("zstd", "zstdio")
            payload = rpm.fd.open(file.fileno(), flags=compressor)
            archive = rpm.files(self.header).archive(payload)
            for entry in archive:
                if entry.name == path:
                    data: bytes = archive.read()
                    return data
        raise KeyError(path)


def packages(directory: Path) -> dict[str, Package]:
    """The packages in the directory, by name."""
    found = [Package(path) for path in sorted(directory.rglob("*.rpm"))]
    return {package.header["name"]: package for package in found}

# SPDX-License-Identifier: MIT
"""What macros.fedora-stand-in needs beyond a line of shell. Runs in the unpacked source tree."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path


def build_requires(extra: str, group: str) -> Iterator[str]:
    """The generated build requirements, as Fedora writes them: `python3dist(NAME) >= VERSION`."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    requirements = [
        *project["build-system"]["requires"],
        *project["project"].get("dependencies", []),
        *project["project"]["optional-dependencies"][extra],
        *project["dependency-groups"][group],
    ]
    for requirement in requirements:
        requirement, _, marker = requirement.partition(";")
        before = re.search(r"python_version < '(\d+)\.(\d+)'", marker)
        if before and sys.version_info >= tuple(map(int, before.groups())):
            continue
        name, operator, version = requirement.partition(">=")
        yield f"python3dist({name.strip()}) {operator} {version}".strip()


def files(buildroot: str, sitelib: str, package: str) -> Iterator[str]:
    """Each file and directory of the package and its dist-info, as a line for `%files -f`."""
    site = Path(buildroot + sitelib)
    [metadata] = site.glob(f"{package}-*.dist-info")
    licences = [path for path in metadata.glob("licenses/**/*") if path.is_file()]
    if not licences:
        raise SystemExit(f"no licence file in {metadata}")
    for top in (site / package, metadata):
        for path in (top, *sorted(top.rglob("*"))):
            mark = "%license " if path in licences else "%dir " if path.is_dir() else ""
            yield f"{mark}/{path.relative_to(buildroot)}"


def check_import(package: str) -> Iterator[str]:
    """Imports every module of the package; yields nothing."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)
    yield from ()


if __name__ == "__main__":
    steps: dict[str, Callable[..., Iterator[str]]] = {
        "build-requires": build_requires,
        "files": files,
        "check-import": check_import,
    }
    for line in steps[sys.argv[1]](*sys.argv[2:]):
        print(line)

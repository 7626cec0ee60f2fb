# SPDX-License-Identifier: MIT
"""The source tree: its files name their licence, and CONTRIBUTING tells of all of it."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
LICENSE = "SPDX-License-Identifier: "
NOT_OURS = {"build", "dist", "venv"}  # what is made here
SHOWN_WHOLE = TOP / "examples/report.py"  # in the README, for users to begin their own with
PROSE_AND_DATA = set(".md .rst .svg .txt .toml .fmf .json .yml .yaml .j2 .typed .pyc".split())


def directories() -> list[Path]:
    """The directories at the top of the tree."""
    return [
        path
        for path in TOP.iterdir()
        if path.is_dir() and path.name[0] != "." and path.name not in NOT_OURS
    ]


def sources() -> list[Path]:
    """The files of the tree that hold code."""
    top = [TOP / name for name in ("Makefile", "credhelper.spec", ".ci", ".copr")]
    places = [*top, *directories()]
    found = [path for place in places for path in [place, *place.rglob("*")] if path.is_file()]
    return [
        path
        for path in found
        if path.suffix not in PROSE_AND_DATA
        and path.name != "COPYING"
        and ".egg-info" not in str(path.parent)
    ]


def test_each_source_file_names_its_licence() -> None:
    """At its top, as annex E of the SPDX specification has it."""
    assert len(sources()) > 100
    without = [
        str(path.relative_to(TOP))
        for path in sources()
        if path != SHOWN_WHOLE
        and not any(LICENSE in line for line in path.read_text(errors="replace").splitlines()[:5])
    ]
    assert not without, f'put "{LICENSE}" into a comment at the top of these'


def laid_out() -> set[str]:
    """What the first column of the layout table in CONTRIBUTING names."""
    section = (
        (TOP / "CONTRIBUTING.md").read_text().partition("## Layout")[2].partition("\n\nThe ")[0]
    )
    columns = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name.rstrip("/") for column in columns for name in re.findall(r"`([^`]+)`", column)}


def test_the_layout_table_names_every_place() -> None:
    package = TOP / "src/credhelper"
    modules = [*package.glob("*.py"), *package.glob("commands/*.py")]
    packages = [path.parent for path in package.glob("commands/*/__init__.py")]
    tests = [path for path in (TOP / "tests").iterdir() if path.is_dir()]
    there = {path.name for path in [*modules, *packages, *directories()]} - {"src", "tests"}
    there |= {f"tests/{path.name}" for path in tests if not path.name.startswith(("_", "."))}
    there |= {"src/credhelper", "src/credhelper/commands"}
    assert laid_out() == there, "bring the table in CONTRIBUTING.md up to date"

# SPDX-License-Identifier: MIT
"""The source tree: each file names its licence."""

from __future__ import annotations

from pathlib import Path

TOP = Path(__file__).parents[2]
LICENSE = "SPDX-License-Identifier: MIT"
PLACES = """bin benchmarks catalog completions examples man src sudoers.d tests tmpfiles.d .ci .copr
    Makefile credhelper.spec""".split()
SHOWN_WHOLE = TOP / "examples/report.py"  # in the README, for users to begin their own with
PROSE_AND_DATA = {".md", ".svg", ".txt", ".toml", ".fmf", ".typed", ".pyc"}


def sources() -> list[Path]:
    """The files of the tree that hold code."""
    places = [TOP / place for place in PLACES]
    found = [path for place in places for path in [place, *place.rglob("*")] if path.is_file()]
    return [
        path
        for path in found
        if path.suffix not in PROSE_AND_DATA and ".egg-info" not in str(path.parent)
    ]


def test_each_source_file_names_its_licence() -> None:
    """In one of its first two lines, as annex E of the SPDX specification has it."""
    assert len(sources()) > 100
    without = [
        str(path.relative_to(TOP))
        for path in sources()
        if path != SHOWN_WHOLE
        and not any(LICENSE in line for line in path.read_text(errors="replace").splitlines()[:2])
    ]
    assert not without, f'put "{LICENSE}" into a comment at the top of these'

# SPDX-License-Identifier: MIT
"""The README's tour is what the demonstration prints."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]


def _without_what_varies(text: str) -> list[str]:
    """Lines without blanks at their ends; times, descriptors and sizes as one and the same."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "TIME", text)
    text = re.sub(r"fd/\d+", "fd/N", text)
    return [re.sub(r" {2,}", "  ", line).rstrip() for line in text.splitlines() if line.strip()]


def test_the_tour_of_the_readme_is_what_the_demonstration_prints() -> None:
    readme = (ROOT / "README.md").read_text().split("<!-- demo -->", 1)[1]
    tour = "\n".join(re.findall(r"^```\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE))
    shown = subprocess.run(
        [ROOT / "examples" / "demo"], capture_output=True, text=True, check=True, timeout=240
    )
    assert _without_what_varies(shown.stdout) == _without_what_varies(tour)


def test_make_needs_nothing_but_a_shell_to_come_to_the_demonstration(tmp_path: Path) -> None:
    """What else it needs, ``tests/setup run`` installs."""
    for program in ("bash", "grep", "sed"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    made = subprocess.run(
        ["/usr/bin/make", "--no-print-directory", "--dry-run", f"--directory={ROOT}", "demo"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (made.stdout, made.stderr) == ("tests/setup run\nexamples/demo\n", "")

# SPDX-License-Identifier: MIT
"""Writes what a run of check-crashes counted into tests/README.md.

`python -m tests.real.crash_report build/crashes.xml tests/README.md` replaces what stands between
the two marks in the file. A row is a verb, a column what was done to it and how often.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tests.machines.report import replace

BEGIN: Final = "<!-- what follows was written by make check-crashes -->\n"
END: Final = "<!-- what was written by make check-crashes ends here -->\n"
FILESYSTEMS: Final = ("ext4", "xfs", "btrfs", "btrfs-subvolumes")
COLUMNS: Final = ("kills", "faults", "interrupts", "systemd-creds killed", *FILESYSTEMS)


def table(xml: Path) -> str:
    """The whole text to put between the marks."""
    counts: dict[str, Counter[str]] = {}
    cases = failed = 0
    suite = ET.parse(xml).getroot().find("testsuite")  # noqa: S314 # written by us
    assert suite is not None
    for case in suite.iter("testcase"):
        cases += 1
        failed += case.find("failure") is not None or case.find("error") is not None
        for counted in case.iter("property"):
            verb, _, what = counted.get("name", "").partition("/")
            counts.setdefault(verb, Counter())[what] += int(counted.get("value", "0"))
    total = sum(counts.values(), Counter())
    rows = [
        ("verb", *COLUMNS),
        ("---", *("---:" for _ in COLUMNS)),
        *((f"`{verb}`", *cells(counts[verb])) for verb in sorted(counts)),
        ("all", *cells(total)),
    ]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    states = sum(total[kind] for kind in FILESYSTEMS)
    outcome = (
        f"**{failed} cases failed**" if failed else "0 values lost, 0 plaintexts left, 0 hangs"
    )
    minutes = float(suite.get("time", "0")) / 60
    return (
        f"{cases} cases in {minutes:.0f} minutes, {total.total() - states} strikes and {states} "
        f"states of a disk: {outcome}.\n\n{lines}"
    )


def cells(counted: Counter[str]) -> list[str]:
    return [str(counted[what] or "") for what in COLUMNS]


if __name__ == "__main__":
    replace(Path(sys.argv[2]), BEGIN, END, table(Path(sys.argv[1])))

# SPDX-License-Identifier: MIT
"""Writes what a run of tests/system showed into tests/README.md, as tables.

`python -m tests.machines.report build/system.xml tests/README.md` replaces what stands between
the two marks in the file. A row is a test, a column a machine; a cell tells how many cases passed.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

BEGIN = "<!-- what follows was written by make system-report -->\n"
END = "<!-- what was written by make system-report ends here -->\n"
TITLES = {
    "host": "systemd {}, this system's",
    "trixie": "systemd {} as PID 1",
    "sid": "systemd {} as PID 1",
    "vm": "systemd {} in a virtual machine",
    "": "no machine",
}


@dataclass
class Row:
    """One test: cases passed and failed by machine, its seconds, and the figures it recorded."""

    passed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: float = 0.0
    figures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def cell(self, machine: str) -> str:
        passed, failed = self.passed[machine], self.failed[machine]
        if failed:
            return f"**{failed} of {passed + failed} failed**"
        return "passed" if passed == 1 else f"{passed} passed" if passed else ""


def read(xml: Path) -> tuple[dict[str, dict[str, Row]], dict[str, str], float]:
    """Rows by module and test, the version of systemd by machine, and the seconds of all."""
    modules: dict[str, dict[str, Row]] = defaultdict(lambda: defaultdict(Row))
    versions: dict[str, str] = {}
    suite = ET.parse(xml).getroot().find("testsuite")  # noqa: S314 # written by us
    assert suite is not None
    for case in suite.iter("testcase"):
        properties = [(p.get("name", ""), p.get("value", "")) for p in case.iter("property")]
        machine, _, version = dict(properties).get("machine", "").partition(" ")
        versions[machine] = version
        row = modules[case.get("classname", "")][case.get("name", "").partition("[")[0]]
        row.seconds += float(case.get("time", "0"))
        bad = case.find("failure") is not None or case.find("error") is not None
        (row.failed if bad else row.passed)[machine] += 1
        for name, value in properties:
            if name != "machine":
                row.figures[name].append(f"{value} ({version})")
    return modules, versions, float(suite.get("time", "0"))


def tables(xml: Path) -> str:
    """The whole text to put between the marks."""
    modules, versions, seconds = read(xml)
    cases = sum(
        sum(row.passed.values()) + sum(row.failed.values())
        for rows in modules.values()
        for row in rows.values()
    )
    text = [f"{cases} cases in {seconds / 60:.1f} minutes.\n"]
    for module, rows in sorted(modules.items()):
        machines = [m for m in TITLES if any(m in {*r.passed, *r.failed} for r in rows.values())]
        path = Path(module.replace(".", "/") + ".py")
        tree = ast.parse(path.read_text())
        summary = _summary(tree) or path.stem
        outcomes = {f.name: _summary(f) for f in tree.body if isinstance(f, ast.FunctionDef)}
        text.append(f"### {path.name}\n\n{summary}\n")
        heads = [TITLES[m].format(versions[m]) for m in machines]
        last = ["seconds"] + ["outcome"] * any(outcomes[name] for name in rows)
        table = [["case", *heads, *last], ["---"] * (1 + len(heads) + len(last))]
        for name, row in rows.items():
            cells = [row.cell(m) for m in machines]
            ends = [f"{row.seconds:.1f}", outcomes[name]][: len(last)]
            table.append([f"`{name.removeprefix('test_')}`", *cells, *ends])
        text.append("".join(f"| {' | '.join(line)} |\n" for line in table))
        figures = [(what, f) for row in rows.values() for what, f in row.figures.items()]
        if figures:
            text.append("".join(f"- {what}: {', '.join(found)}\n" for what, found in figures))
    return "\n".join(text)


def _summary(node: ast.Module | ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")


def replace(readme: Path, begin: str, end: str, text: str) -> None:
    """Has ``text`` between the marks of the README."""
    before, _, rest = readme.read_text().partition(begin)
    _, _, after = rest.partition(end)
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}")


if __name__ == "__main__":
    replace(Path(sys.argv[2]), BEGIN, END, tables(Path(sys.argv[1])))

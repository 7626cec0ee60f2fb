# SPDX-License-Identifier: MIT
"""Runs every benchmark and writes benchmarks/README.md and its plots. Root; see `make bench`."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks import leaks, masking
from tests.machines import nspawn, product

Curves = dict[str, list[tuple[int, float]]]  # sizes and the seconds that they take

HERE = Path(__file__).parent
INSIDE = "/root/inside.py"

HEAD = """\
# How fast it is

Written by `sudo make bench`; do not edit. Each figure is a ratio of times taken in turn, round
after round, on one machine: the median, and the lowest and highest of the rounds. Trust checks,
masking, hardening and the journal are on in every one.

Measured in a booted system with systemd {systemd} and Python {python}, the package installed from
its RPM, {processors} processors.

| what | against | to reach | measured | reached |
| --- | --- | --- | --- | --- |
"""

AGAINST = {
    ("subprocess",): "a script that decrypts with `subprocess` and `systemd-creds`",
    ("python", "decrypt"): "the floor: `python3 -I -S -c pass`, then one `systemd-creds decrypt`",
    ("systemd-run",): "`systemd-run -q -P --wait -p LoadCredentialEncrypted=` and `python3`",
    ("xargs, 32", "python"): "`xargs -P $(nproc)` with `systemd-creds decrypt`, and a Python start",
}


@dataclass(frozen=True)
class Figure:
    """One row of the table; ``better`` says on which side of the target it has to be."""

    what: str
    against: str
    target: float
    values: list[float]
    unit: str = ""
    better: str = "less"

    @property
    def reached(self) -> bool:
        middle = statistics.median(self.values)
        return middle <= self.target if self.better == "less" else middle >= self.target

    def row(self) -> str:
        middle, low, high = (f(self.values) for f in (statistics.median, min, max))
        measured = f"{middle:.2f}{self.unit}"
        if len(self.values) > 1:
            measured += f" ({low:.2f} to {high:.2f})"
        target = f"{self.target:g}{self.unit} or {self.better}"
        reached = "yes" if self.reached else "**no**"
        return f"| {self.what} | {self.against} | {target} | {measured} | {reached} |\n"


def measure_inside() -> dict[str, Any]:
    """What ``inside.py`` finds in a booted system with the package of this checkout."""
    with nspawn.booted("sid") as machine:
        product.install(machine)
        machine.write(INSIDE, (HERE / "inside.py").read_text())
        done = machine.run(["/usr/bin/python3", INSIDE], timeout=1800, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def figures(inside: dict[str, Any]) -> list[Figure]:
    """The rows of the table."""
    rows = [
        Figure(row["title"], AGAINST[tuple(row["against"])], row["target"], row["ratios"])
        for row in inside["rows"]
    ]
    second = inside["second_load"]
    rows.append(
        Figure(
            f"second and later `load()`: {second['load']:.0f} ns",
            f"a dictionary look-up: {second['dictionary']:.0f} ns",
            5,
            [second["load"] / second["dictionary"]],
        )
    )
    memory = inside["memory"]
    rows.append(
        Figure(
            "peak memory of the runner above",
            "`python3 script.py`",
            3,
            [(memory["runner"] - memory["python"]) / 1024],
            " MiB",
        )
    )
    plain, masked = masking.compare(megabytes=100, rounds=7, credentials=1)
    rows.append(
        Figure(
            f"masking, 100 MB of lines on stdout to a pipe: {statistics.median(masked):.0f} MB/s",
            "no masking",
            0.5,
            [one / other for one, other in zip(masked, plain, strict=True)],
            "",
            "more",
        )
    )
    pairs = leaks.pairs()
    rows += [
        Figure(
            "`leaks`, 16 credentials, 1 GB of objects",
            "`git cat-file --batch-all-objects --batch --unordered` to nowhere",
            1.3,
            [search.seconds / alone.seconds for search, alone in pairs],
        ),
        Figure(
            "its peak memory, Git's and the packs that it maps included",
            "no more than",
            200,
            [search.resident for search, _ in pairs],
            " MB",
        ),
    ]
    return rows


def plot_times(inside: dict[str, Any], path: Path) -> None:
    """Bars of the median times, whiskers from the lowest to the highest."""
    shown = [name for name in inside["times"] if "32" not in name]
    times = [[1000 * value for value in inside["times"][name]] for name in shown]
    middle = [statistics.median(values) for values in times]
    spread = [
        [m - min(values) for m, values in zip(middle, times, strict=True)],
        [max(values) - m for m, values in zip(middle, times, strict=True)],
    ]
    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    axes.barh(shown, middle, xerr=spread, color="#3c6eb4", ecolor="#555555", capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a run: median, lowest and highest")
    figure.savefig(path)


def growth_table(curves: Curves) -> str:
    """What a run takes at the two ends of each curve, and what each one more costs in between."""
    text = "| what grows | from | to | each one more |\n| --- | --- | --- | --- |\n"
    for title, points in curves.items():
        (small, first), (large, last) = points[0], points[-1]
        each = 1e6 * (last - first) / (large - small)
        text += f"| {title} | {small:,}: {1000 * first:,.0f} ms | {large:,}: {1000 * last:,.0f} ms"
        text += f" | {float(f'{each:.3g}'):,g} µs |\n"
    return text


def plot_growth(curves: Curves, path: Path) -> None:
    """A panel for each kind of growth."""
    figure, panels = plt.subplots(1, len(curves), figsize=(3.2 * len(curves), 3))
    for axes, (title, points) in zip(panels, curves.items(), strict=True):
        axes.plot(*zip(*((size, 1000 * time) for size, time in points), strict=True), "o-")
        axes.set_title(title, fontsize=9)
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("milliseconds")
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    if os.geteuid() != 0:
        raise SystemExit("bench: error: booting a machine needs root\nbench: hint: sudo make bench")
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "credhelper"
    inside = measure_inside()
    rows = figures(inside)
    text = HEAD.format(**inside) + "".join(row.row() for row in rows)
    curves: Curves = {**inside["growth"], "MB of history, leaks": leaks.growth()}
    text += "\n![Times of a run](start.svg)\n\n## As the work grows\n\n" + growth_table(curves)
    text += "\n![Growth](growth.svg)\n\n"
    notes = HERE / "notes.md"
    text += notes.read_text() if notes.exists() else ""
    (HERE / "README.md").write_text(text)
    plot_times(inside, HERE / "start.svg")
    plot_growth(curves, HERE / "growth.svg")
    print(text)


if __name__ == "__main__":
    main()

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
    rows.append(
        Figure(
            "`leaks`, 16 credentials, 1 GB of objects",
            "`git cat-file --batch-all-objects --batch --unordered` to nowhere",
            1.3,
            leaks.compare(),
        )
    )
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


def plot_growth(inside: dict[str, Any], path: Path) -> None:
    """A panel for each kind of growth."""
    curves: dict[str, list[list[float]]] = inside["growth"]
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
    text += "\n![Times of a run](start.svg)\n\n## As the work grows\n\n![Growth](growth.svg)\n\n"
    notes = HERE / "notes.md"
    text += notes.read_text() if notes.exists() else ""
    (HERE / "README.md").write_text(text)
    plot_times(inside, HERE / "start.svg")
    plot_growth(inside, HERE / "growth.svg")
    print(text)


if __name__ == "__main__":
    main()

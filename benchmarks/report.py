# SPDX-License-Identifier: MIT
"""Runs every benchmark and writes benchmarks/README.md and its plots. Root; see `make bench`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks import leaks, masking, searches
from tests.machines import nspawn, product, roots
from tests.machines.machine import Machine

Curves = dict[str, list[tuple[int, float]]]  # sizes and the seconds that they take

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"
MODULES = ("inside.py", "peers.py")  # what runs in the machine

HEAD = """\
# How fast it is

Written by `sudo make bench`; do not edit. Each figure is a ratio of times taken in turn, round
after round, on one machine: the median, and the lowest and highest of the rounds. Trust checks,
masking, hardening and the journal are on in every one. All that a start or a way to a key takes is
scheduled before what else the machine does; the rest, from growth on, is not.

Measured in a booted system with systemd {systemd} and Python {python}, the package installed from
its RPM, {processors} processors.

| what | against | to reach | measured | reached |
| --- | --- | --- | --- | --- |
"""

PEERS = """\
## Beside what people use

One script, which writes a line as soon as it has its key and then waits; each way as its own
documents say, in turn. Memory is that of all processes which are there then, what they share
counted once; beside are those that are not the script itself, left those that are there
afterwards (an agent, which makes the next one quicker and is there in each of these).

"""

# what people use: Debian's packages, gopass from Debian's source of it, and of npm's registry, by
# the certificates of this machine
_DEBIANS = "pass age python3-keyring python3-keyrings.alt nodejs npm ca-certificates"
_SOURCES = "golang-go golang-github-gopasspw-gopass-dev"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_BESIDE = (
    "mkdir /opt/peers; cd /opt/peers; "
    f"NODE_EXTRA_CA_CERTS={_CERTIFICATES} npm install @dotenvx/dotenvx; rm -rf /root/.npm; "
    "GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=/opt/built HOME=/root "
    "go build -o /opt/peers/gopass github.com/gopasspw/gopass; rm -rf /opt/built; "
    f"apt-get purge -q -y --autoremove {_SOURCES}"
)
_SID = roots.RECIPES["sid"]
roots.RECIPES["peers"] = replace(
    _SID,
    packages=(*_SID.packages, *_DEBIANS.split(), *_SOURCES.split()),
    options=(
        *_SID.options,
        f"--customize-hook=cp {_CERTIFICATES} $1/etc/ssl/certs/",
        f"--customize-hook=chroot $1 sh -ec '{_BESIDE}'",
    ),
)

SEARCHED_FOR = {16: 1.2, 64: 1.5}  # how many credentials, and the ratio to reach
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


def measure_inside(rounds: int) -> dict[str, Any]:
    """What ``inside.py`` finds in a booted system with the package of this checkout."""
    with nspawn.booted("peers") as machine:
        product.install(machine)
        _as_built_for(machine)
        for name in MODULES:
            machine.write(f"/root/benchmarks/{name}", (HERE / name).read_text())
        python = ["/usr/bin/env", "--chdir=/root", PYTHON, "-m", "benchmarks.inside"]
        amount = [f"--rounds={rounds}", f"--growth-rounds={max(1, rounds // 3)}"]
        done = machine.run([*python, *amount], timeout=1800, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _as_built_for(machine: Machine) -> None:
    """Makes the bytecode for the machine's Python, which is not the one that built the package."""
    where = "import credhelper, os; print(os.path.dirname(credhelper.__path__[0]))"
    site = machine.run([PYTHON, "-Ic", where], check=True).stdout.strip()
    machine.run([PYTHON, "-Im", "compileall", "-q", f"{site}/credhelper"], check=True)


def figures(inside: dict[str, Any], rounds: int) -> list[Figure]:
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
    rows.append(guard(inside))
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
    plain, masked = masking.compare(megabytes=100, rounds=max(3, rounds // 2), credentials=1)
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
    resident = []
    for what, commits in (("made up", leaks.made_up(1000)), ("releases", leaks.released())):
        for credentials, pairs in leaks.pairs(commits, max(2, rounds // 3), SEARCHED_FOR):
            resident += [search.resident for search, _ in pairs]
            rows.append(
                Figure(
                    f"`leaks`, {credentials} credentials, 1 GB of objects, {what}",
                    "`git cat-file --batch-all-objects --batch --unordered` to nowhere",
                    SEARCHED_FOR[credentials],
                    [search.seconds / alone.seconds for search, alone in pairs],
                )
            )
    rows.append(
        Figure(
            "their peak memory, Git's and the packs that it maps included",
            "no more than",
            250,
            resident,
            " MB",
        )
    )
    return rows


def guard(inside: dict[str, Any]) -> Figure:
    """What a run spends on the guard of the host key."""
    guards, runs = inside["guard"], inside["times"]["runner, -c"]
    return Figure(
        f"seeing that the host key is this machine's: {1e6 * statistics.median(guards):.0f} µs",
        "the whole of a run with `-c`",
        2,
        [100 * part / whole for part, whole in zip(guards, runs, strict=True)],
        " %",
    )


def peers_table(peers: dict[str, Any]) -> str:
    """Each way to give a script its key: its figures, and credhelper's time against it."""
    own = peers["seconds"]["credhelper"]
    text = (
        "| way | to the first line | credhelper takes | memory | processes beside | left |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    for name, times in peers["seconds"].items():
        other = peers["others"][name]
        ratios = [mine / its for mine, its in zip(own, times, strict=True)]
        against = "" if name == "credhelper" else f"{statistics.median(ratios):.2f}"
        text += f"| {name} | {1000 * statistics.median(times):.1f} ms | {against} | "
        text += f"{other['memory']:.1f} MiB | {other['beside']} | {other['left']} |\n"
    for name, reason in peers["missing"].items():
        text += f"\nNot measured: {name}, {reason}.\n"
    return text


def plot_times(times: dict[str, list[float]], path: Path, what: str) -> None:
    """Bars of the median times, whiskers from the lowest to the highest."""
    shown = [name for name in times if "32" not in name]
    bars = [[1000 * value for value in times[name]] for name in shown]
    middle = [statistics.median(values) for values in bars]
    spread = [
        [m - min(values) for m, values in zip(middle, bars, strict=True)],
        [max(values) - m for m, values in zip(middle, bars, strict=True)],
    ]
    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    axes.barh(shown, middle, xerr=spread, color="#3c6eb4", ecolor="#555555", capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel(f"milliseconds {what}: median, lowest and highest")
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
    columns = -(-len(curves) // 2)
    figure, panels = plt.subplots(2, columns, figsize=(3.2 * columns, 6))
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, (title, points) in zip(panels.flat, curves.items(), strict=False):
        axes.set_axis_on()
        axes.plot(*zip(*((size, 1000 * time) for size, time in points), strict=True), "o-")
        axes.set_title(title, fontsize=9)
        axes.set_ylim(bottom=0)
    for row in panels:
        row[0].set_ylabel("milliseconds")
    figure.tight_layout()
    figure.savefig(path)


def masked_values(rounds: int) -> list[tuple[int, float]]:
    """How many values are masked, and the seconds that 100 MB of lines take then."""
    curve = []
    for count in (1, 4, 16, 64, 256):
        _, masked = masking.compare(megabytes=20, rounds=rounds, credentials=count)
        curve.append((count, 100 / statistics.median(masked)))
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="of each run (default: 15)")
    rounds = parser.parse_args().rounds
    if os.geteuid() != 0:
        raise SystemExit("bench: error: booting a machine needs root\nbench: hint: sudo make bench")
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "credhelper"
    inside = measure_inside(rounds)
    text = HEAD.format(**inside) + "".join(row.row() for row in figures(inside, rounds))
    text += "\n![Times of a run](start.svg)\n\n" + PEERS + peers_table(inside["peers"])
    text += "\n![Ways to a key](peers.svg)\n\n" + searches.table(leaks.released())
    curves: Curves = {
        **inside["growth"],
        "values that are masked in 100 MB": masked_values(3),
        "MB of history, leaks": leaks.growth(),
    }
    text += "\n## As the work grows\n\n" + growth_table(curves)
    text += "\n![Growth](growth.svg)\n\n"
    notes = HERE / "notes.md"
    text += notes.read_text() if notes.exists() else ""
    (HERE / "README.md").write_text(text)
    plot_times(inside["times"], HERE / "start.svg", "a run")
    plot_times(inside["peers"]["seconds"], HERE / "peers.svg", "to the first line")
    plot_growth(curves, HERE / "growth.svg")
    print(text)


if __name__ == "__main__":
    main()

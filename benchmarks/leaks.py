# SPDX-License-Identifier: MIT
"""What searching a history costs: credhelper leaks against Git reading all objects to nowhere.

Of two histories of 1 GB: source files that are made up and change a few lines at a time, and the
releases of a large package of PyPI, one after the other.
The runs alternate, and a ratio is that of two runs side by side: what else the machine does
falls on both. Run it with the Python to be measured: python3 benchmarks/leaks.py
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
GIT = "/usr/bin/git"
OBJECTS = ("cat-file", "--batch-all-objects", "--batch")
POLL_SECONDS = 0.05  # between two looks at how much memory is taken
COMMIT = b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata %d\n%s\n"
# of ansible, which has code, documents and tables of many people: 71,000 files that differ
RELEASES = "7.0.0 8.0.0 9.0.1 9.5.1 10.0.1 10.7.0 11.0.0 11.6.0 12.0.0 12.3.0".split()

# argv: where credhelper is, the repository; standard input: the values as JSON
SEARCH = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from credhelper.commands.leaks.matching import matcher
from credhelper.commands.leaks.search import search
values = {name: value.encode() for name, value in json.load(sys.stdin).items()}
sought = matcher(values)
report = search([os.fsencode(sys.argv[2])], sought, lambda report: None)
if report.hits or report.problems or not report.objects:
    raise SystemExit(f"unexpected: {report}")
"""


@dataclass(frozen=True)
class Run:
    """One run: seconds, those of processors, the most memory that its processes took, in MB.

    ``resident`` counts the pages of packs that Git maps as well, which are the page cache's.
    """

    seconds: float
    processors: float
    own: float
    resident: float


@contextmanager
def history(commits: Iterable[bytes], kept: Path | None = None) -> Iterator[Path]:
    """A bare repository of what git-fast-import(1) is told, made once if it is to be kept."""
    with tempfile.TemporaryDirectory(prefix="credhelper-bench-", dir="/var/tmp") as scratch:
        path = kept or Path(scratch) / "history.git"
        if not path.exists():
            _git(path.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
            with subprocess.Popen(
                [GIT, f"--git-dir={path}", "fast-import", "--quiet"], stdin=subprocess.PIPE
            ) as importer:
                if not importer.stdin:
                    raise RuntimeError("no pipe")
                for part in commits:
                    importer.stdin.write(part)
            _git(path, "repack", "-adfq")
        yield path


def _git(where: Path, *arguments: str) -> None:
    subprocess.run([GIT, *arguments], cwd=where, check=True)


def released() -> Iterator[bytes]:
    """The commands of git-fast-import(1) for the releases, as the registry has them."""
    for number, version in enumerate(RELEASES):
        message = version.encode()
        yield COMMIT % (1_670_000_000 + 10_000_000 * number, len(message), message)
        yield b"deleteall\n"
        with tempfile.TemporaryDirectory(prefix="credhelper-bench-", dir="/var/tmp") as scratch:
            download = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", scratch]
            argv = [sys.executable, "-m", "pip", *download, f"ansible=={version}"]
            subprocess.run(argv, check=True)
            [wheel] = Path(scratch).iterdir()
            with zipfile.ZipFile(wheel) as files:
                for name in files.namelist():
                    yield _file(name.encode(), files.read(name))


def _file(path: bytes, content: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(content), content)


def made_up(megabytes: int) -> Iterator[bytes]:
    """The commands of git-fast-import(1) for a history with file contents of that size."""
    size = megabytes * 1_000_000
    chance = random.Random(7)  # noqa: S311 # the same history in every run
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(8000)]
    signs = ["(", ")", " = ", ".", ", ", "_", ": ", " -> ", "()", "[0]", " + ", ' "', "0x1F"]

    def line() -> bytes:
        terms = (chance.choice(words) + chance.choice(signs) for _ in range(chance.randint(1, 8)))
        return f"{'    ' * chance.randint(0, 3)}{''.join(terms)}\n".encode()

    files = {
        f"src/{chance.choice(words[:40])}/{chance.choice(words[:30])}/{number}.py": [
            line() for _ in range(max(20, int(chance.lognormvariate(5.5, 1))))
        ]
        for number in range(min(1500, size // 600_000))  # so that small ones have versions too
    }
    paths = list(files)
    changed = paths
    for number in itertools.count():
        message = b"".join(line() for _ in range(3))
        yield COMMIT % (1_500_000_000 + 600 * number, len(message), message)
        for path in changed:
            content = b"".join(files[path])
            size -= len(content)
            yield _file(path.encode(), content)
        if size <= 0:
            return
        changed = chance.sample(paths, chance.choice([1, 1, 2, 3, 5]))
        for path in changed:
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(files[path]) + 1)
                new = [line() for _ in range(chance.randint(1, 4))]
                files[path][place : place + chance.randint(0, 3)] = new


def read(path: Path, *options: str) -> Run:
    """Git alone."""
    return measured([GIT, f"--git-dir={path}", *OBJECTS, *options])


def search(path: Path, credentials: int) -> Run:
    """The search, the start of Python included."""
    chance = random.Random(1)  # noqa: S311 # the same keys in every run
    signs = string.ascii_letters + string.digits
    values = {
        f"key_{number}": "".join(chance.choices(signs, k=20 + 2 * number % 32))
        for number in range(credentials)
    }
    command = [sys.executable, "-I", "-c", SEARCH, str(SOURCE), str(path)]
    return measured(command, json.dumps(values).encode())


def measured(
    command: Sequence[str], standard_input: bytes = b"", statuses: Container[int] = (0,)
) -> Run:
    """One run of a command, which ends with one of these exit statuses."""
    start, spent = time.perf_counter(), _spent()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        if not process.stdin:
            raise RuntimeError("no pipe")
        process.stdin.write(standard_input)
        process.stdin.close()
        own = resident = 0.0
        while True:
            try:
                process.wait(POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                taken = _memory(process.pid)
                own, resident = max(own, taken[0]), max(resident, taken[1])
    seconds = time.perf_counter() - start
    if process.returncode not in statuses:
        raise SystemExit(process.returncode)
    return Run(seconds, _spent() - spent, own, resident)


def _spent() -> float:
    """Processor time of all processes that have been waited for, in seconds."""
    times = os.times()
    return times.children_user + times.children_system


def _memory(process: int) -> tuple[float, float]:
    """The memory of a process and its children in MB: of their own, and with mapped files."""
    own = resident = 0.0
    try:
        text = Path(f"/proc/{process}/status").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines())
    if "RssAnon" in fields:
        own = int(fields["RssAnon"].split()[0]) / 1000
        resident = int(fields["VmRSS"].split()[0]) / 1000
    below = [_memory(int(child)) for child in children]
    return own + math.fsum(a for a, _ in below), resident + math.fsum(b for _, b in below)


def pairs(
    commits: Iterable[bytes], rounds: int, credentials: Iterable[int]
) -> Iterator[tuple[int, list[tuple[Run, Run]]]]:
    """For so many credentials, of every round the search, and Git alone in the order of packs."""
    with history(commits) as path:
        read(path, "--unordered")
        for count in credentials:
            yield count, [(search(path, count), read(path, "--unordered")) for _ in range(rounds)]


def growth(sizes: Sequence[int] = (10, 30, 100, 300, 1000)) -> list[tuple[int, float]]:
    """Megabytes of history, and the median seconds of three searches for 16 credentials."""
    curve = []
    for size in sizes:
        with history(made_up(size)) as path:
            times = [search(path, 16).seconds for _ in range(3)]
        curve.append((size, statistics.median(times)))
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="of objects (default: 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="of each run (default: 5)")
    parser.add_argument("--credentials", type=int, nargs="+", default=[16])
    parser.add_argument("--releases", action="store_true", help="of a package, none made up")
    parser.add_argument("--keep", type=Path, help="a repository to make, or to use again")
    arguments = parser.parse_args()
    commits = released() if arguments.releases else made_up(arguments.megabytes)
    with history(commits, arguments.keep) as path:
        count = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
        print(f"Python {sys.version.split()[0]}, {count} processors")
        print(f"{'credentials':>12}{'ratio':>20}{'to by id':>20}{'s':>20}", end="")
        print(f"{'MB':>6}{'with packs':>11}")
        for credentials in arguments.credentials:
            alone, by_id, runs = [], [], []
            for _ in range(arguments.rounds):
                runs.append(search(path, credentials))
                alone.append(read(path, "--unordered"))
                by_id.append(read(path))
            print(f"{credentials:12}{_ratios(runs, alone)}{_ratios(runs, by_id)}", end="")
            print(f"{spread([run.seconds for run in runs]):>20}", end="")
            print(f"{max(r.own for r in runs):6.0f}{max(r.resident for r in runs):11.0f}")


def _ratios(runs: list[Run], others: list[Run]) -> str:
    values = [one.seconds / other.seconds for one, other in zip(runs, others, strict=True)]
    return f"{spread(values):>20}"


def spread(values: list[float]) -> str:
    """The median, and between what the values lie."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Measures start-up inside a machine where the package is installed: root, hyperfine, a real store.

Every command of a row runs in turn, round after round, and a ratio is that of one round: what else
the machine does falls on both sides. Prints JSON; `make bench` runs it in a booted system.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

from benchmarks import peers

HERE = Path("/root/bench")
STORE = "/etc/credstore.encrypted"
RUNNER = "/usr/bin/credhelper-decrypt-run"
PYTHON = "/usr/bin/python3"
CREDS = "/usr/bin/systemd-creds"
NAME = "my_api_key"

BODY = f"""\
from credhelper import load

key = load("{NAME}")
"""
DECLARED = f"""\
# /// script
# [tool.credhelper]
# credentials = ["{NAME}"]
# ///
{BODY}"""
PATTERN = f"""\
import subprocess

command = ["systemd-creds", "decrypt", "{STORE}/{NAME}", "-"]
key = subprocess.run(command, capture_output=True, check=True, text=True).stdout
"""
SERVICE = f"""\
import os

key = open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "{NAME}")).read()
"""
# the runner, with a clock at what looks at the host key first; its script tells the seconds
CLOCKED = """\
import time

import credhelper.errors

begin = time.perf_counter()
from credhelper import hostkey

imported = time.perf_counter() - begin


def clocked(guard=hostkey.is_foreign):
    begin = time.perf_counter()
    foreign = guard()
    hostkey.took = imported + time.perf_counter() - begin
    return foreign


hostkey.is_foreign = clocked
from credhelper.commands.run import main

script = main()
script.function(*script.arguments)
"""
TELLING = """\
from credhelper import hostkey

print(hostkey.took)
"""


def prepare() -> None:
    """Scripts and credentials."""
    HERE.mkdir(exist_ok=True)
    for name, text in {
        "plain.py": BODY, "declared.py": DECLARED, "pattern.py": PATTERN, "service.py": SERVICE,
        "nothing.py": "", "clocked.py": CLOCKED, "telling.py": TELLING,
    }.items():  # fmt: skip
        (HERE / name).write_text(text)
    many = [f"key{number}" for number in range(100)]
    for name in (NAME, *many):
        seal(name, b"sk-" + os.urandom(20).hex().encode())
    (HERE / "paths").write_text("".join(f"{STORE}/{name}\n" for name in many[:32]))


def seal(name: str, value: bytes) -> None:
    """Seals with the host key; credhelper itself is not what is measured here."""
    argv = [CREDS, "encrypt", f"--name={name}", "--with-key=host", "-", f"{STORE}/{name}"]
    subprocess.run(argv, input=value, check=True, stderr=subprocess.DEVNULL)
    Path(STORE, name).chmod(0o600)


def declare(count: int) -> list[str]:
    """Options that declare the first so many of the credentials."""
    return [word for number in range(count) for word in ("-c", f"key{number}")]


COMMANDS = {
    "runner": [RUNNER, f"{HERE}/declared.py"],
    "runner, -c": [RUNNER, "-c", NAME, f"{HERE}/plain.py"],
    "subprocess": [PYTHON, f"{HERE}/pattern.py"],
    "load": [PYTHON, f"{HERE}/plain.py"],
    "python": [PYTHON, "-I", "-S", "-c", "pass"],
    "decrypt": [CREDS, "decrypt", f"{STORE}/{NAME}", "-"],
    "systemd-run": [
        "/usr/bin/systemd-run", "--quiet", "--pipe", "--wait",
        f"--property=LoadCredentialEncrypted={NAME}", PYTHON, f"{HERE}/service.py",
    ],
    "runner, 32": [RUNNER, *declare(32), f"{HERE}/nothing.py"],
    "xargs, 32": [
        "/usr/bin/xargs", "-a", f"{HERE}/paths", "-P", str(os.cpu_count()), "-I", "{}",
        CREDS, "decrypt", "{}", "-",
    ],
}  # fmt: skip

# title, ours, what it is held against (times added), the ratio to reach
ROWS = (
    ("one credential, `-c`", "runner, -c", ("subprocess",), 0.65),
    ("one credential, declared in the script", "runner", ("subprocess",), 0.65),
    ("one credential, `-c`", "runner, -c", ("python", "decrypt"), 1.4),
    ("one credential, declared in the script", "runner", ("python", "decrypt"), 1.4),
    ("one credential, `-c`", "runner, -c", ("systemd-run",), 0.6),
    ("one credential, declared in the script", "runner", ("systemd-run",), 0.6),
    ("32 credentials", "runner, 32", ("xargs, 32", "python"), 1.15),
    ("`load()` in a plain script", "load", ("subprocess",), 0.7),
)


def measured(argv: list[str], runs: int) -> dict[str, list[float]]:
    """Seconds of so many runs, and their peak memory in bytes, by hyperfine 2 or 1.19."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        words = " ".join(argv)
        subprocess.run(
            ["/usr/bin/hyperfine", "-N", "--warmup", "1", "--runs", str(runs), "--style", "none",
             "--export-json", report.name, words],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        result = json.load(report)["results"][0]
    if "measurements" not in result:
        return {"seconds": result["times"], "memory": result["memory_usage_byte"]}
    return {
        "seconds": [run["time_wall_clock"]["value"] for run in result["measurements"]],
        "memory": [run["memory_peak_resident"]["value"] for run in result["measurements"]],
    }


def seconds(argv: list[str], runs: int) -> float:
    """The mean of so many runs."""
    times = measured(argv, runs)["seconds"]
    return sum(times) / len(times)


def interleaved(commands: dict[str, list[str]], rounds: int, runs: int) -> dict[str, list[float]]:
    """The mean times of each command, one a round."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, argv in commands.items():
            times[name].append(seconds(argv, runs))
    return times


def peak_memory(argv: list[str]) -> float:
    """The largest resident size of a run, in KiB."""
    return min(measured(argv, 5)["memory"]) / 1024


def second_load() -> dict[str, float]:
    """Nanoseconds of a repeated ``load()`` and of a dictionary look-up."""
    from credhelper import load

    load(NAME)
    table = {NAME: "value"}
    number = 200_000
    found = {
        "load": timeit.repeat(lambda: load(NAME), number=number, repeat=15),
        "dictionary": timeit.repeat(lambda: table[NAME], number=number, repeat=15),
    }
    return {name: min(times) / number * 1e9 for name, times in found.items()}


def guard(rounds: int) -> list[float]:
    """Seconds that a run takes to see that the host key is this machine's, its module included."""
    argv = [PYTHON, "-I", f"{HERE}/clocked.py", "-c", NAME, f"{HERE}/telling.py"]
    runs = [subprocess.run(argv, capture_output=True, check=True) for _ in range(rounds)]
    return [float(run.stdout) for run in runs]


def growth(rounds: int) -> dict[str, list[tuple[int, float]]]:
    """Seconds of a run as the work grows: median of the rounds."""
    curves: dict[str, list[tuple[int, float]]] = {}

    def measure(curve: str, size: int, argv: list[str]) -> None:
        times = sorted(seconds(argv, 3) for _ in range(rounds))
        curves.setdefault(curve, []).append((size, times[len(times) // 2]))

    for count in (1, 2, 5, 10, 20, 50, 100):
        measure("credentials declared", count, [RUNNER, *declare(count), f"{HERE}/nothing.py"])
    for size in (1, 1 << 10, 1 << 14, 1 << 17, 1 << 19, 870_000):
        seal("sized", os.urandom(size // 2 + 1).hex().encode()[:size])
        measure("bytes in the value", size, [RUNNER, "-c", "sized", f"{HERE}/nothing.py"])
    sealed = Path(STORE, NAME).read_bytes()
    for path in Path(STORE).iterdir():
        if path.name != NAME:
            path.unlink()
    there = 1
    for count in (1, 100, 200, 500, 1000):
        for number in range(there, count):  # of another name: nothing reads them
            Path(STORE, f"more{number}").write_bytes(sealed)
        there = count
        measure("credentials in the store", count, COMMANDS["runner, -c"])
        measure("credentials in the store, list", count, ["/usr/bin/credhelper", "list"])
    for count in (1, 10, 50, 100, 200, 500):
        took = sorted(side_by_side(COMMANDS["runner, -c"], count) for _ in range(min(rounds, 3)))
        curves.setdefault("runs side by side", []).append((count, took[len(took) // 2]))
    return curves


def schedule(policy: int, priority: int) -> None:
    """Has all of this machine, and what it starts, scheduled by ``policy`` (sched(7))."""
    for name in os.listdir("/proc"):
        try:
            os.sched_setscheduler(int(name), policy, os.sched_param(priority))
        except (ValueError, OSError):  # no process, or it has ended
            continue


def side_by_side(argv: list[str], count: int) -> float:
    """Seconds from the start of the first of so many runs to the end of the last."""
    start = time.perf_counter()
    runs = [subprocess.Popen(argv, stdin=subprocess.DEVNULL) for _ in range(count)]
    failed = [run.args for run in runs if run.wait()]
    if failed:
        raise RuntimeError(f"{len(failed)} of {count} runs side by side failed")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--growth-rounds", type=int, default=5)
    arguments = parser.parse_args()
    prepare()
    schedule(os.SCHED_FIFO, 1)  # before all that the host does besides
    times = interleaved(COMMANDS, arguments.rounds, arguments.runs)
    guarded = guard(arguments.rounds)
    beside = peers.compare(arguments.rounds)
    schedule(os.SCHED_OTHER, 0)
    rows = []
    for title, ours, others, target in ROWS:
        against = [sum(parts) for parts in zip(*(times[other] for other in others), strict=True)]
        ratios = [mine / other for mine, other in zip(times[ours], against, strict=True)]
        rows.append({"title": title, "against": others, "target": target, "ratios": ratios})
    memory = {
        name: peak_memory(argv)
        for name, argv in {
            "runner": COMMANDS["runner, -c"],
            "python": [PYTHON, f"{HERE}/nothing.py"],
        }.items()
    }
    json.dump(
        {
            "python": sys.version.split()[0],
            "systemd": subprocess.run(
                [CREDS, "--version"], capture_output=True, text=True, check=True
            ).stdout.split()[1],
            "processors": os.cpu_count(),
            "times": times,
            "rows": rows,
            "memory": memory,
            "second_load": second_load(),
            "guard": guarded,
            "peers": beside,
            "growth": growth(arguments.growth_rounds),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""What masking costs: a Python script that writes log lines to a pipe, with and without it.

The runs alternate, and a ratio is that of two runs side by side: what else the machine does
falls on both. Run it with the Python to be measured: python3 benchmarks/masking.py
"""

from __future__ import annotations

import argparse
import base64
import itertools
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"

PEM = -1  # in place of how many credentials: one, a private key of 28 lines

# argv: where credhelper is, how many credentials to mask, megabytes, how to write, what
WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
credentials, size, style, text = int(sys.argv[2]), int(sys.argv[3]) * 1_000_000, *sys.argv[4:]
if credentials:
    from credhelper.commands.run import masking
    keys = [sys.stdin.buffer.read()] if credentials < 0 else sys.stdin.buffer.readlines()
    masking.install({f"key_{i}": key for i, key in enumerate(keys)})
lines = [
    f"2026-03-{i % 28 + 1:02} 12:{i % 60:02}:{i * 7 % 60:02},{i:03} INFO worker[{i * 37 % 9999}]: "
    f"GET /api/v1/items/{i * 7919 % 99991}?page={i} 200 {i * 13 % 997} ms "
    f"id={i * 2654435761 % 2**32:08x}"
    for i in range(1000)
]
if text == "tokens":  # every letter and digit in every block, as no table of frequencies likes it
    import base64, random
    chance = random.Random(2)
    lines = [f"{line} session={base64.b64encode(chance.randbytes(15)).decode()}" for line in lines]
rounds = size // sum(len(line) + 1 for line in lines)
if style == "print":
    for _ in range(rounds):
        for line in lines:
            print(line)
elif style == "write":
    for _ in range(rounds):
        for line in lines:
            sys.stdout.write(line + "\\n")
else:
    block = "".join(line + "\\n" for line in lines).encode()
    blocks = [block[at : at + 8192] for at in range(0, len(block), 8192)]
    for _ in range(rounds):
        for block in blocks:
            sys.stdout.buffer.write(block)
"""


def run(credentials: int, megabytes: int, style: str, text: str, keys: bytes) -> float:
    """MB/s of one run, the start of Python included."""
    command = [sys.executable, "-I", "-S", "-c", WRITER]
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, str(SOURCE), str(credentials), str(megabytes), style, text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as writer:
        if not writer.stdin or not writer.stdout:
            raise RuntimeError("no pipes")
        writer.stdin.write(keys)
        writer.stdin.close()
        block, size = bytearray(1 << 20), 0
        while count := writer.stdout.readinto(block):  # type: ignore[attr-defined] # unbuffered
            size += count
    seconds = time.perf_counter() - start
    if writer.returncode:
        raise SystemExit(writer.returncode)
    return size / 1e6 / seconds


def compare(
    megabytes: int = 100,
    rounds: int = 7,
    credentials: int = 1,
    style: str = "print",
    text: str = "lines",
) -> tuple[list[float], list[float]]:
    """MB/s without and with masking, round after round."""
    chance = random.Random(1)  # noqa: S311 # the same keys in every run
    keys = b"".join(base64.b64encode(chance.randbytes(30)) + b"\n" for _ in range(credentials))
    if credentials == PEM:
        code = base64.encodebytes(chance.randbytes(28 * 57))
        keys = b"-----BEGIN PRIVATE KEY-----\n" + code + b"-----END PRIVATE KEY-----\n"
    plain, masked = [], []
    for _ in range(rounds):
        plain.append(run(0, megabytes, style, text, b""))
        masked.append(run(credentials, megabytes, style, text, keys))
    return plain, masked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100, help="of each run (default: 100)")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of runs (default: 7)")
    parser.add_argument("--credentials", type=int, nargs="+", default=[1, 4, 16, 64, PEM])
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {arguments.megabytes} MB of lines to a pipe; MB/s")
    print(f"{'style':8}{'text':8}{'credentials':>12}{'plain':>20}{'masked':>20}{'ratio':>22}")
    for style, text, credentials in itertools.product(
        ("print", "write", "blocks"), ("lines", "tokens"), arguments.credentials
    ):
        plain, masked = compare(arguments.megabytes, arguments.rounds, credentials, style, text)
        ratios = [one / other for one, other in zip(masked, plain, strict=True)]
        print(
            f"{style:8}{text:8}{'PEM' if credentials == PEM else credentials:>12}"
            f"{spread(plain, 0):>20}{spread(masked, 0):>20}{spread(ratios, 2):>22}"
        )


def spread(values: list[float], digits: int) -> str:
    """The median, and between what the values lie."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""What people search a history with, beside credhelper leaks: time, memory, and what each finds.

The time is that of one search of a large history, for one value; what is found, of values that were
committed in every way that the tests know, each in a file of its own, and removed again. Those who
search for a value are given each of them; the scanner knows none, but what keys look like.
"""

from __future__ import annotations

import base64
import json
import random
import string
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.leaks import GIT, SOURCE, Run, history, measured, read, search
from tests.real.planted import DOCUMENTS, WAYS

HEAD = """\
## Beside other searches of a history

One search for one value in the history of releases: how many times what Git takes beside it to
read all objects to nowhere in their order in packs, and its memory. Then what is found of
values that were each committed in another way, plain, escaped, encoded, broken, packed, and
removed again. Those who search for a value were given each of them; the scanner knows none, but
what keys look like. What credhelper does not find, it names as not searched.

"""

SCANNER = Path(sys.executable).parent / "kingfisher"  # of the package kingfisher-bin
SCAN = ("scan", "--no-validate", "--no-update-check", "--format", "jsonl")
KEY = "sk_live_0123456789abcdefghij"

# argv: where credhelper is, the repository; standard input: the values by file, as base64 in JSON
FIND = """
import base64, json, os, sys
sys.path.insert(0, sys.argv[1])
from credhelper.commands.leaks.matching import matcher
from credhelper.commands.leaks.search import search
values = {name: base64.b64decode(value) for name, value in json.load(sys.stdin).items()}
report = search([os.fsencode(sys.argv[2])], matcher(values), lambda report: None)
print("\\n".join(hit.credential.rpartition(" of ")[2] for hit in report.hits))
"""


@dataclass(frozen=True)
class Way:
    """One way to search: its name, one search of a history, and the files that it finds."""

    name: str
    once: Callable[[Path], Run]
    found: Callable[[Path, dict[str, bytes]], Iterable[str]]


def planted(tree: Path) -> dict[str, bytes]:
    """Commits a value in each of the ways to a new repository, and removes it: files, values."""
    chance = random.Random(7)  # noqa: S311 # the same values in every run
    values: dict[str, bytes] = {}
    for number, (kind, way) in enumerate(WAYS.values()):
        name = f"way-{number}"
        values[name] = _value(kind, chance).encode()
        (tree / name).write_bytes(way(values[name]))
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for arguments in (
        ("init", "--quiet"),
        ("add", "--all"),
        (*identity, "commit", "--quiet", "--message=all"),
        ("rm", "--quiet", "-r", "."),
        (*identity, "commit", "--quiet", "--message=none"),
    ):
        _git(tree, *arguments)
    return values


def _value(kind: str, chance: random.Random) -> str:
    key = "sk_live_" + "".join(chance.choices(string.ascii_letters + string.digits, k=28))
    match kind:
        case "key":
            return key
        case "password":
            return f"pä$s/'w{chance.randrange(10**9)}\"rd\\ `<&>!\t+~é"
        case "private key":
            lines = base64.encodebytes(chance.randbytes(300)).decode()
            return f"-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\n"
        case "UUID":
            return str(uuid.UUID(int=chance.getrandbits(128), version=4))
    return DOCUMENTS[kind][0](key)


def _git(tree: Path, *arguments: str | bytes) -> bytes:
    command = [GIT, "-C", str(tree), *arguments]
    return subprocess.run(command, capture_output=True, check=False).stdout


def _by_leaks(tree: Path, values: dict[str, bytes]) -> Iterator[str]:
    command = [sys.executable, "-I", "-c", FIND, str(SOURCE), str(tree)]
    encoded = {name: base64.b64encode(value).decode() for name, value in values.items()}
    given = json.dumps(encoded).encode()
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True)
    yield from done.stdout.decode().split()


def _by_log(tree: Path, values: dict[str, bytes]) -> Iterator[str]:
    listing = ("log", "--all", "--name-only", "--format=")
    for name, value in values.items():
        if name in _git(tree, *listing, b"-S" + value).decode().split():
            yield name


def _by_grep(tree: Path, values: dict[str, bytes]) -> Iterator[str]:
    revisions = _git(tree, "rev-list", "--all").decode().split()
    for name, value in values.items():
        line = max(value.splitlines(), key=len)  # it takes each for a value of its own
        listed = _git(tree, "grep", "-laF", "-e", line, *revisions).decode().split()
        if any(entry.endswith(f":{name}") for entry in listed):
            yield name


def _by_scanner(tree: Path, _: dict[str, bytes]) -> Iterator[str]:
    done = subprocess.run([SCANNER, *SCAN, str(tree)], stdout=subprocess.PIPE, check=False)
    for line in done.stdout.splitlines():
        yield json.loads(line).get("finding", {}).get("path", "")


def _log(path: Path) -> Run:
    return measured([GIT, f"--git-dir={path}", "log", "--all", "--format=%H", f"-S{KEY}"])


def _grep(path: Path) -> Run:
    shell = f'"$0" "$1" rev-list --all | xargs "$0" "$1" grep -qF {KEY}'
    return measured(["/bin/sh", "-c", shell, GIT, f"--git-dir={path}"], statuses={0, 1, 123})


def _scan(path: Path) -> Run:
    return measured([str(SCANNER), *SCAN, str(path)], statuses={0, 200})


SEARCHES = (
    Way("`credhelper leaks`", lambda path: search(path, 1), _by_leaks),
    Way("`git log --all -S`", _log, _by_log),
    Way("`git grep -F` in `$(git rev-list --all)`", _grep, _by_grep),
    Way("`kingfisher scan`, a scanner for patterns", _scan, _by_scanner),
)


def table(commits: Iterable[bytes], kept: Path | None = None) -> str:
    """The section on each search: time and memory in a history, how many values it finds."""
    rows = {way.name: [way.name] for way in SEARCHES}
    with history(commits, kept) as path:
        read(path, "--unordered")
        for way in SEARCHES:
            run, alone = way.once(path), read(path, "--unordered")
            against = run.seconds / alone.seconds, run.processors / alone.processors
            rows[way.name] += [*(f"{ratio:.1f}" for ratio in against), f"{run.resident:.0f} MB"]
    with tempfile.TemporaryDirectory(prefix="credhelper-bench-", dir="/var/tmp") as scratch:
        values = planted(Path(scratch))
        for way in SEARCHES:
            found = values.keys() & set(way.found(Path(scratch), values))
            rows[way.name].append(str(len(found)))
    head = ["search", "time", "processor time", "memory", f"finds of {len(values)}"]
    return HEAD + "".join(
        f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows.values())
    )

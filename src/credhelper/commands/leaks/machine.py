# SPDX-License-Identifier: MIT
"""Where a machine keeps what passed through it: area by area, each searched or told why not.

The journal and processes are read as such; everything else is files, archives and repositories,
and is searched as a tree is.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.findings import Hit, Place
from credhelper.commands.leaks.reading import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from credhelper.commands.leaks.matching import Matcher
    from credhelper.commands.leaks.search import Search

JOURNALCTL: Final = "/usr/bin/journalctl"
CHUNK: Final = 1 << 20
ENTRY: Final = 64 << 20  # bytes of one record of the journal that are kept together
_BEGINNING: Final = b"\n\n__CURSOR="  # of each record in the export format


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the machine: what it is called, the trees in it, and how a value leaves it."""

    name: str
    trees: tuple[str, ...]
    step: str


AREAS: Final = (
    Area("processes", (), "restart the unit or end the process; stop passing the value that way"),
    Area(
        "journal", (), "journalctl --rotate, then --vacuum-time=1s: it takes all archived records"
    ),
    Area("logs", ("/var/log",), "remove the lines, or the rotated file; see what logs the value"),
    Area(
        "core-dumps",
        ("/var/lib/systemd/coredump", "/var/spool/abrt", "/var/crash"),
        "remove the core dump",
    ),
    Area("homes", ("/root", "/home"), "remove it from the file; end the user's shells first"),
    Area("configuration", ("/etc", "/usr/local/etc", "/boot"), "load it with credhelper instead"),
    Area(
        "units",
        ("/run/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd"),
        "LoadCredentialEncrypted= in place of Environment= (systemd.exec(5))",
    ),
    Area("crontabs", ("/var/spool/cron", "/var/spool/at"), "have the script load it instead"),
    Area(
        "containers",
        ("/var/lib/containers", "/var/lib/docker"),
        "remove the container and the image; rebuild it without the value",
    ),
    Area("temporary", ("/tmp", "/var/tmp", "/dev/shm"), "remove the file"),  # noqa: S108 - searched
    Area("data", ("/srv", "/opt", "/var/www"), "remove it from the file"),
    Area(
        "installation",
        ("/var/lib/cloud", "/var/lib/dnf", "/usr/lib/sysimage/libdnf5"),
        "remove the file, or the value from what installed the machine",
    ),
)
_JOURNAL: Final = b"/var/log/journal"  # below another area, and searched as itself


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an area: "searched", "not there", or why it was not searched."""

    area: Area
    state: str
    hits: int


def search_machine(search: Search, names: Sequence[str], since: str) -> list[Outcome]:
    """Searches the areas with these names, all if none is given.

    since (systemd.time(7)) is for the journal, which keeps the time of everything.
    """
    outcomes = []
    search.excluded.add(_JOURNAL)
    special: dict[str, Callable[[], str]] = {
        "processes": lambda: _processes(search),
        "journal": lambda: _journal(search, since),
    }
    for area in AREAS:
        if names and area.name not in names:
            continue
        before = len(search.report.hits)
        state = special[area.name]() if area.name in special else _trees(search, area)
        found = len(search.report.hits) - before
        outcomes.append(Outcome(area, state, found))
    search.follow()
    return outcomes


def _trees(search: Search, area: Area) -> str:
    there = [tree for tree in area.trees if os.path.isdir(tree)]
    for tree in there:
        search.tree(os.fsencode(tree))
    return "searched" if there else "not there"


def _processes(search: Search) -> str:
    """Environments and command lines; processes that end meanwhile are gone."""
    own = str(os.getpid())
    for process in os.listdir("/proc"):
        if not process.isdecimal() or process == own:
            continue
        for name in ("environ", "cmdline"):
            try:
                with open(f"/proc/{process}/{name}", "rb") as file:
                    data = file.read(CHUNK)
            except (FileNotFoundError, ProcessLookupError):
                continue
            except OSError as error:
                search.problem(f"/proc/{process}/{name}".encode(), reason(error))
                continue
            for match in search.matcher.matches([data]):
                where = _process(search.matcher, process)
                search.report.hits.append(
                    Hit(match.credential, match.encoding, Place.PROCESS, where, inside=name)
                )
    return "searched"


def _process(matcher: Matcher, process: str) -> str:
    """A process as people know it: number, program and unit."""
    try:
        with open(f"/proc/{process}/comm", "rb") as file:
            program = matcher.shown(file.read(64).strip())[0]
        with open(f"/proc/{process}/cgroup", "rb") as file:
            unit = matcher.shown(os.path.basename(file.read(4096).splitlines()[-1]))[0]
    except (OSError, IndexError):
        return f"process {process}"
    return f"process {process} ({program}{', ' + unit if unit else ''})"


def _journal(search: Search, since: str) -> str:
    """Every field of every record (systemd.journal-fields(7)), as journalctl(1) exports them."""
    if not os.access(JOURNALCTL, os.X_OK):
        return "not there"
    words = [JOURNALCTL, "--output=export", "--no-pager", "--quiet", "--all"]
    words += [f"--since={since}"] if since else []
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"},
    ) as running:
        assert running.stdout  # noqa: S101 - it is PIPE
        some = False
        for block in _blocks(iter(partial(running.stdout.read, CHUNK), b"")):
            some = True
            search.report.size += len(block)
            search.progress(search.report)
            search.report.hits += journal_hits(search.matcher, block)
    if running.returncode:
        return f"not searched: journalctl ended with status {running.returncode}"
    return "searched" if some else "no records"


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The stream cut between records."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        cut = data.rfind(_BEGINNING)
        if cut < 0 and len(data) < ENTRY:
            rest = data
            continue
        cut = len(data) if cut < 0 else cut + 2
        yield data[:cut]
        rest = data[cut:]
    if rest:
        yield rest


def journal_hits(matcher: Matcher, block: bytes) -> list[Hit]:
    """The values in whole records of the export format, with field, unit and time."""
    hits = []
    for span in matcher.spans(block):
        start = block.rfind(_BEGINNING, 0, span.start)
        start = 0 if start < 0 else start + 2
        name, unit, seconds = _record(block, start, span.start)
        when = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
        where = matcher.shown(f"{name} of {unit or 'no unit'}, {when}".encode())[0]
        hits.append(Hit(span.needle.name, span.encoding, Place.JOURNAL, where, author_date=when))
    return hits


def _record(block: bytes, start: int, wanted: int) -> tuple[str, str, float]:
    """The field that place wanted is in, and the unit and time of its record."""
    field, unit, seconds, at = "a field", "", 0.0, start
    while at < len(block) and block[at : at + 1] != b"\n":
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        name, equals, content = block[at:end].partition(b"=")
        if not equals:  # its size in 64 bits, and then that many bytes
            size = int.from_bytes(block[end + 1 : end + 9], "little")
            content = block[end + 9 : end + 9 + min(size, 256)]
            end += 9 + size
        if at <= wanted < end:
            field = name.decode(errors="replace")
        if name in (b"_SYSTEMD_UNIT", b"_SYSTEMD_USER_UNIT") or (
            name == b"SYSLOG_IDENTIFIER" and not unit
        ):
            unit = content.decode(errors="replace")
        if name == b"__REALTIME_TIMESTAMP" and content.isdigit():
            seconds = int(content) / 1e6
        at = end + 1
    return field, unit, seconds

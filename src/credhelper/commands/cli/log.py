# SPDX-License-Identifier: MIT
"""``credhelper log``: who used which credential for what."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from credhelper import mistakes, store
from credhelper.commands import messages, records
from credhelper.commands.cli import terminal
from credhelper.name import CredentialName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credhelper.commands.records import Record

_HEADINGS: Final = ("TIME", "EVENT", "USER", "AS", "CREDENTIALS", "WHAT")
_NAMES_COLUMNS: Final = 24


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "log",
        help="show who used what",
        description="Show the records of runs, refusals and changes, newest last: those of the "
        "journal, and those of the kernel's audit that the journal lacks.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="only of this credential")
    parser.add_argument("-n", "--lines", metavar="COUNT", type=_count, help="only the newest")
    parser.add_argument("--since", metavar="TIME", default="", help="as in systemd.time(7)")
    parser.add_argument("--user", metavar="USER", help="only what this user did")
    parser.add_argument("--script", metavar="PATH", help="only of this script")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--no-pager", action="store_true", help="do not start less(1)")


def run(arguments: argparse.Namespace) -> int:
    """Prints the records."""
    name = None if arguments.name is None else CredentialName(arguments.name)
    script = os.path.realpath(arguments.script) if arguments.script else ""
    found = [
        record
        for record in records.read(arguments.since)
        if (not name or name in record.credentials)
        and arguments.user in (None, record.invoking_user)
        and script in ("", record.script)
    ]
    found = found[-arguments.lines :] if arguments.lines else found
    if arguments.json:
        terminal.print_json("log", {"records": [_as_data(record) for record in found]})
    elif found:
        wide = not terminal.is_dressed()
        rows = [_row(record, wide=wide) for record in found]
        terminal.table(_HEADINGS, rows, padded=False, paged=not arguments.no_pager)
    else:
        meant = mistakes.closest(name, store.known()) if name else ""
        hint = f"did you mean {meant}?" if meant and meant != name else ""
        messages.note("there are no records of that", hint)
    return 0


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("takes a number of records, such as -n 20")
    return int(text)


def _row(record: Record, *, wide: bool) -> tuple[str, ...]:
    return (
        terminal.exact_time(record.when) if wide else terminal.short_time(record.when),
        record.event,
        record.invoking_user,
        record.run_as,
        " ".join(record.credentials) if wide else _folded(record.credentials),
        record.what if wide or record.reason else os.path.basename(record.what),
    )


def _folded(names: Sequence[str]) -> str:
    """As many of ``names`` as a column has room for, and how many more there are."""
    shown = 1
    while shown < len(names) and len(" ".join(names[: shown + 1])) <= _NAMES_COLUMNS:
        shown += 1
    left = len(names) - shown
    return " ".join(names[:shown]) + (f" +{left}" if left > 0 else "")


def _as_data(record: Record) -> dict[str, object]:
    """The record as JSON has it: the names of its credentials with blanks between them."""
    data = asdict(record)
    when = data.pop("when")
    return (
        {"time": terminal.exact_time(when)} | data | {"credentials": " ".join(record.credentials)}
    )

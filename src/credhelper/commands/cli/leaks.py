# SPDX-License-Identifier: MIT
"""``credhelper leaks``: are the values in the store in these trees or their Git history?"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from credhelper.commands import messages, records, retired
from credhelper.commands.cli import leaks_values, meant, terminal
from credhelper.errors import CredentialError, CredentialNotFound, InvalidValue, UsageError

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.leaks.findings import Report
    from credhelper.commands.leaks.matching import Matcher

FOUND: Final = 1
INCOMPLETE: Final = 3


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "leaks",
        help="search trees and Git history for the values",
        description="Search files, and all that Git keeps of them, for the values in the store.",
        epilog="exit status: 0 nothing found, 1 a value found, 2 usage, "
        "3 nothing found, but not everything was searched",
    )
    parser.add_argument(
        "path", nargs="*", metavar="PATH", help="a tree (default: .), or - for standard input"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--staged", action="store_true", help="search only what the next commit adds"
    )
    parser.add_argument(
        "--select", metavar="NAME[,NAME...]", help="search for these credentials only"
    )
    parser.add_argument(
        "--baseline", metavar="FILE", help="leave out what an earlier --json output has"
    )
    parser.add_argument(
        "--rewrite",
        action="store_true",
        help="take what is found out of the history, with git filter-repo",
    )
    parser.add_argument(
        "--value-from",
        metavar="FILE",
        help="search for the value in this file alone (-: standard input)",
    )
    parser.add_argument(
        "--max-age",
        type=meant.quantity("days", "--max-age=90"),
        default=retired.MAXIMUM_AGE_DAYS,
        metavar="DAYS",
        help="drop values that were replaced longer ago than that (default: 180)",
    )
    parser.add_argument("--forget", metavar="NAME", help="drop the replaced values of NAME")
    parser.add_argument(
        "--machine",
        action="store_true",
        help="search processes, the journal, logs, homes and more of this machine",
    )
    parser.add_argument("--area", metavar="NAME[,NAME...]", help="with --machine, these areas only")
    parser.add_argument(
        "--since", metavar="TIME", help="with --machine, the journal's records from then on"
    )
    parser.add_argument("--yes", action="store_true", help="with --rewrite, do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found; the exit status tells it too."""
    from credhelper.commands.leaks.matching import matcher
    from credhelper.commands.leaks.search import search

    for option, given in (("area", arguments.area), ("since", arguments.since)):
        if given is not None and not arguments.machine:
            raise UsageError(f"--{option} needs --machine", "give both, or leave it out")
    if arguments.rewrite and (arguments.staged or arguments.json or arguments.baseline):
        raise UsageError("--rewrite takes no other options than --select and --yes", "")
    baseline = set() if arguments.baseline is None else _baseline(arguments.baseline)
    if arguments.forget:
        return _forget(arguments.forget)
    if arguments.value_from == "-" and "-" in arguments.path:
        raise UsageError("standard input holds the value or what is searched, not both", "")
    retired.forget(older_than_days=arguments.max_age)
    needles = leaks_values.obtain(arguments)
    failures = needles.failures
    paths = [os.fsencode(path) for path in arguments.path or ["."]]
    sought = matcher(needles.values)
    watch = _Watch()
    try:
        if arguments.machine:
            report = _machine(arguments, sought, watch)
        else:
            report = search(paths, sought, watch.show, only_staged=arguments.staged)
    except OSError as error:
        absent = sought.shown(os.fsencode(error.filename or ""))[0]
        raise CredentialError(
            f"{absent}: {(error.strerror or '').lower()}", "name a tree that is there"
        ) from None
    finally:
        watch.clear()
    report.leave_out(baseline)
    report.current = needles.current
    _show(report, failures, arguments)
    if arguments.rewrite:
        from credhelper.commands.cli import leaks_rewrite

        return leaks_rewrite.run(report, sought, sure=arguments.yes)
    if report.hits:
        return FOUND
    return INCOMPLETE if report.problems or failures else 0


def _machine(arguments: argparse.Namespace, matcher: Matcher, watch: _Watch) -> Report:
    from credhelper.commands.leaks.machine import AREAS, search_machine
    from credhelper.commands.leaks.search import begun

    names = [name for name in (arguments.area or "").split(",") if name]
    known = [area.name for area in AREAS]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no area {name}", f"one of: {', '.join(known)}")
    if arguments.since:
        records.require_time(arguments.since)
    if arguments.path or arguments.staged or arguments.rewrite:
        raise UsageError("--machine takes no PATH, --staged or --rewrite", "")
    under_way = begun(matcher, watch.show)
    outcomes = search_machine(under_way, names, arguments.since or "")
    watch.clear()
    for outcome in outcomes:
        text = f"{outcome.area.name}: {outcome.state}"
        if outcome.hits:
            text += f", found in {outcome.hits:,}; {outcome.area.step}"
        if not arguments.json:
            messages.say(text)
        if outcome.state.startswith("not searched"):
            under_way.problem(outcome.area.name.encode(), outcome.state)
    under_way.report.areas = {outcome.area.name: outcome.state for outcome in outcomes}
    return under_way.report


def _forget(name: str) -> int:
    count = retired.forget(name)
    if not count:
        raise CredentialNotFound(
            f"no replaced value of {name} is kept", "to see them all: sudo credhelper list"
        )
    messages.say(f"dropped {terminal.counted(count, 'replaced value')} of {name}")
    return 0


def _show(
    report: Report, failures: dict[str, CredentialError], arguments: argparse.Namespace
) -> None:
    from credhelper.commands.cli.leaks_report import as_lines, summary

    if arguments.json:
        unsealed = [{"credential": name, "problem": e.problem} for name, e in failures.items()]
        terminal.print_json("leaks", {**report.as_data(), "not_unsealed": unsealed})
    else:
        write = terminal.writer()
        for line in as_lines(report, steps=not arguments.rewrite):
            write(line.text, line.style)
        messages.say(summary(report, complete=not (report.problems or failures)))
    for failure in failures.values():
        messages.error(f"not searched for: {failure.problem}", failure.hint)
    for name in report.skipped:
        messages.warn(f"not searched for: the value of {name} is shorter than 8 bytes")
    for problem in report.problems:
        messages.error(f"not searched: {problem.path}: {problem.reason}")


def _baseline(path: str) -> set[tuple[str, ...]]:
    """What tells the hits of an earlier search, whose JSON is at ``path``."""
    from credhelper.commands.leaks.findings import keys

    hint = "make one: sudo credhelper leaks --json PATH > FILE"
    try:
        with open(path, encoding="utf-8") as file:
            return keys(json.load(file))
    except OSError as error:
        raise CredentialError(f"{path}: {(error.strerror or '').lower()}", hint) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InvalidValue(f"{path} is not JSON", hint) from None
    except (KeyError, TypeError, ValueError):
        raise InvalidValue(f"{path} is not the output of leaks --json", hint) from None


class _Watch:
    """Tells somebody at a terminal how far the search is, a few times a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1 if sys.stderr.isatty() else float("inf")
        self._shown = False

    def show(self, report: Report) -> None:
        """Says how much was searched so far, if the last time was long enough ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.2
        self._shown = True
        size = f"{report.size / 1e6:,.0f} MB"
        text = f"searching: {report.files:,} files, {report.objects:,} objects, {size}"
        messages.show(f"\r{text}\033[K")

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            messages.show("\r\033[K")

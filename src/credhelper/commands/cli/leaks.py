# SPDX-License-Identifier: MIT
"""``credhelper leaks``: are the values in the store in these trees or their Git history?"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from credhelper import sealing, store
from credhelper.commands import inventory, messages
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, CredentialNotFound, UsageError

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.cli.leaks_report import Line
    from credhelper.commands.leaks.findings import Report

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
    parser.add_argument("path", nargs="*", metavar="PATH", help="a tree (default: .)")
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
    parser.add_argument("--yes", action="store_true", help="with --rewrite, do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found; the exit status tells it too."""
    from credhelper.commands.leaks.matching import matcher
    from credhelper.commands.leaks.search import search

    if arguments.rewrite and (arguments.staged or arguments.json or arguments.baseline):
        raise UsageError("--rewrite goes with no other option but --select and --yes", "")
    baseline = _baseline(arguments.baseline)
    values, failures = _values(arguments.select)
    paths = [os.fsencode(path) for path in arguments.path or ["."]]
    sought = matcher(values)
    watch = _Watch()
    try:
        report = search(paths, sought, watch.show, only_staged=arguments.staged)
    except OSError as error:
        absent = sought.shown(os.fsencode(error.filename or ""))[0]
        raise UsageError(f"{absent}: {(error.strerror or '').lower()}", "name a tree") from None
    finally:
        watch.clear()
    if baseline:
        _leave_out(report, baseline, arguments.baseline)
    _show(report, failures, arguments)
    if arguments.rewrite:
        from credhelper.commands.cli import leaks_rewrite

        return leaks_rewrite.run(report, sought, sure=arguments.yes)
    if report.hits:
        return FOUND
    return INCOMPLETE if report.problems or failures else 0


def _show(
    report: Report, failures: dict[str, CredentialError], arguments: argparse.Namespace
) -> None:
    from credhelper.commands.cli.leaks_report import as_lines, summary

    if arguments.json:
        unsealed = [{"credential": name, "problem": e.problem} for name, e in failures.items()]
        terminal.print_json("leaks", {**report.as_data(), "not_unsealed": unsealed})
    else:
        _print(as_lines(report, steps=not arguments.rewrite))
        messages.say(summary(report, complete=not (report.problems or failures)))
    for failure in failures.values():
        messages.error(f"not searched for: {failure.problem}", failure.hint)
    for name in report.skipped:
        messages.warn(f"not searched for: the value of {name} is shorter than 8 bytes")
    for problem in report.problems:
        messages.error(f"not searched: {problem.path}: {problem.reason}")


def _baseline(path: str | None) -> dict[str, object] | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            data: dict[str, object] = json.load(file)
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or '').lower()}", _BASELINE) from None
    except ValueError:
        raise UsageError(f"{path} is not JSON", _BASELINE) from None
    return data


_BASELINE: Final = "make one: sudo credhelper leaks --json PATH > FILE"


def _leave_out(report: Report, baseline: dict[str, object], path: str) -> None:
    try:
        report.leave_out(baseline)
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{path} is not the output of leaks --json", _BASELINE) from None


def _values(select: str | None) -> tuple[dict[str, bytes], dict[str, CredentialError]]:
    """The values to search for, and why others could not be unsealed."""
    entries = {entry.name: entry for entry in inventory.entries()}
    names = [name for name in select.split(",") if name] if select is not None else list(entries)
    for name in names:
        if name not in entries:
            raise store.missing([name], wanted=False)
    failures = {
        name: CredentialError(f"credential {name} {'; '.join(inventory.problems(entries[name]))}")
        for name in names
        if not entries[name].blob
    }
    results = sealing.unseal_many(
        {name: entries[name].blob for name in names if entries[name].blob},
        allow_null=True,
        progress=terminal.progress("unsealing"),
    )
    values = {}
    for name, result in results.items():
        if isinstance(result, CredentialError):
            failures[name] = result
        else:
            values[name] = result
    if not values and not failures:
        raise CredentialNotFound(
            "there are no credentials to search for", "add one: sudo credhelper add my_api_key"
        )
    return values, failures


def _print(lines: list[Line]) -> None:
    """Plain in a pipe, dressed on a terminal; never broken, for commands are copied from here."""
    if not sys.stdout.isatty():
        for line in lines:
            messages.say(messages.one_line(line.text))
        return
    from rich.text import Text

    console = terminal.console()
    for line in lines:
        console.print(Text(messages.one_line(line.text), style=line.style), soft_wrap=True)


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

# SPDX-License-Identifier: MIT
"""``credhelper list``: what is in the store, and how it is bound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credhelper import sealing, store
from credhelper.commands import inventory, messages
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, DecryptionFailed

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "list",
        help="show the credentials",
        description="Show the credentials: how each is bound, its size, age and problems.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--verify", action="store_true", help="also unseal each: expiry, names, keys"
    )
    parser.add_argument(
        "--allow-null", action="store_true", help="with --verify, let the null key pass"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints; 1 where ``--verify`` finds what does not unseal."""
    entries = inventory.entries()
    failures: dict[str, CredentialError] = {}
    if arguments.verify:
        blobs = {entry.name: entry.blob for entry in entries if entry.blob}
        results = sealing.unseal_many(
            blobs, allow_null=arguments.allow_null, progress=terminal.progress("unsealing")
        )
        failures = {
            name: result for name, result in results.items() if isinstance(result, CredentialError)
        } | {
            entry.name: DecryptionFailed(
                "; ".join(entry.problems), subject=f"credential {entry.name}"
            )
            for entry in entries
            if not entry.blob
        }
    if arguments.json:
        terminal.print_json(
            "list", {"credentials": [_as_data(entry, failures) for entry in entries]}
        )
    elif entries:
        terminal.table(
            ("NAME", "BOUND TO", "SIZE", "AGE", "PROBLEMS"),
            [
                (
                    entry.name,
                    entry.binding.label,
                    str(entry.size),
                    terminal.age(entry.modified),
                    "; ".join(_problems(entry, failures)),
                )
                for entry in entries
            ],
            alarming=4,
        )
    else:
        messages.note("there are no credentials", "add one: sudo credhelper add my_api_key")
    return 1 if failures else 0


def _problems(entry: inventory.Entry, failures: dict[str, CredentialError]) -> list[str]:
    problems = list(entry.problems)
    if entry.path.parent != type(entry.path)(store.WRITTEN):
        problems.insert(0, f"in {entry.path.parent}")
    failure = failures.get(entry.name)
    if failure and not any(failure.reason.endswith(problem) for problem in problems):
        problems.append(failure.reason)
    return problems


def _as_data(entry: inventory.Entry, failures: dict[str, CredentialError]) -> dict[str, object]:
    data: dict[str, object] = {
        "name": entry.name,
        "path": str(entry.path),
        "bound_to": entry.binding.label,
        "size": entry.size,
        "modified": datetime.fromtimestamp(entry.modified, UTC).isoformat(timespec="seconds"),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "problems": list(entry.problems),
    }
    if failure := failures.get(entry.name):
        data["unsealing"] = {"error": type(failure).__name__, "problem": failure.problem}
    return data

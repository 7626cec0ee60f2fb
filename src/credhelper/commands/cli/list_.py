# SPDX-License-Identifier: MIT
"""``credhelper list``: what is in the store, and how it is bound."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credhelper import sealing
from credhelper.commands import inventory, messages
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, DecryptionFailed
from credhelper.name import quoted

if TYPE_CHECKING:
    import argparse

    from credhelper.store import Sealed


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
                "; ".join(inventory.problems(entry)), subject=f"credential {entry.name}"
            )
            for entry in entries
            if not entry.blob
        }
        opened = {name: blob for name, blob in blobs.items() if name not in failures}
        nameless = sealing.nameless(opened, allow_null=arguments.allow_null) if opened else set()
        for name in sorted(nameless):
            messages.warn(
                f"credential {name} has no embedded name, and unseals in the place of any other",
                f"sudo credhelper reseal {quoted(name)}",
            )
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
                    inventory.binding(entry).label,
                    str(entry.status.st_size),
                    terminal.age(entry.status.st_mtime),
                    "; ".join(_problems(entry, failures)),
                )
                for entry in entries
            ],
            alarming=4,
        )
    else:
        messages.note("there are no credentials", "add one: sudo credhelper add my_api_key")
    return 1 if failures else 0


def _problems(entry: Sealed, failures: dict[str, CredentialError]) -> list[str]:
    problems = inventory.problems(entry)
    if not entry.is_written:
        problems.insert(0, f"in {entry.directory}")
    failure = failures.get(entry.name)
    if failure and not any(failure.reason.endswith(problem) for problem in problems):
        problems.append(failure.reason)
    return problems


def _as_data(entry: Sealed, failures: dict[str, CredentialError]) -> dict[str, object]:
    status = entry.status
    data: dict[str, object] = {
        "name": entry.name,
        "path": entry.path,
        "bound_to": inventory.binding(entry).label,
        "size": status.st_size,
        "modified": datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds"),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
        "problems": inventory.problems(entry),
    }
    if failure := failures.get(entry.name):
        data["unsealing"] = {"error": type(failure).__name__, "problem": failure.problem}
    return data

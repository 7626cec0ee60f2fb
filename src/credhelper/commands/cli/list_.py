# SPDX-License-Identifier: MIT
"""``credhelper list``: what is in the store, how it is bound, when it was given and last used."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from credhelper.commands import descriptions, expiry, inventory, messages, records, retired
from credhelper.commands import grants as granted
from credhelper.commands.check import credentials, grants
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, CredentialExpired, DecryptionFailed
from credhelper.name import quoted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from credhelper.commands.records import Record
    from credhelper.store import Sealed


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "list",
        help="show the credentials",
        description="Show the credentials: how each is bound, how long ago its value was given, "
        "when and by which script it was last used, and its problems.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--names", action="store_true", help="print the names, one a line")
    parser.add_argument(
        "--verify", action="store_true", help="also unseal each: expiry, names, keys"
    )
    parser.add_argument(
        "--allow-null", action="store_true", help="with --verify, let the null key pass"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints; 1 where ``--verify`` finds what does not unseal."""
    entries = inventory.entries()
    if arguments.names:
        for entry in entries:
            messages.say(messages.one_line(entry.name))
        return 0
    failures: dict[str, CredentialError] = {}
    ends: dict[str, int] = {}
    if arguments.verify:
        failures, ends = _verified(entries, allow_null=arguments.allow_null)
    uses = records.last_uses()
    described = descriptions.every()
    if arguments.json:
        kept = retired.count()
        data = [
            _as_data(entry, failures, ends, uses)
            | {"replaced_values": kept.get(entry.name, 0)}
            | ({"description": described[entry.name]} if entry.name in described else {})
            for entry in entries
        ]
        terminal.print_json("list", {"credentials": data})
    elif entries:
        _show(entries, failures, ends if arguments.verify else None, uses)
        for name in [entry.name for entry in entries if entry.name in described]:
            messages.say(messages.one_line(f"{name}: {described[name]}"))
        if arguments.verify:
            messages.note(f"verified: {len(entries) - len(failures)} of {len(entries)} unseal")
        for line in grants.facts():
            messages.say(messages.one_line(line))
        if replaced := sum(retired.count().values()):
            values = terminal.counted(replaced, "replaced value")
            messages.note(
                f"{values} kept sealed for leaks to search for",
                "when they are found nowhere any more: sudo credhelper leaks --forget NAME",
            )
    else:
        messages.note("there are no credentials", "add one: sudo credhelper add my_api_key")
    return 1 if failures else 0


def _verified(
    entries: list[Sealed], *, allow_null: bool
) -> tuple[dict[str, CredentialError], dict[str, int]]:
    """Why some do not unseal, and the last second of those that expire."""
    progress = messages.progress("unsealing")
    unsealed = credentials.unseal(
        entries, allow_null=allow_null, valid_at=expiry.far(), progress=progress
    )
    failures = dict(unsealed.errors)
    expired = {name for name, error in failures.items() if isinstance(error, CredentialExpired)}
    ends = {
        entry.name: expiry.last_valid_second(entry.name, entry.blob, allow_null=allow_null)
        for entry in entries
        if entry.name in unsealed.expiring | expired
    }
    for name in sorted(unsealed.nameless):
        messages.warn(
            f"credential {name} has no embedded name, and unseals in the place of any other",
            f"sudo credhelper reseal {quoted(name)}",
        )
    for entry in entries:
        if not entry.blob:
            problem = "; ".join(inventory.problems(entry))
            failures[entry.name] = DecryptionFailed(problem, subject=f"credential {entry.name}")
    return failures, ends


def _show(
    entries: list[Sealed],
    failures: Mapping[str, CredentialError],
    ends: Mapping[str, int] | None,
    uses: Mapping[str, Record],
) -> None:
    headings = ["NAME", "BOUND TO", "ROTATED", "LAST USED", "PROBLEMS"]
    rows = [
        [
            entry.name,
            inventory.binding(entry).label,
            terminal.age(entry.status.st_mtime),
            _last_use(uses.get(entry.name)),
            "; ".join(_problems(entry, failures)),
        ]
        for entry in entries
    ]
    if ends is not None:
        headings.insert(2, "EXPIRES")
        for entry, row in zip(entries, rows, strict=True):
            never = "" if entry.name in failures else "never"
            row.insert(2, terminal.day(ends[entry.name]) if entry.name in ends else never)
    terminal.table(headings, rows, alarming=len(headings) - 1, figures=("ROTATED",))


def _last_use(record: Record | None) -> str:
    if record is None:
        return ""
    return f"{terminal.age(record.when)} {os.path.basename(record.script)}"


def _problems(entry: Sealed, failures: Mapping[str, CredentialError]) -> list[str]:
    problems = inventory.problems(entry)
    if not entry.is_written:
        problems.insert(0, f"in {entry.directory}")
    failure = failures.get(entry.name)
    if failure and not any(failure.reason.endswith(problem) for problem in problems):
        problems.append(failure.reason)
    return problems


def _as_data(
    entry: Sealed,
    failures: Mapping[str, CredentialError],
    ends: Mapping[str, int],
    uses: Mapping[str, Record],
) -> dict[str, object]:
    data: dict[str, object] = {
        "name": entry.name,
        "path": entry.path,
        "bound_to": inventory.binding(entry).label,
        "size": entry.status.st_size,
        "modified": terminal.exact_time(entry.status.st_mtime),
        "mode": f"{stat.S_IMODE(entry.status.st_mode):04o}",
        "uid": entry.status.st_uid,
        "gid": entry.status.st_gid,
        "problems": inventory.problems(entry),
    }
    if entry.name in ends:
        data["expires"] = terminal.exact_time(ends[entry.name])
    if use := uses.get(entry.name):
        data["last_used"] = {
            "time": terminal.exact_time(use.when),
            "script": use.script,
            "user": use.invoking_user,
        }
    with suppress(CredentialError):  # check tells
        if (allowed := granted.of(entry.name)) is not None:
            data["scripts"] = [{"script": one.script, "group": one.group} for one in allowed]
    if failure := failures.get(entry.name):
        data["unsealing"] = {"error": type(failure).__name__, "problem": failure.problem}
    return data

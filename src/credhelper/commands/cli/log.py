# SPDX-License-Identifier: MIT
"""``credhelper log``: who used which credential for what, from the journal."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final

from credhelper.commands import audit, audit_trail, messages, program
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, UsageError
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse

_JOURNALCTL: Final = "/usr/bin/journalctl"
_EVENTS: Final = {
    audit.RUN: "run",
    audit.REFUSAL: "refused",
    audit.STORE_CHANGE: "store",
    audit.ON_DEMAND: "on demand",
}
_FIELDS: Final = ("OPERATION", "CREDENTIALS", "SCRIPT", "SCRIPT_SHA256", "INVOKING_USER", "RUN_AS")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "log",
        help="show who used what",
        description="Show the records of runs, refusals and changes, newest last: those of the "
        "journal, and those of the kernel's audit that the journal lacks.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="only of this credential")
    parser.add_argument("--since", metavar="TIME", help="since when, as in systemd.time(7)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Prints the records."""
    name = None if arguments.name is None else CredentialName(arguments.name)
    entries = _entries(arguments.since)
    entries += audit_trail.missing(entries, arguments.since)
    records = sorted((_record(entry) for entry in entries), key=lambda record: record["time"])
    if name:
        records = [record for record in records if name in record["credentials"].split()]
    if arguments.json:
        terminal.print_json("log", {"records": records})
    elif records:
        headings = ("TIME", "EVENT", "USER", "AS", "CREDENTIALS", "WHAT")
        terminal.table(
            headings,
            [
                (
                    r["time"],
                    r["event"],
                    r["invoking_user"],
                    r["run_as"],
                    r["credentials"],
                    r["reason"] or r["script"] or r["operation"],
                )
                for r in records
            ],
        )
    else:
        messages.note("the journal has no records of that")
    return 0


def _entries(since: str | None) -> list[dict[str, object]]:
    # root's alone: anybody can write records that look like ours
    matches = ["_UID=0", *(f"MESSAGE_ID={message_id}" for message_id in _EVENTS)]
    # --all: without it, a field of more than 4096 bytes is null
    argv = [_JOURNALCTL, "--output=json", "--all", "--no-pager", "--quiet", *matches]
    try:
        found = program.run(*argv, *([f"--since={since}"] if since else []))
    except OSError as error:
        raise CredentialError(f"{_JOURNALCTL}: {error.strerror}", "install systemd") from None
    if found.returncode:
        reason = found.stderr.decode("ascii", "replace").strip()
        if since and "timestamp" in reason:
            raise UsageError(f"--since: {reason}", "write it as in systemd.time(7), such as -1d")
        raise CredentialError(f"journalctl failed: {reason}", "see journalctl(1)")
    return [json.loads(line) for line in found.stdout.splitlines()]


def _record(entry: dict[str, object]) -> dict[str, str]:
    def field(name: str) -> str:
        return _text(entry.get(name))

    stamp = int(field("__REALTIME_TIMESTAMP")) / 1e6
    record = {
        "time": datetime.fromtimestamp(stamp).astimezone().isoformat(" ", "seconds"),
        "event": _EVENTS.get(field("MESSAGE_ID"), ""),
        "message": field("MESSAGE"),
        "reason": field("CREDHELPER_REASON"),
    }
    return record | {name.lower(): field(f"CREDHELPER_{name}") for name in _FIELDS}


def _text(value: object) -> str:
    """A field in journalctl(1)'s JSON: text, bytes as numbers, null, or several of these."""
    if isinstance(value, list):
        if all(isinstance(byte, int) for byte in value):
            return bytes(value).decode("utf-8", "replace")
        return " ".join(_text(one) for one in value)
    return "" if value is None else str(value)

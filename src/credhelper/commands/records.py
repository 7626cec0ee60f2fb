# SPDX-License-Identifier: MIT
"""What is on record of who used which credential, from the journal and the kernel's audit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from credhelper.commands import audit, audit_trail, program
from credhelper.errors import CredentialError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_JOURNALCTL: Final = "/usr/bin/journalctl"
_NEWEST: Final = 2000  # entries in which a last use is looked for
RUN: Final = "run"
ON_DEMAND: Final = "on demand"
_EVENTS: Final = {
    audit.RUN: RUN,
    audit.REFUSAL: "refused",
    audit.STORE_CHANGE: "store",
    audit.ON_DEMAND: ON_DEMAND,
}


@dataclass(frozen=True)
class Record:
    """One entry. ``when`` is in seconds since the epoch; what does not apply is empty."""

    when: float
    event: str
    message: str
    reason: str
    operation: str
    credentials: tuple[str, ...]
    script: str
    script_sha256: str
    invoking_user: str
    run_as: str

    @property
    def what(self) -> str:
        """Why a run was refused, or what was run or done."""
        return self.reason or self.script or self.operation


def read(since: str = "", *, newest: int = 0) -> list[Record]:
    """The records ``since`` a time (systemd.time(7)), the oldest first.

    ``newest`` is how many entries of the journal to read, 0 for all. Raises :class:`UsageError`
    for a time that is none, and :class:`CredentialError` where the journal cannot be read.
    """
    entries = _entries(since, newest)
    lost = audit_trail.missing(entries, since or None)
    entries += [entry for entry in lost if entry["MESSAGE_ID"] in _EVENTS]
    return sorted(map(_record, entries), key=lambda record: record.when)


def last_uses() -> dict[str, Record]:
    """The last run that had each credential, by name; empty where the journal cannot be read."""
    try:
        found = read(newest=_NEWEST)
    except CredentialError:
        return {}
    return _last_uses(found)


def _last_uses(records: Iterable[Record]) -> dict[str, Record]:
    return {
        name: record
        for record in records
        if record.event in (RUN, ON_DEMAND)
        for name in record.credentials
    }


def _entries(since: str, newest: int) -> list[dict[str, object]]:
    # root's alone: anybody can write records that look like ours
    matches = ["_UID=0", *(f"MESSAGE_ID={message_id}" for message_id in _EVENTS)]
    # --all: without it, a field of more than 4096 bytes is null
    options = ["--output=json", "--all", "--no-pager", *([f"--lines={newest}"] if newest else [])]
    return [json.loads(line) for line in _journalctl(since, *options, *matches).splitlines()]


def require_time(since: str) -> None:
    """Raises :class:`UsageError` where ``since`` is no time of systemd.time(7)."""
    try:
        _journalctl(since, "--lines=0")
    except UsageError:
        raise
    except CredentialError:  # said by who reads the journal
        pass


def _journalctl(since: str, *options: str) -> bytes:
    """What it prints; raises what :func:`read` does."""
    when = [f"--since={since}"] if since else []
    try:
        found = program.run(_JOURNALCTL, "--quiet", *when, *options)
    except OSError as error:
        raise CredentialError(f"{_JOURNALCTL}: {error.strerror}", "install systemd") from None
    if found.returncode:
        reason = found.stderr.decode("ascii", "replace").strip()
        if since and "timestamp" in reason:
            hint = "write it as in systemd.time(7), such as --since=-1d or --since=today"
            raise UsageError(f"--since: {reason}", hint)
        raise CredentialError(f"journalctl failed: {reason}", "see journalctl(1)")
    return found.stdout


def _record(entry: dict[str, object]) -> Record:
    def field(name: str) -> str:
        return _text(entry.get(name))

    def own(name: str) -> str:
        return field(f"CREDHELPER_{name}")

    return Record(
        when=int(field("__REALTIME_TIMESTAMP")) / 1e6,
        event=_EVENTS.get(field("MESSAGE_ID"), ""),
        message=field("MESSAGE"),
        reason=own("REASON"),
        operation=own("OPERATION"),
        credentials=tuple(own("CREDENTIALS").split()),
        script=own("SCRIPT"),
        script_sha256=own("SCRIPT_SHA256"),
        invoking_user=own("INVOKING_USER"),
        run_as=own("RUN_AS"),
    )


def _text(value: object) -> str:
    """A field in journalctl(1)'s JSON: text, bytes as numbers, null, or several of these."""
    if isinstance(value, list):
        if all(isinstance(byte, int) for byte in value):
            return bytes(value).decode("utf-8", "replace")
        return " ".join(_text(one) for one in value)
    return "" if value is None else str(value)

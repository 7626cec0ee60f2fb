# SPDX-License-Identifier: MIT
"""The kernel's audit records of this program, read as if they were the journal's own.

journald has them where it listens to the kernel's audit (``Audit=`` in journald.conf(5)), and
auditd(8) in its own files. Whoever floods the journal cannot keep these out of it.
"""

from __future__ import annotations

import json
import os
import re
from typing import Final

from credhelper.commands import program

_JOURNALCTL: Final = "/usr/bin/journalctl"
_AUSEARCH: Final = "/usr/sbin/ausearch"
_OURS: Final = re.compile(
    r"^(?:\w+ )?pid=(\d+) uid=0 auid=(\d+) [^']*?msg='op=credhelper (id=[^']*)'"
)
_RAW: Final = re.compile(r"^type=TRUSTED_APP msg=audit\((\d+)\.(\d+):\d+\): (.*)$")
_FIELD: Final = re.compile(r'(\w+)=(?:"([^"]*)"|(\S*))')
_KEPT_BYTES: Final = 1024  # of a field, by the kernel's audit (see ``recording``)
_SAME_SECONDS: Final = 5.0  # between a record here and the same in the journal, at the most

Entry = dict[str, object]


def missing(journal: list[Entry], since: str | None) -> list[Entry]:
    """What the kernel has on record and ``journal`` has not, as entries of journalctl(1)'s JSON.

    ``journal`` holds the entries of the journal ``since`` (systemd.time(7)) that time.
    """
    known: dict[tuple[object, ...], list[float]] = {}
    for entry in journal:
        known.setdefault(_what(entry), []).append(_time(entry))
    found: dict[tuple[object, ...], Entry] = {}
    for entry in [*_from_journald(since), *_from_auditd(since)]:
        times = known.get(_what(entry), ())
        if not any(abs(_time(entry) - time) < _SAME_SECONDS for time in times):
            found.setdefault((*_what(entry), _time(entry)), entry)
    return sorted(found.values(), key=_time)


def _what(entry: Entry) -> tuple[object, ...]:
    """What tells ``entry`` from others of that moment: one process may load several credentials."""
    names = entry.get("CREDHELPER_CREDENTIALS", "")
    if isinstance(names, list):  # as journalctl(1) writes what is no text
        names = os.fsdecode(bytes(names))
    return entry.get("MESSAGE_ID"), entry.get("_PID"), os.fsencode(str(names))[:_KEPT_BYTES]


def parse(text: str, microseconds: int) -> Entry | None:
    """The audit message ``text`` of this program's; None for any other."""
    match = _OURS.match(text)
    if not match:
        return None
    fields = {name: quoted or _plain(bare) for name, quoted, bare in _FIELD.findall(match[3])}
    entry: Entry = {
        f"CREDHELPER_{name.upper()}": value for name, value in fields.items() if name != "id"
    }
    return entry | {
        "MESSAGE_ID": fields.get("id", ""),
        "MESSAGE": "from the kernel's audit",
        "_PID": match[1],
        "_AUDIT_LOGINUID": match[2],
        "__REALTIME_TIMESTAMP": str(microseconds),
    }


def _from_journald(since: str | None) -> list[Entry]:
    matches = ("_TRANSPORT=audit", "_AUDIT_TYPE=1121")  # trusted: journald sets these
    argv = [_JOURNALCTL, "--output=json", "--no-pager", "--quiet", *matches]
    try:
        found = program.run(*argv, *([f"--since={since}"] if since else []))
    except OSError:
        return []
    entries = []
    for line in found.stdout.splitlines():
        record = json.loads(line)
        when = record.get("_SOURCE_REALTIME_TIMESTAMP") or record["__REALTIME_TIMESTAMP"]
        if entry := parse(str(record.get("MESSAGE", "")), int(when)):
            entries.append(entry)
    return entries


def _from_auditd(since: str | None) -> list[Entry]:
    try:
        found = program.run(_AUSEARCH, "--raw", "--message", "TRUSTED_APP", "--input-logs")
    except OSError:  # it is not installed
        return []
    lines = found.stdout.decode("utf-8", "surrogateescape").splitlines()
    return from_raw(lines, _seconds(since) if since else 0.0)


def from_raw(lines: list[str], earliest: float) -> list[Entry]:
    """What ``lines`` of auditd's files hold of this program's, from ``earliest`` on (in seconds
    since the epoch)."""
    entries = []
    for line in lines:
        if match := _RAW.match(line):
            microseconds = int(match[1]) * 1_000_000 + int(match[2]) * 1_000
            entry = parse(match[3], microseconds)
            if entry and microseconds / 1e6 >= earliest:
                entries.append(entry)
    return entries


def _seconds(when: str) -> float:
    """``when`` (systemd.time(7)) in seconds since the epoch; 0 where it is none."""
    try:
        found = program.run("/usr/bin/systemd-analyze", "timestamp", "--", when)
    except OSError:
        return 0.0
    match = re.search(rb"UNIX seconds: @([0-9.]+)", found.stdout)
    return float(match[1]) if match else 0.0


def _time(entry: Entry) -> float:
    return int(str(entry["__REALTIME_TIMESTAMP"])) / 1e6


def _plain(value: str) -> str:
    """A value without quotes: in hexadecimal, except the words of a kernel or of this program."""
    try:
        return os.fsdecode(bytes.fromhex(value))
    except ValueError:
        return value

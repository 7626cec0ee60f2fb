# SPDX-License-Identifier: MIT
"""What ``credhelper leaks`` searches for: the store's values, replaced ones, and a given one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credhelper import store
from credhelper.commands import inventory, messages, retired, sealing
from credhelper.commands.cli import stream
from credhelper.errors import CredentialError, CredentialNotFound, InvalidValue

if TYPE_CHECKING:
    import argparse


@dataclass(slots=True)
class Values:
    """Values by what a hit calls them, and why others could not be unsealed.

    Those in ``current`` are in the store as they are: the first step is to rotate them.
    """

    values: dict[str, bytes] = field(default_factory=dict, repr=False)
    failures: dict[str, CredentialError] = field(default_factory=dict)
    current: set[str] = field(default_factory=set)


def obtain(arguments: argparse.Namespace) -> Values:
    """Raises :class:`CredentialNotFound` where there is nothing to search for."""
    result = Values()
    if arguments.value_from:
        result.values[f"value from {_shown(arguments.value_from)}"] = _given(arguments.value_from)
        return result
    entries = {entry.name: entry for entry in inventory.entries()}
    select = arguments.select
    names = [name for name in select.split(",") if name] if select is not None else list(entries)
    replaced = [entry for entry in retired.entries() if select is None or entry.name in names]
    for name in names:
        if name not in entries and name not in {entry.name for entry in replaced}:
            raise store.missing([name], wanted=False)
    for name in names:
        if name in entries and not entries[name].blob:
            problems = "; ".join(inventory.problems(entries[name]))
            result.failures[name] = CredentialError(f"credential {name} {problems}")
    blobs = {name: entries[name].blob for name in names if name in entries and entries[name].blob}
    _unseal(result, blobs, {name: name for name in blobs})
    result.current = set(blobs)
    while replaced:  # a name at a time: the sealed file tells its own
        one_each = {entry.name: entry for entry in reversed(replaced)}
        replaced = [entry for entry in replaced if one_each[entry.name] is not entry]
        labels = {name: f"{name}, replaced {_day(entry)}" for name, entry in one_each.items()}
        _unseal(result, {name: entry.blob for name, entry in one_each.items()}, labels)
    if not result.values and not result.failures:
        raise CredentialNotFound(
            "there are no credentials to search for", "add one: sudo credhelper add my_api_key"
        )
    return result


def _unseal(result: Values, blobs: dict[str, bytes], labels: dict[str, str]) -> None:
    unsealed = sealing.unseal_many(
        blobs, allow_null=True, progress=messages.progress("unsealing"), timestamp="@1"
    )
    for name, outcome in unsealed.items():
        label = labels[name]
        while label in result.values or label in result.failures:
            label += "'"
        if isinstance(outcome, CredentialError):
            result.failures[label] = outcome
        elif outcome not in result.values.values():
            result.values[label] = outcome


def _day(entry: retired.Retired) -> str:
    return datetime.fromtimestamp(entry.until, UTC).date().isoformat()


def _given(source: str) -> bytes:
    """The value in a file, a pipe or on standard input."""
    data, _ = stream.obtain(source)
    if not data.rstrip(b"\r\n"):
        raise InvalidValue("the value to search for is empty", "give one line")
    return data


def _shown(source: str) -> str:
    return "standard input" if source == "-" else source

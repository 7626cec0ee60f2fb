# SPDX-License-Identifier: MIT
"""``credhelper put``: credentials have these values afterwards, whatever was there before.

For what is run again and again, such as configuration management: nothing changes where nothing
has to.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from credhelper import envelope, store
from credhelper.commands import descriptions, installing, messages, piped, sealing
from credhelper.commands.cli import add, binding, changing, storing, terminal, value
from credhelper.errors import (
    CredentialError,
    CredentialExists,
    CredentialExpired,
    DamagedCredential,
    InvalidName,
    InvalidValue,
    NameMismatch,
    PCRsChanged,
    StoreFailed,
    UsageError,
    WrongMachine,
)
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.cli.binding import Bound
    from credhelper.commands.directory import Change
    from credhelper.store import Sealed

_DESCRIPTION = """\
Have a credential with this value: add it, rotate it where its value is another, seal it again where
--with-key names another key, and change nothing otherwise. What is not asked for stays, as in
rotate. --not-after is taken where something is sealed; it alone changes nothing. With --set,
the values of many come as one JSON object on standard input: all are put, or none."""

ADDED: Final = "added"
ROTATED: Final = "rotated"
RESEALED: Final = "resealed"
UNCHANGED: Final = "unchanged"
_OPERATIONS: Final = {ADDED: "add", ROTATED: "rotate", RESEALED: "reseal"}

# a new value is what helps against these
_MENDED: Final = (CredentialExpired, DamagedCredential, NameMismatch, PCRsChanged, WrongMachine)


@dataclass(frozen=True)
class _Step:
    """What one credential needs; ``old`` is what is there, and ``blob`` what is to be there."""

    name: CredentialName
    change: str
    secret: bytes
    old: Sealed | None
    blob: bytes = b""

    @property
    def label(self) -> str:
        """How it is bound afterwards; empty where that is not known."""
        return binding.label(self.blob)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser("put", help="add or rotate, as needed", description=_DESCRIPTION)
    parser.add_argument("name", metavar="NAME", nargs="?", help="the credential's name")
    parser.add_argument(
        "--set", action="store_true", help="read names and values as JSON from standard input"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, and do nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    descriptions.add_option(parser)
    value.add_options(parser)
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Does what is needed; raises what keeps it from that."""
    if arguments.set and arguments.name:
        raise UsageError("--set takes its names from standard input", f"leave {arguments.name} out")
    if not arguments.set and not arguments.name:
        example = "such as: sudo credhelper put my_api_key"
        raise UsageError("put what?", f"{example}; or give --set, and JSON on standard input")
    description = descriptions.checked(arguments.description)
    if arguments.set and description is not None:
        raise UsageError("--description is of one credential", "leave it out, or give a name")
    source = None
    if arguments.set:
        wanted = _read_set(arguments)
    else:
        name = _name(arguments.name)
        secret, source = value.obtain(arguments)
        wanted = {name: secret}
    bound = binding.chosen(arguments)
    steps = _steps(wanted, bound)
    with changing.change(arguments) as change:
        if not arguments.dry_run:
            steps = _put(steps, bound, change)
            if not (arguments.delete_source and source):  # which does it as well
                _make_durable(steps, change)
        _tell(steps, arguments)
        if arguments.delete_source and source and not arguments.dry_run:
            changing.delete_source(source, {step.name: step.blob for step in steps}, change)
    if not arguments.dry_run and not arguments.set:
        with changing.beside("the value is in the store; when that is mended, run it again"):
            descriptions.set_to(steps[0].name, description)
    return 0


def _read_set(arguments: argparse.Namespace) -> dict[CredentialName, bytes]:
    if arguments.from_file or arguments.delete_source:
        raise UsageError("--set reads standard input", "leave the file's options out")
    try:
        data = json.loads(piped.read(piped.STDIN))
    except ValueError:  # its text would show what was read
        data = None
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise InvalidValue(
            "standard input is no JSON object of names and text",
            'write it as {"my_api_key": "VALUE", ...}',
        ) from None
    if empty := [name for name, text in data.items() if not text]:
        raise InvalidValue(f"the value of {empty[0]} is empty", "nothing has changed")
    try:
        return {_name(name): text.encode("utf-8", "surrogateescape") for name, text in data.items()}
    except InvalidName as error:  # of what was read, not of the command line
        raise InvalidValue(error.reason, error.hint, error.subject) from None


def _name(text: str) -> CredentialName:
    return CredentialName(text) if store.present(text) else add.checked_name(text)


def _steps(wanted: dict[CredentialName, bytes], bound: Bound) -> list[_Step]:
    """What each of ``wanted`` needs to have its value, bound as asked."""
    old = {name: store.read_written(name) for name in wanted if store.present(name)}
    unsealed = sealing.unseal_many(
        {name: sealed.blob for name, sealed in old.items()},
        allow_null=True,
        **bound.tpm2,
        progress=messages.progress("unsealing") if len(old) > 1 else None,
    )
    return [
        _Step(
            name, _needed(secret, old.get(name), unsealed.get(name), bound), secret, old.get(name)
        )
        for name, secret in wanted.items()
    ]


def _needed(
    secret: bytes, old: Sealed | None, before: bytes | CredentialError | None, bound: Bound
) -> str:
    if old is None:
        return ADDED
    if isinstance(before, CredentialError) and not isinstance(before, _MENDED):
        raise before
    if before != secret:
        return ROTATED
    asked = bound.with_key if bound.with_key != "auto" else ""
    return RESEALED if asked and asked != envelope.binding(old.blob).with_key else UNCHANGED


def _put(steps: list[_Step], bound: Bound, change: Change) -> list[_Step]:
    """Stores what has to change, all or none; the steps as taken."""
    items = [_item(step, bound) for step in steps if step.change != UNCHANGED]
    try:
        blobs = storing.put(items, change) if items else {}
    except CredentialExists:
        raise StoreFailed("a credential was added meanwhile", "run it again") from None
    blobs |= {step.name: step.old.blob for step in steps if step.old and step.name not in blobs}
    return [replace(step, blob=blobs[step.name]) for step in steps]


def _make_durable(steps: list[_Step], change: Change) -> None:
    """What did not change: a run that was killed may have put it there, and no further."""
    same: dict[str, bytes] = {step.name: step.blob for step in steps if step.change == UNCHANGED}
    if same:
        installing.make_durable(same, change)


def _item(step: _Step, bound: Bound) -> storing.Item:
    operation = _OPERATIONS[step.change]
    if not step.old:
        return storing.Item(step.name, step.secret, bound, operation)
    with suppress(DamagedCredential):  # nothing of it is to be kept then
        bound = bound.like(step.old.blob)
    # the value of one that is sealed anew is no younger
    time = step.old.status.st_mtime_ns if step.change == RESEALED else None
    return storing.Item(
        step.name,
        step.secret,
        bound,
        operation,
        replaces=True,
        expected=step.old.blob,
        retired=step.old.blob if step.change == ROTATED else b"",
        modified_ns=time,
    )


def _tell(steps: list[_Step], arguments: argparse.Namespace) -> None:
    if arguments.json:
        keys = ("name", "change", "bound_to")
        rows = [
            dict(zip(keys, (step.name, step.change, step.label), strict=True)) for step in steps
        ]
        terminal.print_json("put", {"credentials": rows})
        return
    for step in steps:
        if arguments.dry_run:
            messages.say(f"{step.name}: would be {step.change}")
        else:
            messages.say(f"{step.change} {step.name}, bound to: {step.label}")

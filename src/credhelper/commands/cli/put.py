# SPDX-License-Identifier: MIT
"""``credhelper put``: a credential has this value afterwards, whatever was there before.

For what is run again and again, such as configuration management: nothing changes where nothing
has to.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from credhelper import envelope, sealing, store
from credhelper.commands import audit, hostkey, installing
from credhelper.commands.cli import add, binding, terminal, value
from credhelper.errors import (
    CredentialExists,
    CredentialExpired,
    DamagedCredential,
    NameMismatch,
    PCRsChanged,
    StoreFailed,
    WrongMachine,
)
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.cli.binding import Bound
    from credhelper.store import Sealed

_DESCRIPTION = """\
Have a credential with this value: add it, rotate it where its value is another, seal it anew where
--with-key names another key, and change nothing otherwise. What is not asked for stays, as in
rotate. --not-after is taken where something is sealed; it alone changes nothing."""

ADDED: Final = "added"
ROTATED: Final = "rotated"
RESEALED: Final = "resealed"
UNCHANGED: Final = "unchanged"

# a new value is what helps against these
_MENDED = (CredentialExpired, DamagedCredential, NameMismatch, PCRsChanged, WrongMachine)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "put", help="add or rotate, whatever is needed", description=_DESCRIPTION
    )
    parser.add_argument("name", metavar="NAME", help="the credential's name")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, no more")
    parser.add_argument("--json", action="store_true", help="print JSON")
    value.add_options(parser)
    binding.add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Does what is needed; raises what keeps it from that."""
    there = store.present(arguments.name)
    name = CredentialName(arguments.name) if there else add.checked_name(arguments.name)
    old = store.read_written(name) if there else None
    secret, source = value.obtain(arguments)
    hostkey.guard()
    bound = binding.chosen(arguments)
    change = _needed(name, old, secret, bound)
    blob = old.blob if old else b""
    if change is not UNCHANGED and not arguments.dry_run:
        blob = _put(name, old, secret, bound, change)
    label = envelope.binding(blob).label if blob else ""
    if arguments.json:
        terminal.print_json({"name": name, "change": change, "bound_to": label})
    elif arguments.dry_run:
        print(f"{name}: would be {change}")
    else:
        print(f"{change} {name}, bound to: {label}")
    if arguments.delete_source and source and not arguments.dry_run:
        add.delete_source(source)
    return 0


def _needed(name: str, old: Sealed | None, secret: bytes, bound: Bound) -> str:
    """What has to be done for ``name`` to have the value ``secret``, bound as asked."""
    if old is None:
        return ADDED
    try:
        before = sealing.unseal(name, old.blob, allow_null=True, tpm2_device=bound.tpm2_device)
    except _MENDED:
        return ROTATED
    if before != secret:
        return ROTATED
    asked = bound.with_key if bound.with_key != "auto" else ""
    return RESEALED if asked and asked != envelope.binding(old.blob).with_key else UNCHANGED


def _put(name: str, old: Sealed | None, secret: bytes, bound: Bound, change: str) -> bytes:
    """Seals, verifies what the disk gives back, and stores; the sealed credential."""

    def verify(read_back: bytes) -> None:
        if old and store.read_written(name).blob != old.blob:
            raise StoreFailed(
                f"credential {name} was changed meanwhile, and keeps that", "run it again"
            )
        if bound.unseal(name, read_back) != secret:
            raise add.another_value(name)

    if old:
        with suppress(DamagedCredential):  # nothing of it is to be kept then
            bound = bound.like(old.blob)
    blob = bound.seal(name, secret)
    kept = old.status.st_mtime_ns if old and change is RESEALED else None  # no younger value
    try:
        installing.install(name, blob, verify, replace=old is not None, modified_ns=kept)
    except CredentialExists:
        raise StoreFailed(f"credential {name} was added meanwhile", "run it again") from None
    operations = {ADDED: "add", ROTATED: "rotate", RESEALED: "reseal"}
    audit.store_changed(operations[change], [name])
    return blob

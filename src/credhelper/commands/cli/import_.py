# SPDX-License-Identifier: MIT
"""``credhelper import``: the variables of a .env file become credentials, all or none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from credhelper import envelope, hostkey, sealing, store
from credhelper.commands import audit, dotenv_import, installing, messages
from credhelper.commands.cli import add, binding, changing
from credhelper.commands.source import Source
from credhelper.errors import (
    CredentialError,
    CredentialExists,
    HostKeyMissing,
    NotPermitted,
    SealingTimeout,
    StoreFailed,
    TPMLockedOut,
    UsageError,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from credhelper.commands.cli.binding import Bound
    from credhelper.commands.directory import Change
    from credhelper.commands.dotenv_import import Item

_PASSING = (NotPermitted, SealingTimeout, StoreFailed, TPMLockedOut)
_DESCRIPTION = """\
Seal the variables of a .env file as credentials, all of them or none: OPENAI_API_KEY becomes
openai_api_key. The file is read as python-dotenv reads it, but ${VARIABLE} is not filled in.
What is there already with the same value is left alone, so that it can be run again."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "import", help="make credentials of a .env file", description=_DESCRIPTION
    )
    parser.add_argument("file", metavar="FILE", help="the .env file")
    parser.add_argument(
        "--select", metavar="NAME[,NAME...]", default="", help="only these variables"
    )
    parser.add_argument(
        "--rotate", action="store_true", help="give credentials that are there the file's value"
    )
    parser.add_argument(
        "--delete-source",
        action="store_true",
        help="remove the file once the sealed copies are verified and on disk",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, no more")
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Seals, verifies and stores all; raises what keeps it from that."""
    source = Source(arguments.file)
    selected = [name.strip() for name in arguments.select.split(",") if name.strip()]
    plan = dotenv_import.plan(source.value, selected)
    for text in plan.notes:
        messages.note(text)
    if arguments.delete_source and plan.leaves_values:
        raise UsageError(
            "--delete-source would lose the values that --select leaves out",
            "import the whole file, or remove it by hand",
        )
    bound = binding.chosen(arguments)
    there = _there(plan.items)
    same = _with_same_value(plan.items, there, bound)
    changed = [item for item in plan.items if item.name not in same]
    clashes: list[str] = [item.name for item in changed if item.name in there]
    if clashes and not arguments.rotate:
        raise CredentialExists(
            f"there already, with another value: {', '.join(clashes)}",
            "to give them the file's values: --rotate; to leave them out: --select",
        )
    for name in clashes:
        bound.tell_of_expiry(name, there[name])
    with changing.change(arguments) as change:
        sealed = {name: blob for name, blob in there.items() if name in same}
        if not arguments.dry_run and changed:
            sealed |= _install(changed, there, bound, change)
        _tell(plan.items, same, clashes, dry=arguments.dry_run)
        messages.say("\nto declare them, put this into the script:\n")
        messages.say(dotenv_import.metadata_block(plan.items), end="")
        if arguments.delete_source and not arguments.dry_run:
            changing.delete_source(source, sealed, change)
    return 0


def _there(items: tuple[Item, ...]) -> dict[str, bytes]:
    """The sealed credentials of the store that have the names of ``items``."""
    return {
        item.name: store.read_written(item.name).blob for item in items if store.present(item.name)
    }


def _with_same_value(items: tuple[Item, ...], there: Mapping[str, bytes], bound: Bound) -> set[str]:
    """The names that have the file's value already. What does not unseal has another one.

    Raises the error of one that may unseal yet, and whose value is not known.
    """
    values = sealing.unseal_many(there, tpm2_device=bound.tpm2_device) if there else {}
    for result in values.values():
        if isinstance(result, _PASSING) or (
            isinstance(result, HostKeyMissing) and hostkey.is_foreign()
        ):
            raise result
    return {item.name for item in items if values.get(item.name) == item.value}


def _install(
    items: list[Item], there: Mapping[str, bytes], bound: Bound, change: Change
) -> dict[str, bytes]:
    """Seals, verifies and stores all of ``items``, or none; the sealed credentials."""
    values: dict[str, bytes] = {item.name: item.value for item in items}
    blobs: dict[str, bytes] = {
        item.name: _binding(bound, there.get(item.name)).seal(item.name, item.value)
        for item in items
    }

    def verify(read_back: Mapping[str, bytes]) -> None:
        allow_null = bound.with_key == "null"
        results = sealing.unseal_many(
            read_back, allow_null=allow_null, tpm2_device=bound.tpm2_device
        )
        for name, result in results.items():
            if isinstance(result, CredentialError):
                raise result
            if result != values[name]:
                raise add.another_value(name)

    installing.install_many(blobs, verify, there.keys() & blobs.keys(), change=change)
    audit.store_changed("import", blobs)
    return blobs


def _binding(bound: Bound, old: bytes | None) -> Bound:
    """As a rotation does it: what is replaced keeps its binding, but for the null key."""
    if old is None or bound.with_key:
        return bound
    try:
        kept = bound.like(old)
    except CredentialError:  # damaged, which a rotation mends
        return bound
    return replace(kept, with_key="auto") if envelope.binding(old) is envelope.NULL else kept


def _tell(items: tuple[Item, ...], same: set[str], clashes: list[str], *, dry: bool) -> None:
    would = "would be " if dry else ""
    for item in items:
        done = "rotated" if item.name in clashes else "added"
        what = "unchanged" if item.name in same else f"{would}{done}"
        messages.say(f"{item.variable}: {item.name} {what}")

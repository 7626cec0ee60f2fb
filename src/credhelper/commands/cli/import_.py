# SPDX-License-Identifier: MIT
"""``credhelper import``: the variables of a .env file become credentials, all or none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from credhelper import envelope, hostkey, store
from credhelper.commands import dotenv_import, installing, messages, sealing
from credhelper.commands.cli import binding, changing, storing, stream
from credhelper.commands.dotenv_import import FILL_IN
from credhelper.errors import (
    CredentialError,
    CredentialExists,
    HostKeyMissing,
    InvalidValue,
    NotPermitted,
    SealingTimeout,
    StoreFailed,
    TPMLockedOut,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from credhelper.commands.cli.binding import Bound
    from credhelper.commands.directory import Change
    from credhelper.commands.dotenv_import import Item
    from credhelper.commands.source import Source

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
    parser.add_argument("file", metavar="FILE", help="the .env file; - for standard input")
    parser.add_argument(
        "--select", metavar="NAME[,NAME...]", default="", help="only these variables"
    )
    parser.add_argument(
        "--all", action="store_true", help="also what is a setting, not a secret: DEBUG=true"
    )
    parser.add_argument(
        "--rotate", action="store_true", help="give existing credentials the file's value"
    )
    parser.add_argument(
        "--delete-source",
        action="store_true",
        help="remove the file once the sealed copies are verified and on disk",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Seals, verifies and stores all; raises what keeps it from that."""
    content, source = stream.obtain(arguments.file, delete=arguments.delete_source)
    selected = [name.strip() for name in arguments.select.split(",") if name.strip()]
    plan = dotenv_import.plan(content, selected, only_secrets=not arguments.all)
    _note(plan)
    if arguments.delete_source and plan.leaves_values:
        raise InvalidValue(
            "--delete-source would lose the values that are left out",
            "import the whole file with --all, or remove it by hand",
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
            sealed |= storing.put(
                [
                    storing.Item(
                        item.name,
                        item.value,
                        _binding(bound, there.get(item.name)),
                        "import",
                        replaces=item.name in there,
                        retired=there.get(item.name, b""),
                    )
                    for item in changed
                ],
                change,
            )
        deletes = arguments.delete_source and source  # which does it as well
        if not arguments.dry_run and same and not deletes:
            # a run that was killed may have put them there
            installing.make_durable({name: sealed[name] for name in same}, change)
        _tell(plan.items, same, clashes, dry=arguments.dry_run)
        messages.say("\nto declare them, put this into the script:\n")
        messages.say(dotenv_import.metadata_block(plan.items), end="")
        if source and not arguments.dry_run:
            _end_plaintext(source, sealed, change, delete=arguments.delete_source)
    return 0


def _note(plan: dotenv_import.Plan) -> None:
    """Says what of the file is left out or deserves a note."""
    for text in plan.notes:
        messages.note(text)
    if plan.settings:
        listed = ", ".join(f"{variable} ({kind})" for variable, kind in plan.settings)
        messages.note(f"left out, for they are settings: {listed}", "to take them too: --all")
    if plan.references:
        listed = ", ".join(f"{variable} ({start}...)" for variable, start in plan.references)
        messages.warn(f"left out, for they refer to another manager: {listed}", FILL_IN)


def _end_plaintext(
    source: Source, sealed: Mapping[str, bytes], change: Change, *, delete: bool
) -> None:
    if delete:
        changing.delete_source(source, sealed, change)
    else:
        path = messages.one_line(source.path)
        messages.warn(
            f"{path} still holds the values in the clear",
            "once the script runs, give the command again with --delete-source",
        )


def _there(items: tuple[Item, ...]) -> dict[str, bytes]:
    """The sealed credentials of the store that have the names of ``items``."""
    return {
        item.name: store.read_written(item.name).blob for item in items if store.present(item.name)
    }


def _with_same_value(items: tuple[Item, ...], there: Mapping[str, bytes], bound: Bound) -> set[str]:
    """The names that have the file's value already. What does not unseal has another one.

    Raises the error of one that may unseal yet, and whose value is not known.
    """
    values = sealing.unseal_many(
        there, tpm2_device=bound.tpm2_device, tpm2_signature=bound.tpm2_signature
    )
    for result in values.values():
        if isinstance(result, _PASSING) or (
            isinstance(result, HostKeyMissing) and hostkey.is_foreign()
        ):
            raise result
    return {item.name for item in items if values.get(item.name) == item.value}


def _binding(bound: Bound, old: bytes | None) -> Bound:
    """As a rotation does it: what is replaced keeps its binding, except for the null key."""
    if old is None or bound.with_key:
        return bound
    try:
        kept = bound.like(old)
    except CredentialError:  # damaged, which a rotation fixes
        return bound
    return replace(kept, with_key="auto") if envelope.binding(old) is envelope.NULL else kept


def _tell(items: tuple[Item, ...], same: set[str], clashes: list[str], *, dry: bool) -> None:
    would = "would be " if dry else ""
    counts = dict.fromkeys(("added", "rotated", "unchanged"), 0)
    for item in items:
        done = "rotated" if item.name in clashes else "added"
        done = "unchanged" if item.name in same else done
        counts[done] += 1
        what = done if done == "unchanged" else f"{would}{done}"
        messages.say(f"{item.variable}: {item.name} {what}")
    messages.say(f"{would}" + ", ".join(f"{n} {done}" for done, n in counts.items() if n))

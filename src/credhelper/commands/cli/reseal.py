# SPDX-License-Identifier: MIT
"""``credhelper reseal``: the same value, sealed anew with another binding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from credhelper import envelope, store
from credhelper.commands import expiry, inventory, messages
from credhelper.commands.cli import binding, changing, storing
from credhelper.errors import CredentialError, UsageError
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.cli.binding import Bound
    from credhelper.commands.directory import Change

_DESCRIPTION = """\
Seal credentials again with the same value: after a new TPM was added, before a firmware update, to
move from the host key to host+tpm2. Each is verified before it takes the old one's place; one
that fails stays as it was. What is not asked for stays: the key with its PCRs, when it expires,
and the file's time, since the value is no younger."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "reseal", help="seal credentials again, with another binding", description=_DESCRIPTION
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="the credentials' names")
    parser.add_argument("--all", action="store_true", help="every credential of the store")
    parser.add_argument(
        "--dry-run", action="store_true", help="unseal and say what would be done, and do nothing"
    )
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reseals one after the other, each for itself; 1 where one failed."""
    names = _names(arguments)
    bound = binding.chosen(arguments)
    if names and bound.is_said:
        bound.seal(names[0], b"x")  # whether it can be at all: asked once, also by a dry run
    failed = done = 0
    try:
        for name in names:
            try:
                # Control-C ends the loop, but none of those in it half way
                with changing.change(arguments, resume=True) as change:
                    messages.say(_reseal(name, bound, arguments, change))
                    done += 1
            except CredentialError as error:
                failed += 1
                messages.error(error)
    except KeyboardInterrupt:
        messages.error(
            f"interrupted after {done} of {len(names)}", "each credential is whole: run it again"
        )
        return 130
    if failed and len(names) > 1:
        messages.error(f"{failed} of {len(names)} failed", "those are as they were")
    return 1 if failed else 0


def _names(arguments: argparse.Namespace) -> list[str]:
    if arguments.all and arguments.names:
        raise UsageError("--all takes no names", "give one or the other")
    if arguments.names:
        return [CredentialName(name) for name in dict.fromkeys(arguments.names)]
    if not arguments.all:
        raise UsageError("reseal what?", "give names, or --all")
    written = [entry for entry in inventory.entries() if entry.is_written]
    if not written:
        messages.note(f"there are no credentials in {store.WRITTEN}")
    return [entry.name for entry in written]


def _reseal(name: str, wanted: Bound, arguments: argparse.Namespace, change: Change) -> str:
    """Reseals ``name``; what to say about it."""
    old = store.read_written(name)
    value, end = expiry.unseal(name, old.blob, allow_null=not arguments.all, **wanted.tpm2)
    was = envelope.binding(old.blob)
    bound = wanted.like(old.blob)
    if was is envelope.NULL and not wanted.with_key:
        bound = replace(bound, with_key="auto")  # nobody wants to keep a key that protects nothing
    expires = ""
    if end is not None and not wanted.not_after:
        bound = replace(bound, not_after=f"@{end}")
        expires = f"; expires as before: {expiry.shown(end)}"
    if arguments.dry_run:
        return f"would reseal {name}, bound to: {was.label}, with key: {bound.with_key}{expires}"
    item = storing.Item(
        CredentialName(old.name),
        value,
        bound,
        "reseal",
        replaces=True,
        expected=old.blob,
        modified_ns=old.status.st_mtime_ns,  # its value is no younger
    )
    now = envelope.binding(storing.put([item], change)[name]).label
    return f"resealed {name}, bound to: {now}, before: {was.label}{expires}"

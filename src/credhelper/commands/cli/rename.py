# SPDX-License-Identifier: MIT
"""``credhelper rename``: the same value under another name, which is sealed in too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from credhelper import envelope, store
from credhelper.commands import (
    audit,
    descriptions,
    expiry,
    grants,
    installing,
    messages,
    units,
)
from credhelper.commands.cli import add, allow, binding, changing, storing
from credhelper.errors import CredentialExists, NullKeyRefused

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "rename",
        help="give a credential another name",
        description="Seal the value under another name and remove the old one. Key, PCRs, "
        "expiry, the file's time, and the scripts that may have it stay.",
    )
    parser.add_argument("name", metavar="NAME", help="the credential's name")
    parser.add_argument("new", metavar="NEW", help="the name that it gets")
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Seals anew, verifies, and removes the old one; both are there at a crash in between."""
    old = store.read_written(arguments.name)
    new = add.checked_name(arguments.new)
    if store.present(new):
        raise CredentialExists(f"there is a credential {new} already", "choose another name")
    if envelope.binding(old.blob) is envelope.NULL:
        raise NullKeyRefused(
            "is sealed with the null key",
            f"seal it with a real one first: sudo credhelper reseal {old.name}",
            f"credential {old.name}",
        )
    value, end = expiry.unseal(old.name, old.blob)
    bound = binding.Bound().like(old.blob)
    if end is not None:
        bound = replace(bound, not_after=f"@{end}")
    allowed = grants.of(old.name)
    if allowed is not None and grants.of(new) is None:  # before any script could have it
        allow.put(new, allowed)
    with changing.change(arguments) as change:
        times = old.status.st_mtime_ns  # its value is no younger
        storing.put([storing.Item(new, value, bound, "", modified_ns=times)], change)
        installing.remove(old.name, change)
        audit.store_changed("rename", [old.name, new])
        messages.say(f"renamed {old.name} to {new}")
    with changing.beside(f"it is {new} now; when that is mended, describe it with put"):
        descriptions.move(old.name, new)
    if allowed is not None:
        with changing.beside(f"it is {new} now, for the same scripts"):
            allow.drop(old.name)
    if loading := units.loading(old.name):
        messages.warn(f"units that load {old.name}: {', '.join(loading)}", f"have them load {new}")
    messages.note(f"scripts that declare or load {old.name} need the new name")
    return 0

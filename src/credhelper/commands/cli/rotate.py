# SPDX-License-Identifier: MIT
"""``credhelper rotate``: a new value under the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credhelper import envelope, store
from credhelper.commands import messages
from credhelper.commands.cli import add, binding, changing, terminal, value
from credhelper.errors import DamagedCredential
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "rotate",
        help="give a credential a new value",
        description="Give a credential a new value; its name and binding stay. Without "
        "--not-after it never expires.",
    )
    parser.add_argument("name", metavar="NAME", help="the credential's name")
    value.add_options(parser)
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Seals and replaces; raises what keeps it from that."""
    name = CredentialName(arguments.name)
    old = store.read_written(name)
    was = _label(old.blob)
    bound = binding.chosen(arguments)
    if was:
        bound = bound.like(old.blob)
        bound.tell_of_expiry(name, old.blob)
    secret, source = value.obtain(arguments)
    with changing.change(arguments) as change:
        blob = add.put(name, secret, bound, change, replace=True)
        now = envelope.binding(blob).label
        before = f", before: {was or 'damaged'}" if now != was else ""
        messages.say(
            f"rotated {name}, bound to: {now}{before}; "
            f"age of the value before: {terminal.age(old.status.st_mtime)}"
        )
        if arguments.delete_source and source:
            changing.delete_source(source, {name: blob}, change)
    return 0


def _label(blob: bytes) -> str:
    """How the old one is bound; empty where it is damaged, which a rotation mends."""
    try:
        return envelope.binding(blob).label
    except DamagedCredential:
        return ""

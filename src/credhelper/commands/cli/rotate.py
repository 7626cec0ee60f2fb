# SPDX-License-Identifier: MIT
"""``credhelper rotate``: a new value under the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credhelper import store
from credhelper.commands import descriptions, messages, records, trial
from credhelper.commands.cli import binding, changing, storing, terminal, value
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
    parser.add_argument(
        "--forget",
        action="store_true",
        help="do not keep the old value sealed for leaks to search for",
    )
    value.add_options(parser)
    binding.add_options(parser)
    changing.add_option(parser)
    parser.add_argument(
        "--test",
        metavar="COMMAND",
        help="a command that gets the new value first; unless it ends with 0, the old one stays",
    )
    parser.add_argument(
        "--restart", action="store_true", help="restart the running units that load it"
    )


def run(arguments: argparse.Namespace) -> int:
    """Seals and replaces; raises what keeps it from that."""
    name = CredentialName(arguments.name)
    test = trial.words(arguments.test) if arguments.test is not None else []
    old = store.read_written(name)
    was = binding.label(old.blob)
    bound = binding.chosen(arguments)
    if was:
        bound = bound.like(old.blob)
        bound.tell_of_expiry(name, old.blob)
    if description := descriptions.of(name):
        messages.note(f"{name}: {description}")
    secret, source = value.obtain(arguments)
    if test:
        trial.require(test, name, secret)
    with changing.change(arguments) as change:
        kept = b"" if arguments.forget else old.blob
        item = storing.Item(name, secret, bound, "rotate", replaces=True, retired=kept)
        blobs = storing.put([item], change)
        now = binding.label(blobs[name])
        before = f", before: {was or 'damaged'}" if now != was else ""
        messages.say(
            f"rotated {name}, bound to: {now}{before}; "
            f"age of the value before: {terminal.age(old.status.st_mtime)}"
        )
        if arguments.delete_source and source:
            changing.delete_source(source, blobs, change)
    if use := records.last_uses().get(name):
        messages.note(f"last used {terminal.last_use(use)}")
    changing.tell_units(name, restart=arguments.restart)
    return 0

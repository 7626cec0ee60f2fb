# SPDX-License-Identifier: MIT
"""``credhelper add``: a new credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credhelper import store
from credhelper.commands import descriptions, installing, messages
from credhelper.commands.cli import binding, changing, storing, value
from credhelper.name import NewName

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "add", help="seal a new credential", description="Seal a value as a new credential."
    )
    parser.add_argument("name", metavar="NAME", help="the credential's name, such as my_api_key")
    descriptions.add_option(parser)
    value.add_options(parser)
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Seals and stores; raises what keeps it from that."""
    name = checked_name(arguments.name)
    description = descriptions.checked(arguments.description)
    if store.present(name):  # before anything is asked of the user
        raise installing.already_there(name)
    secret, source = value.obtain(arguments)
    with changing.change(arguments) as change:
        item = storing.Item(name, secret, binding.chosen(arguments), "add")
        blobs = storing.put([item], change)
        messages.say(f"added {name}, bound to: {binding.label(blobs[name])}")
        if arguments.delete_source and source:
            changing.delete_source(source, blobs, change)
    with changing.beside(f"{name} is added; when that is mended, describe it with put"):
        descriptions.set_to(name, description)
    return 0


def checked_name(text: str) -> NewName:
    """The name, with a warning where it is not the recommended form."""
    name = NewName(text)
    if name != name.recommended:
        messages.warn(f"{name} has capitals", f"the recommended form is {name.recommended}")
    return name

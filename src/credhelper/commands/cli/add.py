# SPDX-License-Identifier: MIT
"""``credhelper add``: a new credential. ``put`` is what ``rotate`` shares with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credhelper import envelope, store
from credhelper.commands import audit, installing, messages
from credhelper.commands.cli import binding, changing, value
from credhelper.errors import EncryptionFailed
from credhelper.name import CredentialName, NewName

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.cli.binding import Bound
    from credhelper.commands.directory import Change


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "add", help="seal a new credential", description="Seal a value as a new credential."
    )
    parser.add_argument("name", metavar="NAME", help="the credential's name, such as my_api_key")
    value.add_options(parser)
    binding.add_options(parser)
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Seals and stores; raises what keeps it from that."""
    name = checked_name(arguments.name)
    if store.present(name):  # before anything is asked of the user
        raise installing.already_there(name)
    secret, source = value.obtain(arguments)
    with changing.change(arguments) as change:
        blob = put(name, secret, binding.chosen(arguments), change)
        messages.say(f"added {name}, bound to: {envelope.binding(blob).label}")
        if arguments.delete_source and source:
            changing.delete_source(source, {name: blob}, change)
    return 0


def checked_name(text: str) -> NewName:
    """The name, with a warning where it is not the recommended form."""
    name = NewName(text)
    if name != name.recommended:
        messages.warn(f"{name} has capitals", f"the recommended form is {name.recommended}")
    return name


def put(
    name: CredentialName,
    secret: bytes,
    bound: Bound,
    change: Change | None = None,
    *,
    replace: bool = False,
) -> bytes:
    """Seals, verifies what the disk gives back, and stores; the sealed credential."""

    def verify(read_back: bytes) -> None:
        if bound.unseal(name, read_back) != secret:
            raise another_value(name)

    blob = bound.seal(name, secret)
    installing.install(name, blob, verify, replace=replace, change=change)
    audit.store_changed("rotate" if replace else "add", [name])
    return blob


def another_value(name: str) -> EncryptionFailed:
    """The error where what the disk gave back is not what was sealed."""
    return EncryptionFailed(
        f"credential {name} does not unseal to the value that was given",
        "nothing has changed; look at the disk and the TPM, then try again",
    )

# SPDX-License-Identifier: MIT
"""``credhelper remove``: a credential that is no longer needed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from credhelper import store
from credhelper.commands import audit, descriptions, installing, messages, records, retired
from credhelper.commands.cli import changing, terminal
from credhelper.errors import CredentialError, UsageError
from credhelper.name import quoted, shown

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "remove", help="remove a credential", description="Remove a credential from the store."
    )
    parser.add_argument("name", metavar="NAME", help="the credential's name")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    changing.add_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Asks, then removes; raises what keeps it from that."""
    name = arguments.name
    # any file name of the store: also one that no credential may have is to be got rid of
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise UsageError(f"{shown(name)} is no file name", "see sudo credhelper list")
    if not store.present(name):
        raise store.missing([name], store.WRITTEN, wanted=False)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise CredentialError("removing without a terminal to ask on", "give --yes")
        use = records.last_uses().get(name)
        used = f"last used {terminal.last_use(use)}; its" if use else "Its"
        question = f"Remove {name}? {used[0].upper()}{used[1:]} value cannot be had back."
        if not terminal.confirmed(messages.one_line(question)):
            messages.error(f"{messages.one_line(name)} was not removed")
            return 1
    with changing.change(arguments) as change:
        installing.remove(name, change)
        audit.store_changed("remove", [name])
        messages.say(f"removed {messages.one_line(name)}")
        again = f"sudo credhelper leaks --forget {quoted(name)}"
        with changing.beside(f"it is removed; when that is mended: {again}"):
            retired.forget(name)
        with changing.beside("it is removed; its description stays"):
            descriptions.drop(name)
    return 0

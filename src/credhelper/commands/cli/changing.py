# SPDX-License-Identifier: MIT
"""What every verb that changes the store does alike: waiting for others, deleting a source."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from credhelper.commands import lock, messages, units
from credhelper.commands.cli import meant
from credhelper.commands.directory import Change
from credhelper.errors import CredentialError, StoreFailed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from credhelper.commands.source import Source


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--wait`` to a verb's parser."""
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=meant.quantity("seconds", "--wait=30"),
        default=lock.WAIT_SECONDS,
        help="how long to wait for another command that changes the store (default: %(default)g)",
    )


def change(arguments: argparse.Namespace, *, resume: bool = False) -> Change:
    """The change that the command line asks for."""
    return Change(arguments.wait, messages.note, resume=resume)


@contextmanager
def beside(done: str) -> Iterator[None]:
    """For what goes with a change of the store that is made: where it fails, ``done`` is the hint.

    Raises :class:`StoreFailed` in place of what does not know of the change.
    """
    try:
        yield
    except CredentialError as error:
        raise StoreFailed(error.reason, done, error.subject) from None
    except OSError as error:
        raise StoreFailed(f"cannot be used: {error.strerror}", done, error.filename or "") from None


def delete_source(source: Source, sealed: Mapping[str, bytes], change: Change) -> None:
    """Removes the plaintext file once ``sealed`` (by name) is on disk; says what that is worth."""
    source.delete(sealed, change)
    messages.say(f"removed {messages.one_line(source.path)}")
    messages.warn(
        "on an SSD, a snapshot, a journal or a backup its blocks may live on",
        "where that matters, have the provider revoke this key and rotate to a new one",
    )


def tell_units(name: str, *, restart: bool) -> None:
    """Names the units that load ``name``, which have its old value, or restarts those that run.

    Raises :class:`CredentialError` where one does not restart.
    """
    if not (loading := units.loading(name)):
        return
    if restart:
        units.try_restart(loading)
        messages.say(f"restarted, where running: {' '.join(loading)}")
        return
    words = ["sudo", "systemctl", "try-restart", *map(units.pattern, loading)]
    messages.note(
        f"loaded by {', '.join(loading)}, with the old value until then", shlex.join(words)
    )

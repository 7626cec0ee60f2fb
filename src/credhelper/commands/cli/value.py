# SPDX-License-Identifier: MIT
"""Where a value comes from: the prompt, a pipe or a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from credhelper.commands.cli import prompt, stream
from credhelper.errors import InvalidValue, UsageError

if TYPE_CHECKING:
    import argparse

    from credhelper.commands.source import Source


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a verb's parser."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--stdin", action="store_true", help="read the value from standard input")
    source.add_argument(
        "--multiline", action="store_true", help="type or paste several lines, up to Control-D"
    )
    source.add_argument("--from-file", metavar="PATH", help="read a file or a pipe, exactly")
    parser.add_argument(
        "--delete-source",
        action="store_true",
        help="remove the file once the sealed copy is verified and on disk",
    )
    parser.add_argument(
        "--exact", action="store_true", help="keep a trailing newline of typed or piped input"
    )


def obtain(arguments: argparse.Namespace) -> tuple[bytes, Source | None]:
    """The value, and the file that it is from where there is one.

    Raises :class:`InvalidValue`, :class:`UsageError`, :class:`StoreFailed`.
    """
    name = arguments.name
    if arguments.delete_source and not arguments.from_file:
        raise UsageError("--delete-source needs --from-file", "leave it out, or give the file")
    source = None
    exact = arguments.exact
    if arguments.from_file:
        value, source = stream.obtain(arguments.from_file, delete=arguments.delete_source)
        exact = True
    elif arguments.stdin or not sys.stdin.isatty():
        value = stream.standard_input()
    elif arguments.multiline:
        value, exact = prompt.typed_lines(name), True
    else:
        value = prompt.typed(name)
    if not exact and value.endswith(b"\n"):
        value = value[: -2 if value.endswith(b"\r\n") else -1]
    if not value:
        raise InvalidValue(f"the value of {name} is empty", "nothing has changed; give it a value")
    return value, source

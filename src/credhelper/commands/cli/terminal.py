# SPDX-License-Identifier: MIT
"""What people see on a terminal: questions, tables, how far the work is."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
import time
from typing import IO, TYPE_CHECKING, Final, cast

from credhelper.commands import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console


JSON_FORMAT: Final = 1  # of the envelope that --json prints


def command(words: Sequence[str]) -> str:
    """``words`` as one types them in a shell."""
    return shlex.join(words)


def colourful() -> bool:
    """Whether stdout is a terminal that wants colour (no-color.org)."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


class _Output(io.TextIOBase):
    """Standard output for what writes to a file object, through the one writer."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        messages.say(text, end="")
        return len(text)

    def isatty(self) -> bool:
        return sys.stdout.isatty()


def console() -> Console:
    """What prints dressed text on stdout."""
    from rich.console import Console

    return Console(file=cast("IO[str]", _Output()), no_color=not colourful(), highlight=False)


def confirmed(question: str) -> bool:
    """Whether the person at the terminal answers yes."""
    messages.show(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_json(verb: str, data: Mapping[str, object]) -> None:
    """``data`` as JSON on stdout, in the one envelope of all verbs.

    ``format`` grows where the meaning of what is there changes, not where something is added.
    """
    messages.say(json.dumps({"format": JSON_FORMAT, "verb": verb, **data}, indent=2))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, alarming: int = -1) -> None:
    """A table on stdout: plain columns in a pipe, dressed on a terminal.

    The column with the index ``alarming`` holds problems.
    """
    if not sys.stdout.isatty():
        lines = [[messages.one_line(cell) for cell in line] for line in (headings, *rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
        for line in lines:
            messages.say("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
        return
    from rich.table import Table
    from rich.text import Text

    dressed = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:  # the first and the last give way where there is little room
        dressed.add_column(
            heading, overflow="fold", no_wrap=heading not in (headings[0], headings[-1])
        )
    for row in rows:
        cells = [Text(messages.one_line(cell)) for cell in row]
        if alarming >= 0:
            cells[alarming].stylize("red")
        dressed.add_row(*cells)
    console().print(dressed)


def age(since: float) -> str:
    """How long ago ``since`` (seconds since the epoch) was, in one unit: ``34d``."""
    seconds = max(0, time.time() - since)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return "0min"


def progress(what: str) -> Callable[[int, int], None] | None:
    """Something to call with how many are done, of how many; None where nobody watches."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        end = "\r\033[K" if done == total else "\r"
        messages.show(f"{what}: {done} of {total}{end}")

    return show

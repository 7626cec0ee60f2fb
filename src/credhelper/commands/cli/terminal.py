# SPDX-License-Identifier: MIT
"""What people see: errors and hints, questions, tables."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

from credhelper.commands.run import hardening

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credhelper.errors import CredentialError


def prepare() -> None:
    """Opens closed standard streams on ``/dev/null``, and lets stdout show any file name."""
    hardening.open_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def error(problem: CredentialError) -> None:
    """Shows an error: one line that names the thing, one with the way out."""
    complain(problem.problem, problem.hint)


def complain(problem: str, hint: str = "") -> None:
    """An error on stderr, and its hint."""
    _say("error", problem, hint)


def note(text: str, hint: str = "") -> None:
    """Something worth knowing on stderr, and its hint."""
    _say("note", text, hint)


def warn(problem: str, hint: str = "") -> None:
    """A warning on stderr, and its hint."""
    _say("warning", problem, hint)


def _say(kind: str, text: str, hint: str) -> None:
    sys.stdout.flush()
    print(f"credhelper: {kind}: {one_line(text)}", file=sys.stderr)
    if hint:
        print(f"credhelper: hint: {one_line(hint)}", file=sys.stderr)


def one_line(text: str) -> str:
    """``text`` without what would move the cursor or begin a new line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def command(words: Sequence[str]) -> str:
    """``words`` as one types them in a shell."""
    return shlex.join(words)


def colourful() -> bool:
    """Whether stdout is a terminal that wants colour (no-color.org)."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def confirmed(question: str) -> bool:
    """Whether the person at the terminal answers yes."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_json(data: object) -> None:
    """``data`` as JSON on stdout."""
    print(json.dumps(data, indent=2))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, alarming: int = -1) -> None:
    """A table on stdout: plain columns in a pipe, dressed on a terminal.

    The column with the index ``alarming`` holds problems.
    """
    if not sys.stdout.isatty():
        lines = [[one_line(cell) for cell in line] for line in (headings, *rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
        for line in lines:
            print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    dressed = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:  # the first and the last give way where there is little room
        dressed.add_column(
            heading, overflow="fold", no_wrap=heading not in (headings[0], headings[-1])
        )
    for row in rows:
        cells = [Text(one_line(cell)) for cell in row]
        if alarming >= 0:
            cells[alarming].stylize("red")
        dressed.add_row(*cells)
    Console(no_color=not colourful(), highlight=False).print(dressed)


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
        print(f"{what}: {done} of {total}", end=end, file=sys.stderr, flush=True)

    return show

# SPDX-License-Identifier: MIT
"""What people see on a terminal: questions, tables, how far the work is."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final, cast

from credhelper.commands import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from credhelper.commands.records import Record

    Writes = Callable[..., None]

_LESS: Final = "/usr/bin/less"
_RECENT_SECONDS: Final = 300 * 86400
_GIVE_WAY: Final = (
    *("NAME", "HOST", "CREDENTIAL", "CREDENTIALS"),
    *("DAYS OLD", "LAST USED", "PROBLEMS", "WHAT"),
)
# ... these as the last, down to that part of it
_NAMES: Final = {"NAME": 4, "HOST": 7, "CREDENTIAL": 6, "CREDENTIALS": 5}
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


def writer() -> Writes:
    """What writes a line of text on stdout: on a terminal it is dressed in a style of rich's.

    There it is folded too where ``hang`` tells what a folded line begins with; commands, which are
    to be copied in one piece, are not. ``styled`` is how many characters the style is for, 0 for
    all.
    """
    if not is_dressed():
        return lambda text, *_: messages.say(messages.one_line(text))
    from rich.text import Text

    screen = console()

    def write(text: str, style: str = "", hang: str | None = None, styled: int = 0) -> None:
        folded = [line := messages.one_line(text)]
        if hang is not None:
            folded = textwrap.wrap(
                line, screen.width, subsequent_indent=hang, break_on_hyphens=False
            )
        for number, part in enumerate(folded or [""]):
            dressed = Text(part)
            if not (styled and number):
                dressed.stylize(style, 0, styled or len(part))
            screen.print(dressed, soft_wrap=True)

    return write


def counted(number: int, one: str, many: str = "") -> str:
    """So many of what ``one`` is called: ``1 file``, ``2,000 files``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def confirmed(question: str) -> bool:
    """Whether the person at the terminal answers yes."""
    messages.show(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_json(verb: str, data: Mapping[str, object]) -> None:
    """``data`` as JSON on stdout, in the one envelope of all verbs.

    ``format`` grows where the meaning of what is there changes, not where something is added.
    """
    messages.say(json.dumps({"format": JSON_FORMAT, "verb": verb, **data}, indent=2))


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    alarming: int = -1,
    figures: Sequence[str] = (),
    padded: bool = True,
    paged: bool = False,
) -> None:
    """A table on stdout: plain columns in a pipe, dressed on a terminal.

    The column with the index ``alarming`` holds problems; the ``figures`` are set to the right.
    In a pipe, what is not ``padded`` has tabs between the columns. On a terminal, what is
    ``paged`` and longer than the screen goes through less(1).
    """
    if not is_dressed():
        lines = [[messages.one_line(cell) for cell in line] for line in (headings, *rows)]
        if not padded:
            for line in lines:
                messages.say("\t".join(line))
            return
        widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
        for line in lines:
            spaced = [
                cell.rjust(width) if heading in figures else cell.ljust(width)
                for heading, cell, width in zip(headings, line, widths, strict=True)
            ]
            messages.say("  ".join(spaced).rstrip())
        return
    from rich.table import Table
    from rich.text import Text

    dressed = Table(box=None, pad_edge=False, header_style="bold")
    screen = console()
    every = [headings, *rows]
    widths = [max(len(line[index]) for line in every) for index in range(len(headings))]
    # where there is no room beside it, below it
    below = alarming >= 0 and sum(widths) + 2 * (len(widths) - 1) > screen.width
    columns = [index for index in range(len(headings)) if not (below and index == alarming)]
    for index in columns:  # some give way where there is little room
        heading = headings[index]
        part = _NAMES.get(heading)
        dressed.add_column(
            heading,
            overflow="fold",
            no_wrap=heading not in _GIVE_WAY,
            justify="right" if heading in figures else "left",
            min_width=min(widths[index], screen.width // part)
            if part
            else max(map(len, heading.split())),
        )
    for row in rows:
        cells = [Text(messages.one_line(row[index])) for index in columns]
        if alarming >= 0 and not below:
            cells[alarming].stylize("red")
        dressed.add_row(*cells)
    if not paged:
        screen.print(dressed)
        for row in rows if below else ():
            if row[alarming]:
                named = [cell for cell, head in zip(row, headings, strict=True) if head in _NAMES]
                text = messages.one_line(f"{' '.join(filter(None, named))}: {row[alarming]}")
                screen.print(Text(text, style="red", overflow="fold"))
        return
    with screen.capture() as capture:
        screen.print(dressed)
    _page(capture.get(), screen.height)


def is_dressed() -> bool:
    """Whether people read stdout at a terminal."""
    return sys.stdout.isatty()


def _page(text: str, height: int) -> None:
    """Shows ``text``, through less(1) where it is longer than the screen.

    As journalctl(1) does under sudo(8): no command can be started from there, and no variable of
    the caller's reaches it.
    """
    if text.count("\n") < height or not os.access(_LESS, os.X_OK):
        messages.say(text, end="")
        return
    terminal = os.environ.get("TERM", "dumb")
    environment = {"LESSSECURE": "1", "TERM": terminal, "LC_ALL": "C.UTF-8", "LESSHISTFILE": "-"}
    subprocess.run(
        [_LESS, "-FRSXMK"], input=text.encode(errors="replace"), env=environment, check=False
    )


def exact_time(when: float) -> str:
    """``when`` (seconds since the epoch) for programs: ISO 8601, in UTC, to the second."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")


def short_time(when: float) -> str:
    """``when`` for people, in their time: the day and the minute, or the day of another year."""
    local = datetime.fromtimestamp(when).astimezone()
    recent = abs(time.time() - when) < _RECENT_SECONDS
    return local.strftime("%b %d %H:%M" if recent else "%Y-%m-%d")


def day(when: float) -> str:
    """The day of ``when`` for people, in their time."""
    return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d")


def age(since: float) -> str:
    """How long ago ``since`` (seconds since the epoch) was, in one unit: ``34d``."""
    seconds = max(0, time.time() - since)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return "0min"


def last_use(record: Record) -> str:
    """When ``record`` was, by which script and whom: ``2d ago by /opt/report.py (ada)``."""
    return f"{age(record.when)} ago by {record.script} ({record.invoking_user})"

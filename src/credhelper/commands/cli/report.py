# SPDX-License-Identifier: MIT
"""``credhelper report``: one table of many hosts' credentials, from facts gathered there."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from credhelper.commands import fleet, messages, piped
from credhelper.commands.cli import terminal
from credhelper.commands.cli.terminal import counted
from credhelper.errors import InvalidValue, StoreFailed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from credhelper.commands.fleet import Row

_DESCRIPTION = """\
Make one table of the credentials of many hosts: what each is bound to, its age, when it expires
and was last used, and what is wrong. FACTS is a JSON object of hosts, each with what "check --json"
and "list --json --verify" print there; the Ansible collection's playbook "report" gathers them."""

_HEADINGS: Final = (
    "HOST",
    "CREDENTIAL",
    "BOUND TO",
    "DAYS OLD",
    "EXPIRES",
    "LAST USED",
    "FINDINGS",
)
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>Credentials of {hosts}</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 2rem; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .3rem .8rem; text-align: left; vertical-align: top; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
tbody tr:nth-child(odd) {{ background: color-mix(in srgb, currentColor 6%, transparent); }}
th button {{ all: unset; cursor: pointer; }}
th button:focus-visible {{ outline: 2px solid; }}
th[aria-sort=ascending] button::after {{ content: " \\25B2"; }}
th[aria-sort=descending] button::after {{ content: " \\25BC"; }}
</style>
</head>
<body>
<h1>Credentials of {hosts}</h1>
<p>{summary}</p>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
<script>
const table = document.querySelector("table"), heads = [...table.tHead.rows[0].cells];
heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {{
  const up = head.getAttribute("aria-sort") !== "ascending";
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const text = row => row.cells[column].textContent;
  const order = new Intl.Collator("en", {{ numeric: true }});
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(
    (one, other) => order.compare(text(one), text(other)) * (up ? 1 : -1)));
}}));
</script>
</body>
</html>
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "report", help="one table of many hosts' credentials", description=_DESCRIPTION
    )
    parser.add_argument("facts", metavar="FACTS", help="the facts' file, - for standard input")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--html", metavar="PATH", help="write a sortable page instead of text")
    form.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Shows or writes the table. Needs nothing of root's."""
    rows = fleet.rows(fleet.read(_facts(arguments.facts)), datetime.now(UTC))
    if arguments.html:
        _write(arguments.html, page(rows))
        messages.say(f"wrote {messages.one_line(arguments.html)}: {_summary(rows)}")
    elif arguments.json:
        terminal.print_json("report", {"rows": [asdict(row) for row in rows]})
    else:
        terminal.table(_HEADINGS, [_shown(row) for row in rows], alarming=6, figures=("DAYS OLD",))
    return 0


def page(rows: Sequence[Row]) -> str:
    """The table as a self-contained HTML page; a click on a heading sorts by it."""
    hosts = len({row.host for row in rows})
    head = "".join(
        f'<th scope="col"><button>{heading.capitalize()}</button></th>' for heading in _HEADINGS
    )
    return _PAGE.format(
        hosts=counted(hosts, "host"),
        summary=escape(_summary(rows)),
        head=head,
        body="\n".join(_line(row) for row in rows),
    )


def _line(row: Row) -> str:
    cells = _cells(row)
    kinds = ["", "", "", ' class="number"', "", "", ""]
    inside = "".join(
        f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True)
    )
    return f"<tr>{inside}</tr>"


def _cells(row: Row) -> tuple[str, ...]:
    age = "" if row.age_days is None else str(row.age_days)
    found = "; ".join(row.findings)
    return row.host, row.credential, row.bound_to, age, row.expires, row.last_used, found


def _shown(row: Row) -> tuple[str, ...]:
    """The cells of ``row``, with as much of the times as a terminal has room for."""
    *cells, expires, last_used, found = _cells(row)
    if terminal.is_dressed():
        expires = expires[: len("2026-01-31")]
        last_used = last_used and terminal.age(datetime.fromisoformat(last_used).timestamp())
    return (*cells, expires, last_used, found)


def _summary(rows: Sequence[Row]) -> str:
    hosts = {row.host for row in rows}
    silent = {row.host for row in rows if fleet.NO_FACTS in row.findings}
    alarmed = {row.host for row in rows if row.findings} - silent
    credentials = sum(bool(row.credential) for row in rows)
    return (
        f"{counted(credentials, 'credential')} on {counted(len(hosts) - len(silent), 'host')}, "
        f"{len(alarmed)} with findings, {len(silent)} not reached"
    )


def _facts(path: str) -> bytes:
    try:
        if path == "-":
            return piped.read(piped.STDIN)
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}", "look at the path") from None


def _write(path: str, text: str) -> None:
    """Writes the page whole, or leaves what was there."""
    try:
        directory = os.path.dirname(path) or "."
        with tempfile.NamedTemporaryFile("w", dir=directory, encoding="utf-8", delete=False) as new:
            try:
                new.write(text)
                new.flush()
                os.replace(new.name, path)
            except BaseException:
                os.unlink(new.name)
                raise
    except OSError as error:
        raise StoreFailed(f"{path} cannot be written: {error.strerror}", "look at it") from None

# SPDX-License-Identifier: MIT
"""The table of many hosts: made of what ``check`` and ``list`` print on each."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from credhelper.commands import fleet
from credhelper.commands.cli import report
from credhelper.commands.cli.usage import parse
from credhelper.errors import InvalidValue

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def credential(name: str, **other: Any) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"/etc/credstore.encrypted/{name}",
        "bound_to": "host+tpm2",
        "modified": "2026-11-15T00:00:00+00:00",
        "problems": [],
        **other,
    }


def on_a_terminal(words: list[str], columns: int, directory: Path) -> str:
    """What the command shows on a terminal that is so wide, without its colours."""
    master, slave = pty.openpty()
    wide = os.environ | {"COLUMNS": str(columns), "TERM": "xterm"}
    subprocess.run(words, check=True, cwd=directory, env=wide, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    with suppress(OSError):  # EIO: all is read, and nobody has it open any more
        while True:
            shown += os.read(master, 1 << 16)
    os.close(master)
    return re.sub(r"\x1b\[[\d;]*m", "", shown.decode())


def finding(subject: str, evidence: str) -> dict[str, str]:
    return {"severity": "warning", "subject": subject, "evidence": evidence}


FACTS: dict[str, Any] = {
    "web2": {},
    "web1": {
        "check": {
            "findings": [
                finding("/etc/credstore.encrypted/a", "may be read by others"),
                finding("the machine", "swaps to disk in the <clear>"),
            ]
        },
        "credentials": [
            credential("a", problems=["may be read by others"]),
            credential(
                "b",
                expires="2027-01-01T00:00:00+00:00",
                last_used={"time": "2026-11-24T09:00:00+00:00", "script": "/opt/a.py", "user": ""},
            ),
        ],
    },
}


def test_a_row_a_credential_and_one_for_the_host() -> None:
    rows = fleet.rows(FACTS, NOW)
    assert [(row.host, row.credential) for row in rows] == [
        ("web1", "a"),
        ("web1", "b"),
        ("web1", ""),
        ("web2", ""),
    ]
    first, second, own, silent = rows
    assert first.findings == ("warning: may be read by others",)  # said once
    assert (first.bound_to, first.age_days) == ("host+tpm2", 10)
    assert (second.expires, second.findings) == ("2027-01-01T00:00:00+00:00", ())
    assert second.last_used == "2026-11-24T09:00:00+00:00"
    assert own.findings == ("the machine: warning: swaps to disk in the <clear>",)
    assert silent.findings == (fleet.NO_FACTS,)


@pytest.mark.parametrize("columns", [60, 80])
def test_a_narrow_terminal_shows_every_column(columns: int, tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text(json.dumps(FACTS))
    call = "from credhelper.commands.cli import main; main(['report', 'facts.json'])"
    shown = on_a_terminal([sys.executable, "-c", call], columns, tmp_path)
    assert max(map(len, shown.splitlines())) <= columns
    [row] = [line for line in shown.splitlines() if line.startswith("web1  b ")]
    assert re.search(r"host\+tpm2 +\d+ +2027-01-01 +\d+d$", row.rstrip()), shown
    assert "no facts: the host was not reached" in shown


@pytest.mark.parametrize(
    "facts",
    [
        b"",
        b"[]",
        b'{"web1": 1}',
        b'{"web1": {"check": {}}}',
        b'{"web1": {"check": {"findings": []}}}',
    ],
)
def test_what_is_no_facts_is_named(facts: bytes) -> None:
    with pytest.raises(InvalidValue, match="facts"):
        fleet.rows(fleet.read(facts), NOW)


def test_the_page_shows_all_and_nothing_in_it_is_markup() -> None:
    page = report.page(fleet.rows(FACTS, NOW))
    assert page.count("<tr>") == 5
    assert "swaps to disk in the &lt;clear&gt;" in page
    assert "<clear>" not in page
    assert "2 credentials on 1 host, 1 with findings, 1 not reached" in page
    assert not re.search(r'(src|href)="', page)  # it stands alone


def test_the_page_is_written_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(FACTS))
    target = tmp_path / "report.html"
    assert report.run(parse(["report", f"--html={target}", str(facts)])) == 0
    assert capfd.readouterr().out.startswith(f"wrote {target}: 2 credentials")
    assert target.read_text().startswith("<!DOCTYPE html>")
    with pytest.raises(OSError, match=r"no/"):
        report.run(parse(["report", f"--html={tmp_path}/no/report.html", str(facts)]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.json", "report.html"]


def test_rows_as_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(FACTS))
    assert report.run(parse(["report", "--json", str(facts)])) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["format"], said["verb"]) == (1, "report")
    assert [row["host"] for row in said["rows"]] == ["web1", "web1", "web1", "web2"]

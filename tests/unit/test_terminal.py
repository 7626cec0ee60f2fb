# SPDX-License-Identifier: MIT
"""What people see on a terminal: tables that fit, questions, nothing that moves the cursor."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time

import pytest

from credhelper.commands import messages
from credhelper.commands.cli import terminal


def test_a_table_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    terminal.table(("NAME", "SIZE"), [("a", "1"), ("longer\n", "22")])
    assert capfd.readouterr().out == "NAME      SIZE\na         1\nlonger\\n  22\n"


ON_A_TERMINAL = """
import sys
from credhelper.commands.cli import terminal
terminal.table(("NAME", "PROBLEMS"), [("my_api_key", "bad " * 30)], alarming=1)
from credhelper.commands import messages
show = messages.progress("unsealing")
show(1, 2); show(2, 2)
messages.progress("decrypt-run: unsealing", after=60)(3, 9)
show = messages.progress("decrypt-run: unsealing", after=0)
show(4, 9); show(9, 9)
"""


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO: all is read, and nobody has it open any more
        return b""


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_table_on_a_terminal_fits_and_respects_no_color(environment: dict[str, str]) -> None:
    master, slave = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL],
        check=True,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
    )
    os.close(slave)
    shown = b"".join(iter(lambda: _read(master), b"")).decode()
    os.close(master)
    assert "my_api_key" in shown
    assert ("\x1b[31m" in shown) == (not environment)
    assert "unsealing: 1 of 2\r" in shown
    assert [f"decrypt-run: unsealing: {done} of 9\r" in shown for done in (3, 4, 9)] == [0, 1, 1]
    plain = shown.replace("\x1b[31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert all(len(line) <= 80 for line in plain.splitlines())


def test_no_progress_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    assert messages.progress("unsealing") is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0min"),
        (59, "0min"),
        (60, "1min"),
        (7200, "2h"),
        (86400, "1d"),
        (34.5 * 86400, "34d"),
        (-99, "0min"),
    ],
)
def test_age_in_one_unit(seconds: float, shown: str) -> None:
    assert terminal.age(time.time() - seconds) == shown


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("Yes\n", True), ("", False), ("n\n", False), ("\n", False)],
)
def test_only_yes_is_yes(typed: str, answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert terminal.confirmed("Remove it?") is answer


def test_json_is_json_in_any_locale(capfd: pytest.CaptureFixture[str]) -> None:
    terminal.print_json("list", {"credentials": [{"name": "ü\udcff"}]})
    out = capfd.readouterr().out
    assert out.isascii()
    said = json.loads(out)
    assert said == {"format": 1, "verb": "list", "credentials": [{"name": "ü\udcff"}]}


def test_a_command_is_quoted_for_the_shell() -> None:
    assert terminal.command(["sudo", "credhelper", "add", "a b"]) == "sudo credhelper add 'a b'"

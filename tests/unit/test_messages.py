# SPDX-License-Identifier: MIT
"""Messages: two lines, one writer, and a stream that fails does not stop the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import credhelper
from credhelper.commands import messages
from credhelper.errors import CredentialError


def test_an_error_and_its_hint_are_two_lines(capfd: pytest.CaptureFixture[str]) -> None:
    messages.error(CredentialError("credential a\nb is not there", "add it\x1b[2J"))
    assert capfd.readouterr().err == (
        "credhelper: error: credential a\\nb is not there\ncredhelper: hint: add it\\x1b[2J\n"
    )


@pytest.mark.parametrize("tell", [messages.error, messages.note, messages.warn])
def test_no_hint_no_line(tell: object, capfd: pytest.CaptureFixture[str]) -> None:
    assert callable(tell)
    tell("something")
    assert capfd.readouterr().err.count("\n") == 1
    tell("something", "way out")
    assert capfd.readouterr().err.endswith("\ncredhelper: hint: way out\n")


@given(st.text())
def test_one_line(text: str) -> None:
    assert messages.one_line(text).isprintable()


def run(code: str, **streams: object) -> subprocess.CompletedProcess[str]:
    """Runs ``code`` with the messages at hand and stdout and stderr as given."""
    site = str(Path(credhelper.__file__).parents[1])
    start = f"import sys; sys.path.insert(0, {site!r})\nfrom credhelper.commands import messages\n"
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-I", "-c", start + code],
        check=False,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


def test_a_full_disk_behind_stdout_is_told_at_the_end_and_stops_nothing() -> None:
    work = """
messages.say("first"); messages.say("second")
messages.note("the work goes on")
sys.exit(messages.finish(0))
"""
    with open("/dev/full", "w") as full:
        finished = run(work, stdout=full)
    assert finished.returncode == 1
    assert finished.stderr == (
        "credhelper: note: the work goes on\n"
        "credhelper: error: standard output: No space left on device\n"
        "credhelper: hint: what is shown is incomplete\n"
    )


def test_a_reader_who_has_left_hears_nothing_more() -> None:
    left, end = os.pipe()
    os.close(left)
    finished = run("messages.say('a'); sys.exit(messages.finish(0, 125))", stdout=end)
    os.close(end)
    assert (finished.returncode, finished.stderr) == (125, "")


def test_a_full_stderr_shows_in_the_exit_status_alone() -> None:
    with open("/dev/full", "w") as full:
        work = "messages.warn('x'); messages.say('done'); sys.exit(messages.finish(0))"
        finished = run(work, stderr=full)
    assert (finished.returncode, finished.stdout) == (1, "done\n")


def test_a_worse_status_stays() -> None:
    with open("/dev/full", "w") as full:
        assert run("messages.say('x'); sys.exit(messages.finish(2))", stdout=full).returncode == 2


def test_a_stream_that_does_not_block_is_waited_for() -> None:
    """More than a pipe holds, to a reader that begins when it is full."""
    left, end = os.pipe()
    os.set_blocking(end, False)
    code = "messages.say('x' * 300_000); sys.exit(messages.finish(0))"
    site = str(Path(credhelper.__file__).parents[1])
    start = f"import sys; sys.path.insert(0, {site!r})\nfrom credhelper.commands import messages\n"
    with subprocess.Popen([sys.executable, "-I", "-c", start + code], stdout=end) as process:
        os.close(end)
        with open(left, "rb") as reader:
            assert len(reader.read()) == 300_001
    assert process.returncode == 0


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_any_file_name_in_any_locale(locale: str) -> None:
    finished = run(
        "messages.note('\\udcff and ü'); sys.exit(messages.finish(0))", env={"LC_ALL": locale}
    )
    assert finished.returncode == 0
    assert finished.stderr.startswith("credhelper: note: \\udcff and ")
    assert finished.stderr.count("\n") == 1


def test_the_name_of_the_program() -> None:
    finished = run("messages.speak_as('credhelper-decrypt-run'); messages.error('no', 'yes')")
    assert finished.stderr == (
        "credhelper-decrypt-run: error: no\ncredhelper-decrypt-run: hint: yes\n"
    )


@pytest.mark.unmeasured  # coverage brings much along
def test_nothing_slow_comes_along() -> None:
    slow = "{'argparse', 'json', 'gettext', 're', 'typing', 'subprocess', 'shlex'}"
    assert run(f"print({slow} & set(sys.modules))").stdout == "set()\n"


def test_nothing_below_the_command_line_imports_it() -> None:
    package = Path(credhelper.__file__).parent
    above = [
        path.name
        for path in package.rglob("*.py")
        if path.parent.name != "cli" and "commands.cli" in path.read_text()
    ]
    assert above == []

# SPDX-License-Identifier: MIT
"""The runner's command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands.run import options
from credhelper.errors import CredentialError, RunnerFailed


def test_everything_at_once() -> None:
    found = options.parse(
        [
            *("-c", "one", "-ctwo", "--credential=three", "--credential", "four"),
            *("-e", "A=one", "--environment=B=five"),
            *("--python", "/opt/python", "--root-owned", "--user=bob"),
            *("--keep-environment", "HTTPS_PROXY", "--share-with-children", "--no-mask"),
            *("--allow-null", "--dry-run", "script.py", "-c", "--", "--bogus"),
        ]
    )
    assert found.credentials == ["one", "two", "three", "four"]
    assert found.environment == {"A": "one", "B": "five"}
    assert (found.python, found.user, found.keep) == ("/opt/python", "bob", ["HTTPS_PROXY"])
    assert found.root_owned and found.share_with_children and found.no_mask
    assert found.allow_null and found.dry_run
    assert not (found.as_invoking_user or found.help or found.version)
    assert (found.target, found.module) == ("script.py", False)
    assert found.arguments == ["-c", "--", "--bogus"]


@pytest.mark.parametrize(
    ("argv", "target", "arguments"),
    [
        (["a.py"], "a.py", []),
        (["a.py", "--root-owned", "--user", "bob"], "a.py", ["--root-owned", "--user", "bob"]),
        (["--", "-c"], "-c", []),
        (["--", "--", "x"], "--", ["x"]),
        (["-", "-m", "x"], "-", ["-m", "x"]),
        (["--no-mask", "", "x"], "", ["x"]),
        (["a.py", "--"], "a.py", ["--"]),
    ],
)
def test_parsing_stops_at_the_script(argv: list[str], target: str, arguments: list[str]) -> None:
    found = options.parse(argv)
    assert (found.target, found.arguments, found.module) == (target, arguments, False)


@pytest.mark.parametrize(
    "argv", [["-m", "a.b", "-x"], ["-ma.b", "-x"], ["--no-mask", "-ma.b", "-x"]]
)
def test_parsing_stops_at_a_module(argv: list[str]) -> None:
    found = options.parse(argv)
    assert (found.target, found.arguments, found.module) == ("a.b", ["-x"], True)


@pytest.mark.parametrize("flag", ["-h", "--help", "--version"])
def test_help_needs_no_script(flag: str) -> None:
    found = options.parse([flag, "--bogus"])
    assert (found.help, found.version) == (flag != "--version", flag == "--version")


def test_every_switch_is_an_attribute() -> None:
    switches = [options.attribute(long) for _, long, takes, _ in options.OPTIONS if not takes]
    assert switches
    assert all(getattr(options.Options(), switch) is False for switch in switches)


def test_help_names_every_option() -> None:
    text = options.help_text()
    for short, long, takes, meaning in options.OPTIONS:
        assert all(part in text for part in (short, long, takes, meaning))
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        ([], "no script is given"),
        (["--"], "no script is given"),
        (["--no-mask"], "no script is given"),
        (["--bogus", "a.py"], "unknown option '--bogus'"),
        (["-x", "a.py"], "unknown option '-x'"),
        (["-hx"], "--help takes no value"),
        (["--no-mask=1", "a.py"], "--no-mask takes no value"),
        (["--root-owned=", "a.py"], "--root-owned takes no value"),
        (["--root", "a.py"], "unknown option '--root'"),
        (["-c"], "--credential needs NAME"),
        (["--python"], "--python needs PATH"),
        (["-m"], "-m needs MODULE"),
        (["-c", "../a", "a.py"], "name after -c holds '/'"),
        (["-c", "", "a.py"], "--credential needs NAME"),
        (["--user", "", "a.py"], "--user needs NAME"),
        (["--user=", "a.py"], "--user needs NAME"),
        (["--python=", "a.py"], "--python needs PATH"),
        (["-c", "a", "-c", "a", "a.py"], "-c a is there twice"),
        (["-e", "A", "a.py"], "-e takes VAR=NAME"),
        (["-e", "A=", "a.py"], "empty"),
        (["-e", "=a", "a.py"], "'' is no name of a variable"),
        (["-e", "A B=a", "a.py"], "'A B' is no name of a variable"),
        (["-e", "PATH=a", "a.py"], "PATH is not to be set"),
        (["-e", "LD_AUDIT=a", "a.py"], "LD_AUDIT is not to be set"),
        (["-e", "A=a", "-e", "A=b", "a.py"], "-e A is there twice"),
        (["--user", "a", "--user", "b", "a.py"], "--user is there twice"),
        (["--python", "/a", "--python", "/b", "a.py"], "--python is there twice"),
        (["--user", "a", "--as-invoking-user", "a.py"], "exclude one another"),
        (["--root-owned", "-"], "cannot vouch for standard input"),
        (["-m", "a/b"], "'a/b' is no name of a module"),
        (["-m", ""], "-m needs MODULE"),
        (["-m", "a..b"], "'a..b' is no name of a module"),
    ],
)
def test_what_is_refused(argv: list[str], problem: str) -> None:
    with pytest.raises(RunnerFailed) as caught:
        options.parse(argv)
    assert problem in caught.value.problem
    assert caught.value.hint
    assert caught.value.exit_code == 125


@given(st.lists(st.sampled_from(["-c", "a", "--", "-", "-m", "--user", "x=", "-e", "", "--x=="])))
def test_any_words_are_understood_or_refused(argv: list[str]) -> None:
    try:
        found = options.parse(argv)
    except CredentialError as error:
        assert error.exit_code == 125
    else:
        assert argv[len(argv) - len(found.arguments) :] == found.arguments

# SPDX-License-Identifier: MIT
"""``credhelper remove``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import STORE, Record, Runs


def test_removed_and_recorded(
    credhelper: Runs, sealed: Callable[..., Path], journal: Callable[[int], list[Record]]
) -> None:
    path = sealed("my_api_key", "x")
    finished = credhelper("remove", "my_api_key", "--yes")
    assert (finished.status, finished.out, finished.err) == (0, "removed my_api_key\n", "")
    assert not path.exists()
    assert journal(2)[1]["CREDHELPER_OPERATION"] == "remove"


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_a_terminal_is_asked(
    credhelper: Runs, sealed: Callable[..., Path], answer: str, gone: bool
) -> None:
    path = sealed("my_api_key", "x")
    question = "Remove my_api_key? Its value cannot be had back. [y/N]"
    finished = credhelper("remove", "my_api_key", tty=[(question, answer)])
    assert finished.status == (0 if gone else 1)
    assert path.exists() is not gone


def test_without_a_terminal_yes_has_to_be_said(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    path = sealed("my_api_key", "x")
    finished = credhelper("remove", "my_api_key", input="y\n")
    assert finished.status == 1
    assert finished.err.splitlines() == [
        "credhelper: error: removing without a terminal to ask on",
        "credhelper: hint: give --yes",
    ]
    assert path.exists()


@pytest.mark.parametrize(
    "name", ["a b", "ü", "x.cred", "new\nline", "\udcff", "--yes", ".hidden", "it's", "*"]
)
def test_any_file_can_be_got_rid_of(credhelper: Runs, name: str) -> None:
    STORE.mkdir(0o700)
    (STORE / name).touch()
    (STORE / "other").touch()
    finished = credhelper("remove", "--yes", "--", name)
    assert finished.status == 0, finished.err
    assert finished.out.count("\n") == 1
    assert [path.name for path in STORE.iterdir()] == ["other"]


@pytest.mark.parametrize("name", ["missing", "a" * 256, "ü" * 200])
@pytest.mark.usefixtures("nothing_written")
def test_what_is_not_there(credhelper: Runs, name: str) -> None:
    finished = credhelper("remove", name, "--yes")
    assert finished.status == 1
    assert finished.err.count("\n") == 2


def test_a_name_that_no_file_has(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", "x")
    finished = credhelper("remove", "a" * 256, "--yes")
    assert finished.status == 1
    assert "File name too long" in finished.err.splitlines()[0]


def test_a_directory_stays(credhelper: Runs) -> None:
    (STORE / "directory").mkdir(0o700, parents=True)
    STORE.chmod(0o700)
    finished = credhelper("remove", "directory", "--yes")
    assert finished.status == 1
    assert finished.err.splitlines()[0] == (
        "credhelper: error: /etc/credstore.encrypted/directory cannot be used: Is a directory"
    )

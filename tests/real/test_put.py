# SPDX-License-Identifier: MIT
"""``credhelper put``: the value is there afterwards, and nothing changes that need not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import STORE, Record, Runs, unseal

Seals = Callable[..., Path]
A_DAY_AGO_NS = 86400 * 10**9


def change(credhelper: Runs, *argv: str, value: str = "value") -> str:
    """What ``put --json`` says that it did."""
    finished = credhelper("put", "my_api_key", "--json", *argv, input=value)
    assert (finished.status, finished.err) == (0, "")
    said = json.loads(finished.out)
    [credential] = said["credentials"]
    assert credential["name"] == "my_api_key"
    return str(credential["change"])


def test_added_once_and_then_left_alone(
    credhelper: Runs, journal: Callable[[int], list[Record]]
) -> None:
    assert change(credhelper) == "added"
    path = STORE / "my_api_key"
    before = path.stat()
    assert change(credhelper) == "unchanged"
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (after.st_mode, unseal(path)) == (0o100600, b"value")
    assert [record["CREDHELPER_OPERATION"] for record in journal(1)] == ["add"]


def test_another_value_rotates_and_keeps_the_binding(credhelper: Runs, sealed: Seals) -> None:
    path = sealed("my_api_key", "old")
    finished = credhelper("put", "my_api_key", input="new\n")
    assert (finished.status, finished.out) == (0, "rotated my_api_key, bound to: host\n")
    assert unseal(path) == b"new"


def test_another_key_seals_anew_and_keeps_the_time(credhelper: Runs, sealed: Seals) -> None:
    path = sealed("my_api_key", "value", "--with-key=null")
    os.utime(path, ns=(A_DAY_AGO_NS, A_DAY_AGO_NS))
    assert change(credhelper, "--with-key=host") == "resealed"
    assert path.stat().st_mtime_ns == A_DAY_AGO_NS
    assert unseal(path) == b"value"
    assert change(credhelper, "--with-key=host") == "unchanged"


@pytest.mark.parametrize("damage", [b"", b"nonsense"])
def test_what_is_damaged_gets_its_value_back(
    credhelper: Runs, sealed: Seals, damage: bytes
) -> None:
    path = sealed("my_api_key", "value")
    path.write_bytes(damage)
    assert change(credhelper) == "rotated"
    assert unseal(path) == b"value"


@pytest.mark.parametrize(("there", "said"), [("", "added"), ("old", "rotated")])
def test_a_dry_run_changes_nothing(
    credhelper: Runs, sealed: Seals, there: str, said: str, journal: Callable[[int], list[Record]]
) -> None:
    if there:
        sealed("my_api_key", there)
    before = {path.name: path.read_bytes() for path in STORE.glob("*")} if there else {}
    finished = credhelper("put", "my_api_key", "--dry-run", input="value")
    assert (finished.status, finished.out) == (0, f"my_api_key: would be {said}\n")
    assert change(credhelper, "--dry-run") == said
    after = {path.name: path.read_bytes() for path in STORE.glob("*")} if there else {}
    assert after == before
    journal(1 if there else 0)


def test_a_file_goes_in_the_end_even_where_nothing_changed(
    credhelper: Runs, sealed: Seals, tmp_path: Path
) -> None:
    sealed("my_api_key", "value")
    source = tmp_path / "value"
    source.write_bytes(b"value")
    argv = ["put", "my_api_key", "--from-file", str(source), "--delete-source"]
    finished = credhelper(*argv)
    assert finished.out == f"unchanged my_api_key, bound to: host\nremoved {source}\n"
    assert not source.exists()


def test_a_set_is_put_as_a_whole(
    credhelper: Runs, sealed: Seals, journal: Callable[[int], list[Record]]
) -> None:
    sealed("same", "value")
    sealed("other", "old")
    values = {"same": "value", "other": "new", "fresh": 'quote " and \u00fc'}
    finished = credhelper("put", "--set", "--json", input=json.dumps(values))
    assert (finished.status, finished.err) == (0, "")
    assert {row["name"]: row["change"] for row in json.loads(finished.out)["credentials"]} == {
        "same": "unchanged",
        "other": "rotated",
        "fresh": "added",
    }
    assert {path.name: unseal(path).decode() for path in STORE.iterdir()} == values
    told = [(r["CREDHELPER_OPERATION"], r["CREDHELPER_CREDENTIALS"]) for r in journal(4)[2:]]
    assert told == [("add", "fresh"), ("rotate", "other")]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("[]", "standard input is no JSON object of names and text"),
        ('{"a": "secret-value"', "standard input is no JSON object of names and text"),
        ('{"a": 1}', "standard input is no JSON object of names and text"),
        ('{"fresh": "secret-value", "a": ""}', "the value of a is empty"),
        ('{"fresh": "secret-value", "../a": "x"}', "credential name '../a' begins with '.'"),
    ],
)
def test_a_set_that_cannot_be_put_changes_nothing(
    credhelper: Runs, given: str, problem: str
) -> None:
    finished = credhelper("put", "--set", input=given)
    assert finished.status in (1, 2)
    assert f"error: {problem}" in finished.err
    assert "secret-value" not in finished.err
    assert not STORE.exists() or list(STORE.iterdir()) == []


@pytest.mark.parametrize("argv", [[], ["my_api_key", "--set"], ["--set", "--from-file", "/x"]])
def test_what_to_put_has_to_be_clear(credhelper: Runs, argv: list[str]) -> None:
    finished = credhelper("put", *argv, input="{}")
    assert finished.status == 2
    assert finished.err.startswith("credhelper: error: ")

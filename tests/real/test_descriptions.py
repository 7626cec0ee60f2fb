# SPDX-License-Identifier: MIT
"""What a credential is for: in the clear, beside the store, and where its value is asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from credhelper.commands.descriptions import DIRECTORY
from tests.real.conftest import REPLACED, STORE, Runs
from tests.real.terminal import Hidden

FILES = Path(DIRECTORY)
TEXT = "payments: https://console.example.com/keys/8f14e45fceea167a5a36dedd4bea2543 \u00e4"
KEY = "--with-key=host"


@pytest.fixture(autouse=True)
def _none() -> Iterator[None]:
    shutil.rmtree(FILES.parent, ignore_errors=True)
    yield
    shutil.rmtree(FILES.parent, ignore_errors=True)


def described(credhelper: Runs) -> dict[str, str | None]:
    listed = json.loads(credhelper("list", "--json").out)["credentials"]
    return {entry["name"]: entry.get("description") for entry in listed}


def test_from_add_to_remove(credhelper: Runs) -> None:
    finished = credhelper("add", "my_api_key", KEY, "--description", TEXT, input="x")
    assert (finished.status, finished.err) == (0, "")
    path = FILES / "my_api_key"
    assert path.read_text() == f"{TEXT}\n"
    assert (path.stat().st_mode & 0o777, path.stat().st_uid) == (0o600, 0)
    assert [p.name for p in STORE.iterdir()] == ["my_api_key"]
    assert TEXT in credhelper("list").out
    rotated = credhelper("rotate", "my_api_key", input="y")
    assert f"note: my_api_key: {TEXT}" in rotated.err
    assert credhelper("rename", "my_api_key", "new_key").status == 0
    assert described(credhelper) == {"new_key": TEXT}
    assert credhelper("remove", "new_key", "--yes").status == 0
    assert list(FILES.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "place", "said", "there"),
    [
        (["add", "b", KEY, "--description", "x"], FILES.parent, "b is added; when", {"a", "b"}),
        (["put", "a", KEY, "--description", "x"], FILES.parent, "is in the store; when", {"a"}),
        (["rename", "a", "b"], FILES.parent, "it is b now; when", {"b"}),
        (["remove", "a", "--yes"], FILES.parent, "it is removed; its description", set()),
        (["remove", "a", "--yes"], REPLACED, "it is removed; when that is mended: sudo", set()),
    ],
    ids=["add", "put", "rename", "remove", "remove-replaced"],
)
def test_a_change_is_not_denied_where_what_goes_with_it_fails(
    credhelper: Runs, argv: list[str], place: Path, said: str, there: set[str]
) -> None:
    assert credhelper("add", "a", KEY, "--description", TEXT, input="x").status == 0
    assert credhelper("rotate", "a", input="y").status == 0
    mount = ["/usr/bin/mount", "--bind", "-o", "ro", str(place), str(place)]
    subprocess.run(mount, check=True)
    try:
        finished = credhelper(*argv, input="y")
    finally:
        subprocess.run(["/usr/bin/umount", str(place)], check=True)
    assert {path.name for path in STORE.iterdir()} == there
    error, hint = finished.err.splitlines()[-2:]
    assert finished.status == 1
    assert error.endswith("Read-only file system")
    assert said in hint


def test_put(credhelper: Runs) -> None:
    for said, text, value in [
        ("added", TEXT, "x"),
        ("unchanged", "another", "x"),
        ("rotated", None, "y"),
        ("unchanged", "", "y"),
    ]:
        words = [] if text is None else ["--description", text]
        finished = credhelper("put", "my_api_key", KEY, *words, input=value)
        assert finished.out.startswith(said)
        kept = "another" if text is None else text
        assert described(credhelper) == {"my_api_key": kept or None}
    finished = credhelper("put", "my_api_key", "--dry-run", "--description", "z", input="x")
    assert finished.status == 0
    assert described(credhelper) == {"my_api_key": None}


def test_it_is_read_before_the_value_is_typed(credhelper: Runs) -> None:
    credhelper("add", "my_api_key", KEY, "--description", "ask the bank", input="x")
    dialogue = [
        ("my_api_key: ask the bank", ""),
        ("Value of my_api_key:", Hidden("new\n")),
        ("again:", Hidden("new\n")),
    ]
    assert credhelper("rotate", "my_api_key", tty=dialogue).status == 0


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "x" * 201,
        "sk-live-ONLINE0123456789",
        "\x1b[2J",
        "https://me:pass@example.com/",
    ],
)
def test_what_is_no_description_adds_nothing(credhelper: Runs, text: str) -> None:
    finished = credhelper("add", "my_api_key", KEY, "--description", text, input="x")
    assert finished.status in (1, 2)
    assert text not in finished.err
    assert not STORE.exists() or not list(STORE.iterdir())
    assert not FILES.exists()


def test_no_link_is_followed(credhelper: Runs, scratch: Path) -> None:
    FILES.mkdir(parents=True)
    (scratch / "other").write_text("whole")
    (FILES / "my_api_key").symlink_to(scratch / "other")
    finished = credhelper("add", "my_api_key", KEY, "--description", "text", input="x")
    assert finished.status == 1
    assert (scratch / "other").read_text() == "whole"
    assert credhelper("list").status == 0


def test_quiet_leaves_out_notes_alone(credhelper: Runs) -> None:
    credhelper("add", "my_api_key", KEY, "--description", "ask the bank", input="x")
    finished = credhelper("rotate", "my_api_key", "--quiet", input="y")
    assert finished.out.startswith("rotated my_api_key")
    assert finished.err == ""
    assert "error: " in credhelper("rotate", "other", "--quiet", input="y").err

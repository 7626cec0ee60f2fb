# SPDX-License-Identifier: MIT
"""``credhelper import``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credhelper.commands import metadata
from tests.real.conftest import STORE, Record, Runs, launcher, unseal

FILE = b"OPENAI_API_KEY=sk-1234\nexport GITHUB_TOKEN='ghp 5678'\nPEM=\"a\nb\"\n"
NAMES = {"openai_api_key": b"sk-1234", "github_token": b"ghp 5678", "pem": b"a\nb"}


@pytest.fixture
def dotenv(scratch: Path) -> Path:
    path = scratch / ".env"
    path.write_bytes(FILE)
    return path


def stored() -> dict[str, bytes]:
    return {path.name: unseal(path) for path in STORE.iterdir()}


def test_every_variable_becomes_a_credential(
    credhelper: Runs, dotenv: Path, journal: Callable[[int], list[Record]]
) -> None:
    finished = credhelper("import", str(dotenv))
    assert finished.status == 0, finished.err
    assert stored() == NAMES
    assert {path.stat().st_mode & 0o7777 for path in STORE.iterdir()} == {0o600}
    assert finished.out.startswith(
        "OPENAI_API_KEY: openai_api_key added\n"
        "GITHUB_TOKEN: github_token added\n"
        "PEM: pem added\n"
        "3 added\n"
        "\nto declare them, put this into the script:\n\n"
        "# /// script\n"
    )
    assert list(metadata.declared(finished.stdout).environment.values()) == list(NAMES)
    assert "still holds the values in the clear" in finished.err
    (record,) = journal(1)
    assert record["CREDHELPER_OPERATION"] == "import"
    assert record["CREDHELPER_CREDENTIALS"] == " ".join(NAMES)
    assert "sk-1234" not in str(record) + finished.out + finished.err


def test_it_can_be_run_again(credhelper: Runs, dotenv: Path) -> None:
    credhelper("import", str(dotenv))
    before = [path.stat().st_ino for path in STORE.iterdir()]
    finished = credhelper("import", str(dotenv))
    assert finished.status == 0
    assert finished.out.startswith("OPENAI_API_KEY: openai_api_key unchanged\n")
    assert [path.stat().st_ino for path in STORE.iterdir()] == before


def test_one_clash_and_nothing_is_imported(
    credhelper: Runs, dotenv: Path, sealed: Callable[..., Path]
) -> None:
    sealed("pem", b"another")
    finished = credhelper("import", str(dotenv))
    assert finished.status == 1
    assert finished.err == (
        "credhelper: error: there already, with another value: pem\n"
        "credhelper: hint: to give them the file's values: --rotate; "
        "to leave them out: --select\n"
    )
    assert stored() == {"pem": b"another"}


def test_rotate_gives_what_clashes_the_new_value(
    credhelper: Runs, dotenv: Path, sealed: Callable[..., Path]
) -> None:
    sealed("pem", b"another", "--not-after=2039-02-03 04:05:06 UTC")
    finished = credhelper("import", "--rotate", str(dotenv))
    assert finished.status == 0
    assert finished.err.startswith(
        "credhelper: note: the old value of pem expires on 2039-02-03 04:05 UTC, "
        "the new one never expires: to have it expire, give --not-after=\n"
    )
    assert "PEM: pem rotated\n" in finished.out
    assert stored() == NAMES


def test_what_is_damaged_is_replaced_by_rotate(
    credhelper: Runs, dotenv: Path, sealed: Callable[..., Path]
) -> None:
    sealed("pem", b"a").write_bytes(b"")
    assert credhelper("import", str(dotenv)).status == 1
    assert credhelper("import", "--rotate", str(dotenv)).status == 0
    assert stored() == NAMES


def test_selected(credhelper: Runs, dotenv: Path) -> None:
    finished = credhelper("import", "--select=pem,OPENAI_API_KEY", str(dotenv))
    assert finished.status == 0
    assert stored() == {name: NAMES[name] for name in ("openai_api_key", "pem")}


def test_dry_run_writes_nothing(credhelper: Runs, dotenv: Path) -> None:
    finished = credhelper("import", "--dry-run", "--delete-source", str(dotenv))
    assert finished.status == 0
    assert "PEM: pem would be added\n" in finished.out
    assert not STORE.exists()
    assert dotenv.exists()


def test_the_source_is_deleted_when_all_is_sealed(credhelper: Runs, dotenv: Path) -> None:
    finished = credhelper("import", "--delete-source", str(dotenv))
    assert finished.status == 0
    assert not dotenv.exists()
    assert "on an SSD" in finished.err
    assert stored() == NAMES


def test_the_source_stays_when_values_would_be_lost(credhelper: Runs, dotenv: Path) -> None:
    finished = credhelper("import", "--delete-source", "--select=PEM", str(dotenv))
    assert finished.status == 1
    assert "--delete-source would lose the values that are left out" in finished.err
    assert dotenv.exists()
    assert not STORE.exists()


def test_a_value_that_cannot_be_sealed_stops_all(credhelper: Runs, scratch: Path) -> None:
    path = scratch / ".env"
    path.write_text("A=1\nB=" + "x" * 1_000_000 + "\n")
    finished = credhelper("import", str(path))
    assert finished.status == 1
    assert "credential b " in finished.err
    assert not STORE.exists() or not list(STORE.iterdir())


@pytest.mark.parametrize("kind", ["link", "directory", "missing"])
def test_what_is_no_ordinary_file_is_refused(credhelper: Runs, dotenv: Path, kind: str) -> None:
    path = dotenv.with_name("other")
    if kind == "link":
        path.symlink_to(dotenv)
    elif kind == "directory":
        path.mkdir()
    finished = credhelper("import", str(path))
    assert finished.status == 1
    assert finished.err.startswith(f"credhelper: error: {path} ")


def test_a_failing_rename_undoes_those_before_it(sealed: Callable[..., Path]) -> None:
    """A directory under a credential's name: rename(2) refuses, after a good one has gone."""
    sealed("first", b"old")
    (STORE / "second").mkdir()
    program = (
        "from credhelper.commands import sealing\n"
        "from credhelper.commands import installing\n"
        "names = 'new', 'first', 'second'\n"
        "blobs = {name: sealing.seal(name, b'new', with_key='host') for name in names}\n"
        "installing.install_many(blobs, lambda _: None, ['first', 'second'])\n"
    )
    failed = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
    )
    assert "StoreFailed: /etc/credstore.encrypted/second" in failed.stderr
    assert {path.name for path in STORE.iterdir()} == {"first", "second"}
    assert unseal(STORE / "first") == b"old"


def test_killed_at_any_point_each_is_whole_and_a_repeat_completes(
    environment: dict[str, str], dotenv: Path, sealed: Callable[..., Path], credhelper: Runs
) -> None:
    calls = ("link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "fsync")
    words = [*launcher("credhelper"), "import", "--rotate", str(dotenv)]
    points = 0
    for call in calls:
        for count in range(1, 30):
            for path in STORE.glob("*") if STORE.exists() else ():
                path.unlink()
            sealed("pem", b"old")
            inject = f"--inject={call}:signal=SIGKILL:when={count}"
            strace = ["/usr/bin/strace", "-qq", "-o", "/dev/null", f"--trace={call}", inject]
            done = subprocess.run([*strace, *words], env=environment, capture_output=True)
            if done.returncode == 0:
                break
            points += 1
            left = {p.name: unseal(p) for p in STORE.iterdir() if not p.name.startswith(".")}
            assert left["pem"] in (b"old", b"a\nb")
            assert all(left[name] == NAMES[name] for name in left if name != "pem")
            assert credhelper("import", "--rotate", str(dotenv)).status == 0
            assert stored() == NAMES
    assert points >= 10


def test_settings_are_left_out_unless_asked_for(credhelper: Runs, scratch: Path) -> None:
    path = scratch / ".env"
    path.write_text("DEBUG=true\nAPI_KEY=sk-1234\nTOKEN=op://vault/item/field\n")
    finished = credhelper("import", str(path))
    assert finished.status == 0
    assert list(stored()) == ["api_key"]
    assert "note: left out, for they are settings: DEBUG (a boolean)" in finished.err
    assert "warning: left out, for they refer to another manager: TOKEN (op://...)" in finished.err
    assert credhelper("import", str(path), "--all").status == 0
    assert set(stored()) == {"api_key", "debug"}


@pytest.mark.parametrize("path", ["-", "/dev/stdin"])
def test_from_another_manager_without_a_file(credhelper: Runs, path: str) -> None:
    finished = credhelper("import", path, input=FILE)
    assert finished.status == 0, finished.err
    assert stored() == NAMES
    assert "in the clear" not in finished.err


def test_a_fifo(credhelper: Runs, scratch: Path) -> None:
    fifo = scratch / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["/bin/sh", "-c", f"printf sk-1234 >{fifo}"]):
        finished = credhelper("add", "my_api_key", "--from-file", str(fifo))
    assert finished.status == 0, finished.err
    assert stored() == {"my_api_key": b"sk-1234"}
    refused = credhelper("add", "other", "--from-file", "-", "--delete-source", input="x")
    assert refused.status == 2

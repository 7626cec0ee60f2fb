# SPDX-License-Identifier: MIT
"""Commands side by side: each change whole, none lost without a word."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from credhelper import loading
from credhelper.commands import sealing
from tests.real.conftest import STORE, Record, Runs, launcher, unseal

MANY: Final = 20


def started(environment: dict[str, str], argv: list[str], value: bytes) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*launcher("credhelper"), *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdin
    process.stdin.write(value)
    return process


def ended(processes: list[subprocess.Popen[bytes]]) -> list[tuple[int, bytes]]:
    """All are let go at once by the end of their input; the status and errors of each."""
    for process in processes:
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    return [(process.wait(), _without_waiting(process.communicate()[1])) for process in processes]


def _without_waiting(errors: bytes) -> bytes:
    """``errors`` except for the note that another is at work, or just was, on a busy machine."""
    lines = errors.splitlines(keepends=True)
    return b"".join(line for line in lines if b": note: waiting for " not in line)


@pytest.fixture
def unfollowed() -> dict[str, str]:
    """An environment without coverage: what is measured is how they meet."""
    return {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"}


def test_twenty_rotations_of_one_name(
    unfollowed: dict[str, str],
    sealed: Callable[..., Path],
    journal: Callable[[int], list[Record]],
) -> None:
    path = sealed("my_api_key", "old")
    values = [os.urandom(3000) for _ in range(MANY)]
    processes = [started(unfollowed, ["rotate", "my_api_key", "--exact"], v) for v in values]
    assert ended(processes) == [(0, b"")] * MANY
    assert unseal(path) in values
    assert [entry.name for entry in STORE.iterdir()] == ["my_api_key"]
    assert path.stat().st_mode == 0o100600
    assert len(journal(MANY + 1)) == MANY + 1


def test_one_of_twenty_adds_wins_and_the_others_are_told(unfollowed: dict[str, str]) -> None:
    values = [b"value %d" % n for n in range(MANY)]
    processes = [started(unfollowed, ["add", "my_api_key"], value) for value in values]
    outcomes = ended(processes)
    winners = [n for n, (status, _) in enumerate(outcomes) if status == 0]
    assert len(winners) == 1
    assert unseal(STORE / "my_api_key") == values[winners[0]]
    for n, (status, error) in enumerate(outcomes):
        if n not in winners:
            assert status == 1
            assert error.startswith(
                b"credhelper: error: there is a credential my_api_key already\n"
            )


def test_a_reader_never_meets_half_a_credential(
    unfollowed: dict[str, str], sealed: Callable[..., Path], credhelper: Runs
) -> None:
    sealed("my_api_key", "old")
    values = {b"old", *(b"value %d" % n for n in range(6))}
    processes = [
        started(unfollowed, ["rotate", "my_api_key"], value) for value in values - {b"old"}
    ]
    for process in processes:
        assert process.stdin
        process.stdin.close()
    while any(process.poll() is None for process in processes):
        loading.forget()
        assert loading.load_bytes("my_api_key") in values
        assert credhelper("list", "--verify", env=unfollowed).status == 0
    for process in processes:
        assert process.returncode == 0
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stderr.close()


def test_listing_while_names_come_and_go(
    unfollowed: dict[str, str], sealed: Callable[..., Path], credhelper: Runs
) -> None:
    blob = sealed("stays", "x").read_bytes()
    with subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            f"cd {STORE}; echo; while :; do for i in 1 2 3 4 5 6 7 8; do cp -p stays k$i; done; "
            "rm k1 k2 k3 k4 k5 k6 k7 k8; done",
        ],
        stdout=subprocess.PIPE,
    ) as churn:
        assert churn.stdout
        churn.stdout.readline()
        for _ in range(15):
            finished = credhelper("list", env=unfollowed)
            assert finished.status == 0, finished.err
            assert "stays" in finished.out
        churn.kill()
    assert sealing.unseal("stays", blob) == b"x"


def test_rotating_and_removing_meet(
    unfollowed: dict[str, str], sealed: Callable[..., Path]
) -> None:
    for _ in range(3):
        path = sealed("my_api_key", "old")
        processes = [
            started(unfollowed, ["rotate", "my_api_key"], b"new"),
            started(unfollowed, ["remove", "my_api_key", "--yes"], b""),
        ]
        (rotated, error), (removed, _) = ended(processes)
        assert removed == 0
        assert rotated == 0 or b"there is no credential my_api_key" in error
        # a rotation requires the name: removed stays removed, and nothing half is left
        assert not path.exists() or unseal(path) == b"new"
        assert {entry.name for entry in STORE.iterdir()} <= {"my_api_key"}
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("verb", ["check", "list", "log"])
def test_who_only_looks_takes_no_lock(
    credhelper: Runs, sealed: Callable[..., Path], verb: str
) -> None:
    """Whom sudo allows that alone can stop it at any moment: nobody is to wait for it then."""
    sealed("my_api_key", "x")
    strace = ("/usr/bin/strace", "-qq", "-o", "/dev/null", "--trace=flock")
    before = [*strace, "--inject=flock:signal=KILL"]
    assert credhelper(verb, before=before, measured=False).status in (0, 1)

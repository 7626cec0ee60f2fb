# SPDX-License-Identifier: MIT
"""Output that nobody takes: the work is done to its end anyway, and the exit status tells."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.conftest import STORE, launcher

NAMES = "abcde"
FULL = (
    "credhelper: error: standard output: No space left on device\n"
    "credhelper: hint: what is shown is incomplete\n"
)


def run(
    environment: dict[str, str], command: str, *argv: str, stdout: int, stderr: int | None = None
) -> tuple[int, str]:
    """The exit status, and what is on stderr where that is not given."""
    finished = subprocess.run(
        [*launcher(command), *argv],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE if stderr is None else stderr,
        env=environment,
        check=False,
        text=True,
    )
    return finished.returncode, finished.stderr or ""


@pytest.fixture
def full() -> Iterator[int]:
    """A disk that is full."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def unread() -> int:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("reader", ["full", "gone"])
def test_reseal_goes_on_to_the_end(
    reader: str, full: int, sealed: Callable[..., Path], environment: dict[str, str]
) -> None:
    before = {name: sealed(name, name).read_bytes() for name in NAMES}
    stdout = full if reader == "full" else unread()
    status, err = run(
        environment, "credhelper", "reseal", "--all", "--with-key=host", stdout=stdout
    )
    assert (status, err) == (1, FULL if reader == "full" else "")
    assert all((STORE / name).read_bytes() != blob for name, blob in before.items())


def test_import_deletes_the_source_though_nobody_hears_of_it(
    scratch: Path, full: int, environment: dict[str, str]
) -> None:
    source = scratch / ".env"
    source.write_text("".join(f"API_KEY_{n}=sk-dummy-{n}\n" for n in range(3)))
    argv = ["import", str(source), "--with-key=host", "--delete-source"]
    status, err = run(environment, "credhelper", *argv, stdout=full)
    assert (status, err.endswith(FULL)) == (1, True)
    assert not source.exists()
    assert len(list(STORE.iterdir())) == 3


def test_a_full_stderr_keeps_no_credential_from_being_added(
    scratch: Path, full: int, environment: dict[str, str]
) -> None:
    path = scratch / "value"
    path.write_text("sk-1234")
    argv = ["add", "UPPER", "--with-key=host", "--from-file", str(path)]
    status, _ = run(environment, "credhelper", *argv, stdout=unread(), stderr=full)
    assert status == 1
    assert (STORE / "UPPER").exists()


@pytest.mark.parametrize(
    ("command", "argv", "status"),
    [
        ("credhelper", ["--help"], 1),
        ("credhelper", ["list", "--json"], 1),
        ("credhelper", ["frob"], 2),
        ("credhelper-decrypt-run", ["--help"], 125),
        ("credhelper-decrypt-run", ["--version"], 125),
        ("credhelper-decrypt-run", ["--dry-run", "-"], 125),
    ],
)
def test_both_streams_full(
    command: str, argv: list[str], status: int, full: int, environment: dict[str, str]
) -> None:
    assert run(environment, command, *argv, stdout=full, stderr=full) == (status, "")

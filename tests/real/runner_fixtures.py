# SPDX-License-Identifier: MIT
"""Fixtures of the tests of the runner: users, scripts, and plain ``python3`` to compare with."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.real.conftest import TIME_LIMIT_SECONDS, Finished, Machine, Runs
from tests.real.running import ALICE, BOB, Same, Writes
from tests.real.servers import Asked


@pytest.fixture(scope="session")
def users(machine: Machine) -> None:
    """Alice and Bob have accounts."""
    assert machine.host_key
    for user in (ALICE, BOB):
        for path, line in (
            ("/etc/passwd", f"{user.name}:x:{user.uid}:{user.uid}::/tmp:/bin/sh"),
            ("/etc/group", f"{user.name}:x:{user.uid}:"),
            ("/etc/group", f"{user.name}s-friends:x:{user.uid + 100}:{user.name}"),
            ("/etc/shadow", f"{user.name}:*:20000::::::"),
        ):
            with open(path, "a", encoding="ascii") as file:
                file.write(line + "\n")


@pytest.fixture
def write(scratch: Path) -> Writes:
    """``write(text, name="script.py", mode=0o755)`` writes a file in ``scratch``; its path."""

    def writes(text: str | bytes, name: str = "script.py", mode: int = 0o755) -> Path:
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dedent(text).encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return writes


@pytest.fixture
def environment_of_venv(scratch: Path) -> Path:
    """A virtual environment of the system's Python, without anything in it."""
    path = scratch / "venv"
    subprocess.run(["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", str(path)], check=True)
    return path


@pytest.fixture
def same(decrypt_run: Runs, environment: dict[str, str], scratch: Path) -> Same:
    """``same(*argv)`` runs a script in ``scratch`` by Python and by the runner.

    Fails where their output or exit status differ; what both did.
    """

    def run(*argv: str, input: bytes = b"", cwd: Path | None = None) -> Finished:  # noqa: A002
        plain = subprocess.run(
            [sys.executable, *argv],
            input=input,
            capture_output=True,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            cwd=cwd or scratch,
            check=False,
            timeout=TIME_LIMIT_SECONDS,
        )
        runner = decrypt_run(*argv, input=input, cwd=cwd or scratch)
        assert runner == Finished(plain.returncode, plain.stdout, plain.stderr)
        return runner

    return run


@pytest.fixture
def server() -> Iterator[Asked]:
    """A server on 127.0.0.1 that wants to know who asks."""
    with Asked() as asked:
        threading.Thread(target=asked.serve_forever, daemon=True).start()
        yield asked
        asked.shutdown()

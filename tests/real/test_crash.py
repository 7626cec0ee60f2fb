# SPDX-License-Identifier: MIT
"""kill -9, and faults, at every system call of a change: the old or the new value, whole."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.real import tracing
from tests.real.conftest import STORE, Runs, launcher, unseal
from tests.real.tracing import STRACE, Call

# Without coverage's variables: what it writes is not what is tested here.
ENVIRONMENT: Final = {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"}
OLD: Final = b"old-" + os.urandom(24).hex().encode()
NEW: Final = b"new-" + os.urandom(24).hex().encode()
LENGTH: Final = 800  # times 52 bytes: sealed, it just fits into a pipe, so that each run is alike
VERBS: Final = {
    "add": ["add", "my_api_key", "--with-key=host"],
    "rotate": ["rotate", "my_api_key"],
    "remove": ["remove", "my_api_key", "--yes"],
}
ALLOWED: Final[dict[str, set[bytes | None]]] = {
    "add": {None, NEW * LENGTH},
    "rotate": {OLD * LENGTH, NEW * LENGTH},
    "remove": {OLD * LENGTH, None},
}

Start = Callable[[], None]


@pytest.fixture
def start(sealed: Callable[..., Path], request: pytest.FixtureRequest) -> Start:
    """Puts the store into the state in which the verb finds it."""
    verb = request.getfixturevalue("verb")
    if verb == "add":
        STORE.mkdir(0o700)
        return lambda: (STORE / "my_api_key").unlink(missing_ok=True)
    path = sealed("my_api_key", OLD * LENGTH)
    blob = path.read_bytes()

    def restore() -> None:
        if not path.exists() or path.read_bytes() != blob:
            path.unlink(missing_ok=True)
            path.write_bytes(blob)
            path.chmod(0o600)

    return restore


def points(verb: str, start: Start, output: Path) -> list[Call]:
    """The system calls of the command that change something, from its first of the store on."""
    for _ in range(2):  # the first run may write byte code
        start()
        argv = [*launcher("credhelper"), *VERBS[verb]]
        calls = tracing.trace(
            argv,
            tracing.CHANGING,
            output,
            follow=False,
            value=NEW * LENGTH,
            env=ENVIRONMENT,
        )
    first = next(n for n, call in enumerate(calls) if "credstore.encrypted" in call.text)
    return [call for call in calls[first:] if call.name != "openat" or "O_CREAT" in call.text]


def struck(
    verb: str, call: Call, action: str, *, follow: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command, with ``action`` at ``call``."""
    options = ["-f"] if follow else []
    return subprocess.run(
        [
            STRACE,
            "-qqq",
            *options,
            "-o/dev/null",
            f"--trace={call.name}",
            call.injection % action,
            *launcher("credhelper"),
            *VERBS[verb],
        ],
        input=NEW * LENGTH,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=60,
    )


def found() -> bytes | None:
    """The value in the store; what stands there has to be whole and root's alone."""
    path = STORE / "my_api_key"
    if not path.exists():
        return None
    assert path.stat().st_mode & 0o7777 == 0o600
    return unseal(path)


def assert_clean(credhelper: Runs) -> None:
    """The next command leaves nothing but credentials."""
    assert credhelper("list", env=ENVIRONMENT).status == 0
    assert {path.name for path in STORE.iterdir()} <= {"my_api_key"}


@pytest.mark.parametrize("verb", VERBS)
def test_killed_at_every_call(
    verb: str,
    start: Start,
    credhelper: Runs,
    nowhere: Callable[[bytes], None],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    calls = points(verb, start, tmp_path / "trace")
    assert len(calls) >= {"add": 30, "rotate": 30, "remove": 5}[verb]
    record_property("points", len(calls))
    outcomes = set()
    for call in calls:
        start()
        finished = struck(verb, call, "signal=KILL")
        assert finished.returncode == -9, call
        value = found()
        assert value in ALLOWED[verb], call
        outcomes.add(value)
        assert_clean(credhelper)
        assert found() == value, call
        nowhere(OLD)
        nowhere(NEW)
    assert outcomes == ALLOWED[verb]  # some before the change, some after it


@pytest.mark.parametrize("verb", ["rotate"])
def test_systemd_creds_killed_at_every_call(
    verb: str, start: Start, credhelper: Runs, nowhere: Callable[[bytes], None], tmp_path: Path
) -> None:
    start()
    calls = tracing.trace(
        [*launcher("credhelper"), *VERBS[verb]],
        ["write", "writev", "close", "execve", "exit_group", "mkdirat"],
        tmp_path / "trace",
        follow=True,
        value=NEW * LENGTH,
        env=ENVIRONMENT,
    )
    main = calls[0].process
    # strace counts for each process: from the last call on to those that the command itself makes
    # as well, where it is struck itself
    strikes = {(call.name, call.ordinal): call for call in calls if call.process != main}
    assert len(strikes) >= 10
    for call in strikes.values():
        start()
        finished = struck(verb, call, "signal=KILL", follow=True)
        if finished.returncode != -9:
            assert finished.returncode == 1, (call, finished)
            assert finished.stderr.count(b"\n") == 2, finished.stderr
            assert b"ended by signal 9" in finished.stderr
        assert found() in ALLOWED[verb], call
        assert_clean(credhelper)
        nowhere(NEW)


@pytest.mark.parametrize("verb", ["rotate"])
def test_interrupted_at_every_call(
    verb: str, start: Start, credhelper: Runs, tmp_path: Path
) -> None:
    for call in points(verb, start, tmp_path / "trace"):
        start()
        finished = struck(verb, call, "signal=INT")
        value = found()
        if finished.returncode == 0:  # what it had to do was done
            assert value == NEW * LENGTH, call
        else:
            assert finished.returncode == 130, (call, finished.stderr)
            assert value in ALLOWED[verb], call
            assert finished.stderr == (
                b"credhelper: error: interrupted\n"
                b"credhelper: hint: what was in the store is whole; run it again\n"
            ), call
        assert_clean(credhelper)


FAULTS: Final = {
    "write": "ENOSPC",
    "openat": "EMFILE",
    "fsync": "EIO",
    "link": "EMLINK",
    "linkat": "EMLINK",
    "rename": "ENOSPC",
    "renameat": "ENOSPC",
    "renameat2": "ENOSPC",
    "unlink": "EIO",
    "unlinkat": "EIO",
    "mkdir": "ENOSPC",
    "mkdirat": "ENOSPC",
    "flock": "ENOLCK",
    "fchmod": "EROFS",
    "fchown": "EPERM",
    "pipe2": "ENFILE",
    "clone": "EAGAIN",
    "clone3": "ENOMEM",
    "vfork": "EAGAIN",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_fault_at_every_call(
    verb: str, start: Start, credhelper: Runs, nowhere: Callable[[bytes], None], tmp_path: Path
) -> None:
    calls = points(verb, start, tmp_path / "trace")
    before = {"add": None, "rotate": OLD * LENGTH, "remove": OLD * LENGTH}[verb]
    after = {"add": NEW * LENGTH, "rotate": NEW * LENGTH, "remove": None}[verb]
    failed = 0
    for call, fault in [(call, FAULTS[call.name]) for call in calls if call.name in FAULTS]:
        start()
        finished = struck(verb, call, f"error={fault}")
        told = finished.stderr.decode()
        assert "Traceback" not in told, (call, fault, told)
        value = found()
        if finished.returncode == 0:  # a sweep, the journal: nothing that matters
            assert value == after, (call, fault, told)
        else:
            failed += 1
            assert finished.returncode == 1, (call, fault, told)
            done = "may come back" in told or "standard output" in told
            assert value == (after if done else before), (call, fault, told)
            error, hint = told.splitlines()[-2:]
            assert error.startswith("credhelper: error: "), (call, fault, told)
            assert hint.startswith("credhelper: hint: "), (call, fault, told)
        assert_clean(credhelper)
        nowhere(NEW)
    assert failed >= {"add": 12, "rotate": 12, "remove": 3}[verb]

# SPDX-License-Identifier: MIT
"""kill -9, and faults, at the system calls of every verb that writes: the old or the new, whole.

``make check-crashes`` strikes at every call that changes something; the suite at those by which a
change takes effect, and at a part of the others.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.real import tracing
from tests.real.conftest import STORE, Machine
from tests.real.forked import Forked
from tests.real.scenarios import ENVIRONMENT, EVERY, NEW, OLD, SCENARIOS, SOURCE, Scenario
from tests.real.tracing import Call

DECISIVE: Final = set(
    "fsync link linkat rename renameat renameat2 unlink unlinkat mkdir mkdirat".split()
)
SAMPLED: Final = 24  # one in so many of the other calls

pytestmark = [pytest.mark.unmeasured, pytest.mark.usefixtures("nothing_plain")]


def points(forked: Forked, scenario: Scenario, output: Path) -> list[Call]:
    """The system calls of the command that change something, from its first of the store on."""
    scenario.restore()
    options = tracing.options(tracing.CHANGING, output, follow=False)
    assert forked.run(scenario.argv, scenario.stdin, options).returncode == 0
    calls = tracing.read(output)
    first = next(n for n, call in enumerate(calls) if "credstore.encrypted" in call.text)
    return [call for call in calls[first:] if call.name != "openat" or "O_CREAT" in call.text]


def chosen(calls: list[Call]) -> list[Call]:
    """Those at which the suite strikes."""
    if EVERY:
        return calls
    return [call for n, call in enumerate(calls) if call.name in DECISIVE or n % SAMPLED == 0]


def struck(
    forked: Forked, scenario: Scenario, call: Call, action: str, *, follow: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command, with ``action`` at ``call``."""
    options = ["-f"] * follow + ["-o/dev/null", f"--trace={call.name}", call.injection % action]
    return forked.run(scenario.argv, scenario.stdin, options)


def left(scenario: Scenario, call: Call) -> tuple[dict[str, bytes], bytes | None]:
    """The credentials and the source; nothing of them may be lost."""
    found = scenario.found()
    plain = SOURCE.read_bytes() if scenario.source and SOURCE.exists() else None
    assert not list(scenario.lost(found, plain)), call
    return found, plain


def assert_clean(scenario: Scenario, forked: Forked) -> None:
    """The next command leaves nothing but credentials."""
    assert forked.run(["list"]).returncode == 0
    assert {path.name for path in STORE.iterdir()} <= {*(scenario.before or {}), *scenario.after}


@pytest.fixture(scope="module")
def forked(machine: Machine) -> Iterator[Forked]:
    """The command, in the mounts that ``machine`` entered."""
    assert machine.written
    forked = Forked(ENVIRONMENT)
    yield forked
    forked.close()


@pytest.fixture
def nothing_plain(nowhere: Callable[[bytes], None]) -> Iterator[None]:
    """Fails the test where a value of it lies in any file in the end, except for the source."""
    yield
    SOURCE.unlink(missing_ok=True)
    for value in [*OLD.values(), *NEW.values()]:
        nowhere(value)


@pytest.mark.parametrize("verb", SCENARIOS)
def test_killed_at_every_call(
    verb: str,
    forked: Forked,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    scenario = SCENARIOS[verb]
    calls = points(forked, scenario, tmp_path / "trace")
    assert len(calls) >= (5 if verb == "remove" else 25)
    outcomes = []
    for call in chosen(calls):
        scenario.restore()
        before = {path.name: path.read_bytes() for path in STORE.iterdir()}
        finished = struck(forked, scenario, call, "signal=KILL")
        assert finished.returncode == -signal.SIGKILL, call
        left(scenario, call)
        blobs = {path.name: path.read_bytes() for path in STORE.iterdir() if path.name[0] != "."}
        outcomes.append(blobs == before)
        assert_clean(scenario, forked)
    record_property(f"{verb}/kills", len(outcomes))
    assert outcomes[0]
    assert not outcomes[-1]  # some before the change, some after it


def test_systemd_creds_killed_at_every_call(
    forked: Forked, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    scenario = SCENARIOS["rotate"]
    scenario.restore()
    ends = ["write", "writev", "close", "execve", "exit_group", "mkdirat"]
    options = tracing.options(ends, tmp_path / "trace", follow=True)
    assert forked.run(scenario.argv, scenario.stdin, options).returncode == 0
    calls = tracing.read(tmp_path / "trace")
    main = calls[0].process
    # strace counts for each process: from the last call on to those that the command itself makes
    # as well, where it is struck itself
    strikes = {(call.name, call.ordinal): call for call in calls if call.process != main}
    assert len(strikes) >= 10
    struck_at = chosen(list(strikes.values()))
    record_property("rotate/systemd-creds killed", len(struck_at))
    for call in struck_at:
        scenario.restore()
        finished = struck(forked, scenario, call, "signal=KILL", follow=True)
        if finished.returncode != -signal.SIGKILL:
            assert finished.returncode == 1, (call, finished)
            assert finished.stderr.count(b"\n") == 2, finished.stderr
            assert b"ended by signal 9" in finished.stderr
        left(scenario, call)
        assert_clean(scenario, forked)


def test_interrupted_at_every_call(
    forked: Forked, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    scenario = SCENARIOS["rotate"]
    calls = chosen(points(forked, scenario, tmp_path / "trace"))
    record_property("rotate/interrupts", len(calls))
    for call in calls:
        scenario.restore()
        finished = struck(forked, scenario, call, "signal=INT")
        found, _ = left(scenario, call)
        if finished.returncode == 0:  # what it had to do was done
            assert found == scenario.after, call
        else:
            assert finished.returncode == 130, (call, finished.stderr)
            assert finished.stderr == (
                b"credhelper: error: interrupted\n"
                b"credhelper: hint: what was in the store is whole; run it again\n"
            ), call
        assert_clean(scenario, forked)


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


@pytest.mark.parametrize("verb", SCENARIOS)
def test_a_fault_at_every_call(
    verb: str,
    forked: Forked,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    scenario = SCENARIOS[verb]
    calls = [
        call for call in chosen(points(forked, scenario, tmp_path / "trace")) if call.name in FAULTS
    ]
    failed = 0
    for call in calls:
        scenario.restore()
        finished = struck(forked, scenario, call, f"error={FAULTS[call.name]}")
        told = finished.stderr.decode()
        case = (call, FAULTS[call.name], told)
        assert "Traceback" not in told, case
        found, plain = left(scenario, call)
        if finished.returncode == 0:  # a sweep, the journal: nothing that matters
            assert (found, plain) == (scenario.after, None), case
        else:
            failed += 1
            assert finished.returncode == 1, case
            if call.name == "write" and call.text.startswith("2, "):  # the status alone can tell
                assert (found, plain) == (scenario.after, None), case
                assert_clean(scenario, forked)
                continue
            done = plain or any(text in told for text in ("may come back", "standard output"))
            assert found in (scenario.before or {}, scenario.after if done else None), case
            error, hint = told.splitlines()[-2:]
            assert error.startswith("credhelper: error: "), case
            assert hint.startswith("credhelper: hint: "), case
        assert_clean(scenario, forked)
    record_property(f"{verb}/faults", len(calls))
    assert failed >= (2 if verb == "remove" else 4)

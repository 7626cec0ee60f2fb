# SPDX-License-Identifier: MIT
"""The power goes at any write of a verb, on real filesystems: nothing is lost, nothing is plain.

``make check-crashes`` examines every state; the suite a part of them, the same ones each time.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.real import power_cuts
from tests.real.power_cuts import FILESYSTEMS
from tests.real.scenarios import EVERY, SCENARIOS

MOST: Final = 1_000_000 if EVERY else 24
# before each call that makes something durable, and before the source is deleted: killed at each,
# one after the other, then run to the end
KILLS: Final = [
    *(f"fsync:signal=KILL:when={n}" for n in range(1, 8)),
    *(f"unlink,unlinkat:signal=KILL:when={n}" for n in range(1, 4)),
]

# in the suite: every verb on one filesystem, and on all of them what takes the longest way
EVERYWHERE: Final = {"add-the-first", "import-and-rotate"}
CASES: Final = [
    (kind, verb, killed)
    for kind in FILESYSTEMS
    for verb in SCENARIOS
    for killed in (False, True)
    if EVERY or kind == "ext4" or (verb in EVERYWHERE and killed)
]

pytestmark = pytest.mark.unmeasured


@pytest.mark.parametrize(
    ("kind", "verb", "killed"),
    CASES,
    ids=[f"{kind}-{verb}{'-again-after-kills' if killed else ''}" for kind, verb, killed in CASES],
)
def test_power_cut_at_every_write(
    kind: str,
    verb: str,
    killed: bool,
    scratch: Path,
    record_property: Callable[[str, object], None],
) -> None:
    filesystem, scenario = FILESYSTEMS[kind], SCENARIOS[verb]
    recording = power_cuts.record(filesystem, scenario, scratch, KILLS if killed else [])
    if killed:
        assert recording.statuses.count(-signal.SIGKILL) >= 1
    else:
        assert recording.statuses == [0]
    assert not power_cuts.written_plain(recording, scenario)
    states = recording.log.states(MOST)
    assert len(states) >= 8
    wrong = {
        state.label: problems
        for state in states
        if (problems := power_cuts.examined(recording, filesystem, scenario, scratch, state))
    }
    record_property(f"{verb}/{kind}", len(recording.seen))
    assert not wrong


@pytest.mark.parametrize("kind", FILESYSTEMS)
def test_a_flush_that_is_missing_would_be_seen(kind: str, scratch: Path) -> None:
    """Where fsync(2) does nothing, a source is gone before what it was sealed to is on the disk."""
    filesystem, scenario = FILESYSTEMS[kind], SCENARIOS["import"]
    recording = power_cuts.record(filesystem, scenario, scratch, [], always="fsync:retval=0")
    assert recording.statuses == [0]
    assert any(
        power_cuts.examined(recording, filesystem, scenario, scratch, state)
        for state in recording.log.states(MOST)
    )

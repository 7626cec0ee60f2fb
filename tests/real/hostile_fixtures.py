# SPDX-License-Identifier: MIT
"""Fixtures of the hostile-caller tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from credhelper.commands import sealing
from tests.real import hostile
from tests.real.conftest import STORE, Machine
from tests.real.hostile import EVIL, HACKED, OTHER_VALUE, Judge
from tests.real.running import VALUE


@pytest.fixture(scope="session")
def sealed_once(machine: Machine, users: None) -> dict[str, bytes]:
    """The product installed, and two sealed credentials, to be put back for each attack."""
    assert users is None
    assert machine.host_key
    hostile.install()
    return {
        "my_api_key": sealing.seal("my_api_key", VALUE.encode(), with_key="host"),
        "other": sealing.seal("other", OTHER_VALUE.encode(), with_key="host"),
    }


@pytest.fixture
def judge(machine: Machine, sealed_once: dict[str, bytes]) -> Iterator[Judge]:
    """A judge who has seen the place before the attack."""
    STORE.mkdir(0o700)
    for name, blob in sealed_once.items():
        (STORE / name).touch(0o600)
        (STORE / name).write_bytes(blob)
    hostile.prepare()
    drop_ins = hostile.granted()
    yield Judge(machine.written)
    for path in (EVIL, HACKED, *drop_ins):
        subprocess.run(["/bin/rm", "-rf", str(path)], check=True)

"""Fixtures that boot machines; a conftest.py imports the ones that its tests use.

    from tests.machines.fixtures import booted, machine

`machine` is a booted system with the product installed and an empty store, once with systemd 257
(trixie) and once with 262 (sid). It is booted once a session; each test gets it clean: the store,
/opt, /etc/sudoers.d, /tmp and the homes of alice and bob are empty, and `journal` starts anew.
See Machine for what it can do. A test that mounts, kills or replaces more than that puts it back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machines import nspawn, product
from tests.machines.machine import Machine

CONTAINERS = ("trixie", "sid")


@pytest.fixture(scope="session", params=CONTAINERS)
def booted(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine as it is after the installation, shared by all tests."""
    with nspawn.booted(request.param) as machine:
        product.install(machine)
        yield machine


@pytest.fixture
def machine(booted: Machine) -> Machine:
    """The booted machine, with nothing in it of the tests before."""
    booted.clean()
    return booted

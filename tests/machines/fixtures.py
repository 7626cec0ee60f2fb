# SPDX-License-Identifier: MIT
"""Fixtures that boot machines; a conftest.py imports the ones that its tests use.

    from tests.machines.fixtures import booted, machine

`machine` is a booted system with the product installed and an empty store, once with systemd 257
(trixie) and once with 262 (sid). It is booted once a session; each test gets it clean: the store,
/opt, /etc/sudoers.d, /tmp and the homes of alice and bob are empty, and `journal` starts anew.
See Machine for what it can do. A test that mounts, kills or replaces more than that puts it back.
"""

from __future__ import annotations

import sysconfig
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.machines import nspawn, product, qemu, roots
from tests.machines.machine import USERS, Machine

CONTAINERS = ("trixie", "sid")
# for pytest.mark.parametrize("booted", EVERY_SYSTEMD, indirect=True): 252 or what this system has,
# without a PID 1 and a journal; 257; 262
EVERY_SYSTEMD = ("host", *CONTAINERS)


@pytest.fixture(scope="session", params=CONTAINERS)
def booted(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine as it is after the installation, shared by all tests; "vm" is the virtual one."""
    with qemu.booted() if request.param == "vm" else nspawn.booted(request.param) as machine:
        if request.param == "host":
            _furnish_host(machine)
        product.install(machine)
        machine.run(["/usr/bin/sync"], check=True)  # it is to outlive a power cut
        machine.systemd = machine.run(["/usr/bin/systemd-creds", "--version"]).stdout.split()[1]
        yield machine


@pytest.fixture
def machine(booted: Machine, record_property: Callable[[str, object], None]) -> Machine:
    """The booted machine, with nothing in it of the tests before."""
    record_property("machine", f"{booted.name} {booted.systemd}")  # for report.py
    booted.clean()
    return booted


def _furnish_host(machine: Machine) -> None:
    """What the recipes give to the other roots; all of it on the overlay."""
    libraries = sysconfig.get_path("purelib")  # rich and dotenv, where the tests run
    sites = f"{roots.FEDORA_SITE}{libraries}\n"
    machine.write("/usr/lib/python3/dist-packages/fedora-site.pth", sites)
    machine.write("/etc/machine-id", f"{uuid.uuid4().hex}\n", mode=0o444)
    machine.run(["/usr/bin/rm", "-f", "/var/lib/systemd/credential.secret"], check=True)
    for user in USERS:
        useradd = ["/usr/sbin/useradd", "--create-home", "--shell=/bin/bash", user]
        machine.run(useradd, check=True)

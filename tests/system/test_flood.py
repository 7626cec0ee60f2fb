# SPDX-License-Identifier: MIT
"""A caller who floods the journal from her unit, with journald's default limits, is on record."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.machines import nspawn, product
from tests.machines.fixtures import CONTAINERS
from tests.machines.machine import Machine
from tests.real.test_log import audit_enabled

CREDHELPER: Final = "/usr/bin/credhelper"
RUN: Final = "/usr/bin/credhelper-decrypt-run"
KEY: Final = "key_of_the_flooded"  # the kernel's records are the whole host's
JOURNALD: Final = ("systemd-journald.service", "*journald*.socket")
POLICY: Final = f"alice ALL=(root) NOPASSWD: {RUN}\n"
FLOOD: Final = "yes flood | head -n 60000 | systemd-cat -t flood"  # a few times the limit
# systemd-nspawn lets nothing inside have to do with the kernel's audit: this enters from outside
IN_HER_UNIT: Final = """\
echo $$ >/sys/fs/cgroup/system.slice/hers.service/cgroup.procs || exit 9
exec setpriv --reuid=alice --regid=alice --init-groups -- /bin/sh -c "$1"
"""


@contextmanager
def listening(machine: Machine) -> Iterator[None]:
    """A journald with its own limits in place of the tests' machines', and the kernel's audit."""
    before = audit_enabled()
    machine.run(["/usr/bin/rm", "/etc/systemd/journald.conf.d/tests.conf"], check=True)
    machine.write("/etc/systemd/journald.conf.d/audit.conf", "[Journal]\nAudit=yes\n")
    machine.run(["/usr/bin/systemctl", "mask", "--runtime", "--now", *JOURNALD[:1]], check=True)
    machine.run(["/usr/bin/systemctl", "stop", *JOURNALD[1:]], check=True)
    machine.run(["/usr/bin/rm", "-f", "/run/systemd/journal/socket"], check=True)
    audit_enabled(1)  # which nobody in a container can do
    assert isinstance(machine.transport, nspawn.Container)
    argv = machine.transport.entering(["/usr/lib/systemd/systemd-journald"])
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as journald:
        try:
            ready = "until [ -S /run/systemd/journal/socket ]; do sleep 0.01; done"
            machine.run(["/bin/sh", "-c", ready], check=True)
            yield
        finally:
            journald.terminate()
            audit_enabled(before)


@pytest.mark.parametrize("root", CONTAINERS)
def test_what_she_runs_is_shown(root: str, record_property: Callable[[str, object], None]) -> None:
    with nspawn.booted(root) as machine:
        product.install(machine)
        machine.systemd = machine.run(["/usr/bin/systemd-creds", "--version"]).stdout.split()[1]
        record_property("machine", f"{machine.name} {machine.systemd}")
        machine.run([CREDHELPER, "add", KEY, "--with-key=host"], input="sk-secret-1", check=True)
        machine.write("/opt/job.py", "print('ran')")
        machine.write("/etc/sudoers.d/alice", POLICY, mode=0o440)
        with listening(machine):
            unit = ["--quiet", "--unit=hers", "--uid=alice", "/usr/bin/sleep", "infinity"]
            machine.run(["/usr/bin/systemd-run", *unit], check=True)
            hers = ["/bin/sh", "-c", IN_HER_UNIT, "sh"]
            machine.run([*hers, FLOOD], check=True)
            machine.run(["/usr/bin/journalctl", "--sync"], check=True)
            ran = machine.run([*hers, f"exec sudo -n {RUN} -c {KEY} /opt/job.py"], check=True)
            assert ran.stdout == "ran\n"
            run = "MESSAGE_ID=7c1f3a52e0d94b0d8a6e5f1b92c4d3e7"
            assert machine.journal(run, everything=True) == []  # she kept it out
            log = machine.run([CREDHELPER, "log", KEY, "--json"], check=True)
            (shown,) = [r for r in json.loads(log.stdout)["records"] if r["event"] == "run"]
    assert (shown["invoking_user"], shown["script"]) == ("alice", "/opt/job.py")

# SPDX-License-Identifier: MIT
"""The Ansible collection over booted machines: systemd 252, 257 and 262 twice, through real SSH."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest

from tests.machines import fleet
from tests.machines.fleet import Fleet, Played
from tests.machines.machine import Machine

MODULE = "credhelper.credhelper"
KEY = "sk-live-5fQwErTy0123456789"
PASSWORD = "correct horse battery staple"
VALUES = {"my_api_key": KEY, "database_password": PASSWORD}
STORE = "/etc/credstore.encrypted"


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The machines, and the controller's directory."""
    with fleet.booted(tmp_path_factory.mktemp("controller") / "home") as machines:
        yield machines


@pytest.fixture
def hosts(booted: Fleet) -> Fleet:
    """The machines with empty stores."""
    for machine in booted.machines.values():
        machine.clean()
    return booted


def put(**parameters: Any) -> dict[str, Any]:
    """A task that has credentials on a host."""
    return {f"{MODULE}.credential": {"values": VALUES, **parameters}}


def changed(played: Played) -> dict[str, int]:
    """How many tasks changed something, by host; none may have failed."""
    assert played.status == 0, played.out + played.err
    return {host: counts["changed"] for host, counts in played.recap.items()}


def stored(machine: Machine, name: str) -> str:
    """What systemd-creds on the machine itself finds in a credential."""
    argv = ["/usr/bin/systemd-creds", "decrypt", "--newline=no", f"{STORE}/{name}", "-"]
    return machine.run(argv, check=True).stdout


def shown(machine: Machine) -> dict[str, tuple[str, str]]:
    """Mode and owner of each file in the store, by name."""
    listed = machine.run(["/usr/bin/find", STORE, "-type", "f", "-printf", "%f %m %u:%g\n"]).stdout
    return {name: (mode, owner) for name, mode, owner in map(str.split, listed.splitlines())}


def test_sealed_on_each_host_once(hosts: Fleet) -> None:
    """Values are there on every host; a second run changes nothing."""
    assert changed(hosts.play([put()])) == dict.fromkeys(hosts.machines, 1)
    before = {name: blobs(machine) for name, machine in hosts.machines.items()}
    for machine in hosts.machines.values():
        assert shown(machine) == dict.fromkeys(VALUES, ("600", "root:root"))
        assert {name: stored(machine, name) for name in VALUES} == VALUES
    assert changed(hosts.play([put()])) == dict.fromkeys(hosts.machines, 0)
    assert {name: blobs(machine) for name, machine in hosts.machines.items()} == before
    assert len({blob["my_api_key"] for blob in before.values()}) == len(before)  # keys of their own


def blobs(machine: Machine) -> dict[str, bytes]:
    """The sealed files, by name."""
    return {name: machine.read(f"{STORE}/{name}") for name in shown(machine)}


def test_check_mode_and_diff_tell_without_doing(hosts: Fleet) -> None:
    """The plan without a change and without a value."""
    played = hosts.play([put()], "--check", "--diff", hosts="host1")
    assert changed(played) == {"host1": 1}
    assert "+my_api_key: added" in played.out
    assert KEY not in played.out + played.err
    assert shown(hosts.machines["host1"]) == {}


def test_removed_once(hosts: Fleet) -> None:
    """state=absent takes it away, and then changes nothing."""
    hosts.play([put()], hosts="host2")
    gone = {f"{MODULE}.credential": {"name": "my_api_key", "state": "absent"}}
    assert changed(hosts.play([gone], hosts="host2")) == {"host2": 1}
    assert changed(hosts.play([gone], hosts="host2")) == {"host2": 0}
    assert list(shown(hosts.machines["host2"])) == ["database_password"]


def test_facts_and_findings(hosts: Fleet) -> None:
    """What is there, and what is wrong with it; the task fails at the severity asked for."""
    hosts.play([put()], hosts="host1")
    hosts.machines["host1"].run(["/usr/bin/chmod", "0644", f"{STORE}/my_api_key"], check=True)
    tasks: list[dict[str, Any]] = [
        {f"{MODULE}.credential_info": {"verify": True}, "register": "store"},
        {f"{MODULE}.check": {"fail_at": "never"}},
        {
            "ansible.builtin.assert": {
                "that": [
                    "store.credentials | map(attribute='name') | sort | join(' ') == "
                    "'database_password my_api_key'",
                    "credhelper_check.findings | map(attribute='subject') "
                    "| select('search', 'my_api_key') | length > 0",
                ]
            }
        },
    ]
    assert changed(hosts.play(tasks, hosts="host1")) == {"host1": 0}
    failing = hosts.play([{f"{MODULE}.check": {"fail_at": "note"}}], hosts="host1")
    assert failing.recap["host1"]["failed"] == 1
    assert "my_api_key" in failing.out


def test_one_table_of_many_hosts(hosts: Fleet) -> None:
    """By the playbook, for the hosts of a pattern; a host that is not reached is in it too."""
    hosts.play([put()], hosts="host1")
    user = hosts.machines["host1"]
    user.write("/opt/jobs/use.py", "import credhelper; credhelper.load('my_api_key')\n", 0o755)
    run = ["/usr/bin/credhelper-decrypt-run", "-c", "my_api_key", "/opt/jobs/use.py"]
    user.run(run, check=True)
    dead = hosts.machines["host4"]
    dead.run(["/usr/bin/systemctl", "stop", fleet.SSHD_UNIT], check=True)
    page = hosts.directory / "report.html"
    asked = json.dumps({"credhelper_hosts": "host1:host4", "credhelper_report": str(page)})
    played = hosts.run(f"{MODULE}.report", "-e", asked)
    start_sshd(dead, hosts.ports["host4"])
    assert played.recap["host4"]["unreachable"] == 1
    assert played.recap["localhost"]["failed"] == 0, played.out
    text = page.read_text()
    assert "2 credentials on 1 host, " in text
    assert "1 not reached" in text
    assert re.search(r"<td>my_api_key</td>.*<td>20[0-9T:+-]+</td>", text)
    assert KEY not in text


def start_sshd(machine: Machine, port: int) -> None:
    machine.run(["/usr/bin/systemctl", "reset-failed", fleet.SSHD_UNIT])  # where it was killed
    unit = ["/usr/bin/systemd-run", "--quiet", f"--unit={fleet.SSHD_UNIT}", *fleet.sshd(port)]
    machine.run(unit, check=True)


def test_resealed_only_where_bound_to_another_key(hosts: Fleet) -> None:
    """From the null key to the host key; then there is nothing to do."""
    hosts.play([put(with_key="null")], hosts="host3")
    task = {f"{MODULE}.reseal": {"with_key": "host"}}
    assert changed(hosts.play([task], hosts="host3")) == {"host3": 1}
    assert changed(hosts.play([task], hosts="host3")) == {"host3": 0}
    assert stored(hosts.machines["host3"], "my_api_key") == KEY


def test_the_role(hosts: Fleet) -> None:
    """The store, a set of credentials and the timer; a second run changes nothing."""
    variables = {"credhelper_package": "", "credhelper_values": VALUES}
    play = {"roles": [f"{MODULE}.credhelper"], "vars": variables, "become": True}
    first = hosts.play([], play=play, hosts="host2:host3")
    assert first.status == 0, first.out + first.err
    assert changed(hosts.play([], play=play, hosts="host2:host3")) == {"host2": 0, "host3": 0}
    machine = hosts.machines["host3"]
    timer = ["/usr/bin/systemctl", "is-active", "credhelper-check.timer"]
    assert machine.run(timer).stdout == "active\n"
    machine.run(["/usr/bin/systemctl", "start", "credhelper-check.service"])
    said = machine.journal("_SYSTEMD_UNIT=credhelper-check.service")
    assert any("host key" in str(record["MESSAGE"]) for record in said)


@pytest.mark.parametrize(
    ("environment", "keywords"),
    [({"ANSIBLE_KEEP_REMOTE_FILES": "1"}, {}), ({}, {"async": 10, "poll": 1})],
)
def test_nothing_is_sent_where_it_would_be_written(
    hosts: Fleet, environment: Mapping[str, str], keywords: Mapping[str, int]
) -> None:
    """Ansible would write the module with its arguments into a file: refused."""
    played = hosts.play([{**put(), **keywords}], hosts="host1", environment=environment)
    assert played.recap["host1"]["failed"] == 1
    assert "pipelining" in played.out or "async" in played.out
    assert shown(hosts.machines["host1"]) == {}


def test_the_value_is_nowhere(hosts: Fleet) -> None:
    """Not in what is printed at -vvvv, on no disk, in no journal and in no process list."""
    machine = hosts.machines["host4"]
    with Watched(machine) as watched:
        played = hosts.play([put()], "-vvvv", hosts="host4")
    assert changed(played) == {"host4": 1}
    assert watched.looks > 3
    assert not watched.seen
    for value in VALUES.values():
        assert value not in played.out + played.err
        grep = ["/usr/bin/grep", "-rlaF", "--", value]
        kept = subprocess.run([*grep, str(hosts.directory)], capture_output=True, text=True)
        assert kept.stdout == f"{hosts.directory}/playbook.json\n"  # where this test wrote it
        there = machine.run([*grep, "/root", "/tmp", "/var", "/etc", "/run", "/dev/shm"])
        assert there.stdout == ""
        assert value not in json.dumps(machine.journal(everything=True))


def controller() -> str:
    """The command lines and environments of all processes here."""
    found = []
    for kind in ("cmdline", "environ"):
        for path in Path("/proc").glob(f"[0-9]*/{kind}"):
            with contextlib.suppress(OSError):
                found.append(path.read_text(errors="replace"))
    return "".join(found)


class Watched:
    """Looks for the values in the command lines and environments of a machine, again and again."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.looks = 0
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        """On the machine, and here: the controller, which sees the machines' processes too."""
        program = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        while not self._end.is_set():
            there = self._machine.run(["/bin/sh", "-c", program]).stdout + controller()
            self.looks += 1
            self.seen += [value for value in VALUES.values() if value in there]


def test_a_host_that_dies_and_a_full_disk_leave_nothing_half(hosts: Fleet) -> None:
    """The rotation stops at them; run again when they are back, it finishes."""
    hosts.play([put()])
    new = {name: f"{value}-new" for name, value in VALUES.items()}
    variables = {"credhelper_values": new, "credhelper_batch": 1}
    full = hosts.machines["host2"]
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", STORE]
    before = blobs(full)
    full.run(mount, check=True)
    dead = hosts.machines["host4"]
    dead.run(["/usr/bin/systemctl", "stop", fleet.SSHD_UNIT], check=True)
    rotate = [f"{MODULE}.rotate", "-e", json.dumps(variables)]
    played = hosts.run(*rotate)
    assert played.status != 0
    assert [stored(hosts.machines["host1"], name) for name in new] == list(new.values())
    full.run(["/usr/bin/umount", STORE], check=True)
    assert blobs(full) == before  # not half of it
    assert [stored(hosts.machines["host3"], name) for name in VALUES] == list(VALUES.values())
    start_sshd(dead, hosts.ports["host4"])
    assert hosts.run(*rotate).status == 0
    for machine in hosts.machines.values():
        assert [stored(machine, name) for name in new] == list(new.values())
    assert changed(hosts.run(*rotate)) == dict.fromkeys(hosts.machines, 0)


def test_a_host_that_dies_while_it_puts_has_all_or_nothing(hosts: Fleet) -> None:
    """What was there is whole, the others have the new values, and a second run finishes it."""
    dying = hosts.machines["host4"]
    old = {f"key_{number}": f"{KEY}-{number}" for number in range(20)}
    new = {name: f"{value}-new" for name, value in old.items()}
    hosts.play([put(values=old)], hosts="host3:host4")
    killing = (
        "until pkill -KILL -f '[c]redhelper put'; do sleep 0.02; done; "
        f"systemctl kill --signal=KILL {fleet.SSHD_UNIT}; pkill -KILL sshd"
    )
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(dying.run, ["/bin/sh", "-c", killing])
        played = hosts.play([put(values=new)], hosts="host3:host4")
        killed.result()
    assert played.recap["host3"]["changed"] == 1
    assert played.recap["host4"]["unreachable"] + played.recap["host4"]["failed"] == 1, played.out
    assert all(stored(dying, name) in (old[name], new[name]) for name in old)
    start_sshd(dying, hosts.ports["host4"])
    assert changed(hosts.play([put(values=new)], hosts="host3:host4")) == {"host3": 0, "host4": 1}
    for machine in (hosts.machines["host3"], dying):
        assert {name: stored(machine, name) for name in new} == new
        assert set(shown(machine)) == set(new)


def test_a_wrong_vault_password_changes_nothing(hosts: Fleet, tmp_path: Path) -> None:
    """The values are never had, and no host is asked."""
    vault = tmp_path / "values.json"
    vault.write_text(json.dumps({"credhelper_values": VALUES}))
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("right\n")
    wrong.write_text("wrong\n")
    encrypt = [f"{fleet.SCRIPTS}/ansible-vault", "encrypt", f"--vault-password-file={right}"]
    subprocess.run([*encrypt, str(vault)], check=True, capture_output=True, env=hosts.environment())
    rotate = [f"{MODULE}.rotate", "-e", f"@{vault}"]
    refused = hosts.run(*rotate, f"--vault-password-file={wrong}")
    assert refused.status != 0
    assert "Decryption failed" in refused.out + refused.err
    assert all(shown(machine) == {} for machine in hosts.machines.values())
    assert hosts.run(*rotate, f"--vault-password-file={right}").status == 0
    assert all(stored(machine, "my_api_key") == KEY for machine in hosts.machines.values())


def test_a_grant_is_there_once_and_gone_once(hosts: Fleet) -> None:
    """A group may run one script, which alone has its key; both are taken back again."""
    machine = hosts.machines["host2"]
    machine.write("/opt/jobs/report.py", "print('report')\n", 0o755)
    asked = {"script": "/opt/jobs/report.py", "users": ["alice"], "credentials": ["my_api_key"]}
    grant = {f"{MODULE}.grant": asked}
    assert changed(hosts.play([put(), grant], "--check", hosts="host2")) == {"host2": 2}
    assert changed(hosts.play([put(), grant], hosts="host2")) == {"host2": 2}
    assert changed(hosts.play([grant], hosts="host2")) == {"host2": 0}
    listed = machine.run(["/usr/bin/sudo", "-l", "-U", "alice"], check=True).stdout
    assert "/opt/jobs/report.py" in listed
    allowed = machine.run(["/usr/bin/credhelper", "allow", "my_api_key"], check=True).stdout
    assert allowed == "my_api_key: /opt/jobs/report.py\n"
    gone = {f"{MODULE}.grant": {**asked, "state": "absent"}}
    assert changed(hosts.play([gone], hosts="host2")) == {"host2": 1}
    assert changed(hosts.play([gone], hosts="host2")) == {"host2": 0}
    assert "report.py" not in machine.run(["/usr/bin/sudo", "-l", "-U", "alice"]).stdout
    machine.run(["/usr/bin/credhelper", "allow", "my_api_key", "--any"], check=True)

# SPDX-License-Identifier: MIT
"""Many machines: the collection against what people use today, and a fleet of hundreds.

``sudo make bench-fleet`` writes benchmarks/fleet.md. Four booted systems (252, 257, 262 twice) are
reached through SSH on loopback; all of it, the hosts too, shares this machine's processors.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tests.machines import fleet
from tests.machines.fleet import Fleet

HERE: Final = Path(__file__).parent
COMMUNITY: Final = HERE.parent / "build/community"  # where pip put community.general
STORE: Final = "/etc/credstore.encrypted"
FORKS: Final = 20

PAGE: Final = """\
# Many machines

Written by `sudo make bench-fleet`; do not edit. Four booted systems (systemd 252, 257, 262 twice),
reached by ansible-core {core} through SSH on loopback, on {processors} processors, which the hosts
share. The loop is `community.general.systemd_creds_encrypt` and `ansible.builtin.copy`, as its
documentation shows it, with pipelining.

| {credentials} credentials on 4 hosts | seconds | changed the second time |
| --- | --- | --- |
| `credhelper.credhelper.credential`, one task | {ours:.1f} | 0 |
| the same again | {again:.1f} | |
| the loop, {looped} of them | {loop:.1f} | {loop_changed} of {looped} on each host |
| the loop, {credentials} of them, by its rate | {loop_all:.0f}, {ratio:.0f} times | |

| {hosts} hosts, {forks} connections at a time, one credential each | |
| --- | --- |
| first run, seconds for one host | {fleet_first:.2f} |
| second run, which changes nothing | {fleet_again:.2f} |
| memory of the controller at its peak | {memory:.0f} MB, {memory_host:.1f} for each connection |

The {hosts} hosts are names of the four systems, so that their work is in the times as well.
"""


@dataclass
class Watched:
    """The most memory (PSS, bytes) that this process's descendants had together."""

    peak: int = 0

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.5):
            self.peak = max(self.peak, sum(map(_pss, _controllers())))


def _controllers() -> list[int]:
    """The processes of ansible-playbook and its connections."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(b"ansible-playbook" in word for word in words[:2]) or words[0].endswith(b"ssh"):
            found.append(int(entry.name))
    return found


def _pss(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(rollup.partition("\nPss:")[2].split()[0]) * 1024


def played(
    machines: Fleet, tasks: Sequence[Mapping[str, Any]], *options: str, hosts: str = "all"
) -> tuple[float, dict[str, dict[str, int]]]:
    """Seconds that the tasks took, and what they did on each host."""
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": f"{machines.directory}/collections:{COMMUNITY}",
        "ANSIBLE_PIPELINING": "1",
    }
    began = time.monotonic()
    done = machines.play(tasks, *options, hosts=hosts, environment=environment)
    seconds = time.monotonic() - began
    if done.status:
        raise SystemExit(done.out[-4000:] + done.err[-4000:])
    return seconds, done.recap


def unchanged(recap: Mapping[str, Mapping[str, int]]) -> None:
    """Ends the benchmark where a second run changed something."""
    if any(counts["changed"] for counts in recap.values()):
        raise SystemExit(f"changed again: {recap}")


def ours(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"credhelper.credhelper.credential": {"values": dict(values), "with_key": "host"}}]


def looped(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each value sealed on the host, sent back, and copied to it."""
    return [
        {
            "community.general.systemd_creds_encrypt": {
                "name": "{{ item.key }}",
                "secret": "{{ item.value }}",
            },
            "loop": [{"key": name, "value": value} for name, value in values.items()],
            "register": "sealed",
            "no_log": True,
        },
        {
            "ansible.builtin.copy": {
                "content": "{{ item.value }}",
                "dest": f"{STORE}/{{{{ item.item.key }}}}",
                "mode": "0600",
            },
            "loop": "{{ sealed.results }}",
            "no_log": True,
        },
    ]


def compared(machines: Fleet, credentials: int, few: int) -> dict[str, Any]:
    values = {f"key_{number:03}": os.urandom(16).hex() for number in range(credentials)}
    some = dict(list(values.items())[:few])
    first, _ = played(machines, ours(values))
    again, recap = played(machines, ours(values))
    unchanged(recap)
    for machine in machines.machines.values():
        machine.clean()
    loop, _ = played(machines, looped(some))
    _, recap = played(machines, looped(some))
    changed = recap["host1"]["changed"]
    rate = loop / few * credentials
    return {
        "credentials": credentials,
        "looped": few,
        "ours": first,
        "again": again,
        "loop": loop,
        "loop_changed": few if changed else 0,
        "loop_all": rate,
        "ratio": rate / first,
    }


def hundreds(machines: Fleet, hosts: int) -> dict[str, Any]:
    """So many names of the same machines, each with a credential of its own."""
    place = machines.directory / "inventory.json"
    inventory = json.loads(place.read_text())
    four = list(inventory["all"]["hosts"].values())
    inventory["all"]["hosts"] = {f"web{n:03}": four[n % len(four)] for n in range(hosts)}
    place.write_text(json.dumps(inventory))
    own = {"name": "{{ inventory_hostname }}", "value": "sk-of-{{ inventory_hostname }}"}
    task = [{"credhelper.credhelper.credential": {**own, "with_key": "host"}}]
    with Watched() as watched:
        first, _ = played(machines, task, f"--forks={FORKS}")
    again, recap = played(machines, task, f"--forks={FORKS}")
    unchanged(recap)
    return {
        "hosts": hosts,
        "forks": FORKS,
        "fleet_first": first / hosts,
        "fleet_again": again / hosts,
        "memory": watched.peak / 1e6,
        "memory_host": watched.peak / 1e6 / FORKS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--credentials", type=int, default=200)
    parser.add_argument("--looped", type=int, default=20, help="so many of them by the loop")
    parser.add_argument("--hosts", type=int, default=500)
    asked = parser.parse_args()
    fleet.PLAYBOOK_SECONDS = 3600
    with (
        tempfile.TemporaryDirectory() as scratch,
        fleet.booted(Path(scratch) / "controller") as machines,
    ):
        core = machines.run("--version").out.split("core ")[1].split("]")[0]
        figures = {
            **compared(machines, asked.credentials, asked.looped),
            **hundreds(machines, asked.hosts),
        }
    page = PAGE.format(core=core, processors=os.cpu_count(), **figures)
    (HERE / "fleet.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()

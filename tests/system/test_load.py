# SPDX-License-Identifier: MIT
"""Many credentials, many runs: still quick, and nothing is left over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.machines.machine import Machine

CREDHELPER = "/usr/bin/credhelper"
RUN = "/usr/bin/credhelper-decrypt-run"
STORE = "/etc/credstore.encrypted"
CREDENTIALS = 1000
DECLARED = 100
RUNS = 500
VALUE_BYTES = 100_000  # of each run side by side: what stays of them would show in the memory

FILL = f"""
import subprocess
from concurrent.futures import ThreadPoolExecutor
def seal(number):
    name = f"key-{{number:04}}"
    argv = ["/usr/bin/systemd-creds", "encrypt", "--with-key=host", f"--name={{name}}", "-"]
    value = f"value of {{name}}".encode()
    subprocess.run([*argv, "{STORE}/" + name], input=value, check=True, capture_output=True)
    return name
with ThreadPoolExecutor(4) as pool:
    list(pool.map(seal, range({CREDENTIALS})))
"""
SIDE_BY_SIDE = f"""
import subprocess
argv = ["{RUN}", "-c", "large", "/opt/jobs/length.py"]
running = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range({RUNS})]
answers = [(one.communicate()[0], one.returncode) for one in running]
assert answers == [(b"{VALUE_BYTES}\\n", 0)] * {RUNS}, set(answers)
"""

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Usage:
    """What a machine uses while nothing runs in it."""

    processes: tuple[str, ...]
    mounts: int
    descriptors: int
    shared_memory: int  # files in /dev/shm, /run and /tmp
    kept_pages: int  # bytes that cannot be swapped out: a ramfs, of the whole system


def usage(machine: Machine) -> Usage:
    names = machine.run(["/usr/bin/ps", "-e", "-o", "comm="], check=True).stdout.split()
    mounts = machine.read("/proc/1/mountinfo").count(b"\n")
    everywhere = ["/dev/shm", "/run/credentials", "/tmp"]
    files = machine.run(["/usr/bin/find", *everywhere, "-type", "f"]).stdout.count("\n")
    handles = machine.run(["/usr/bin/find", "/proc", "-path", "/proc/[0-9]*/fd/*"]).stdout
    memory = machine.read("/proc/meminfo").decode().split("Unevictable:")[1].split()[0]
    lasting = tuple(sorted(name for name in names if name not in {"ps", "setpriv"}))
    return Usage(lasting, mounts, handles.count("\n"), files, int(memory) << 10)


def assert_nothing_left(before: Usage, after: Usage) -> None:
    assert after.processes == before.processes
    assert after.mounts == before.mounts
    assert after.shared_memory == before.shared_memory
    assert abs(after.descriptors - before.descriptors) < 30  # the journal's, now and then
    assert after.kept_pages - before.kept_pages < RUNS * VALUE_BYTES / 4


def timed(machine: Machine, argv: list[str], status: int = 0) -> tuple[float, str]:
    began = time.monotonic()
    done = machine.run(argv, timeout=300)
    took = time.monotonic() - began
    assert done.returncode == status, done.stdout[-2000:] + done.stderr[-2000:]
    return took, done.stdout


def test_a_thousand_credentials(machine: Machine, record_property: Record) -> None:
    machine.run(["/usr/bin/python3", "-I", "-c", FILL], timeout=300, check=True)
    machine.run(["/usr/bin/chmod", "-R", "go=", STORE], check=True)
    before = usage(machine)

    took, listed = timed(machine, [CREDHELPER, "list", "--json"])
    assert len(json.loads(listed)["credentials"]) == CREDENTIALS
    record_property("list", f"{took:.2f} s")
    took, verified = timed(machine, [CREDHELPER, "list", "--json", "--verify"])
    assert not any(entry["problems"] for entry in json.loads(verified)["credentials"])
    record_property("list --verify", f"{took:.2f} s")
    took, _ = timed(machine, [CREDHELPER, "check", "--json"])
    record_property("check", f"{took:.2f} s")

    names = [f"key-{number * 7:04}" for number in range(DECLARED)]
    block = f"# /// script\n# [tool.credhelper]\n# credentials = {json.dumps(names)}\n# ///\n"
    body = f"import credhelper\nfor name in {names}:\n    print(len(credhelper.load(name)))\n"
    machine.write("/opt/jobs/many.py", block + body)
    took, printed = timed(machine, [RUN, "/opt/jobs/many.py"])
    assert printed == "17\n" * DECLARED
    record_property(f"a script that declares {DECLARED}", f"{took:.2f} s")
    assert_nothing_left(before, usage(machine))


def test_many_runs_side_by_side(machine: Machine, record_property: Record) -> None:
    machine.run([CREDHELPER, "add", "large", "--stdin"], input="v" * VALUE_BYTES, check=True)
    machine.write("/opt/jobs/length.py", "import credhelper\nprint(len(credhelper.load('large')))")
    timed(machine, [RUN, "-c", "large", "/opt/jobs/length.py"])
    before = usage(machine)
    took, _ = timed(machine, ["/usr/bin/python3", "-I", "-c", SIDE_BY_SIDE])
    record_property(f"{RUNS} runs", f"{took:.1f} s")
    assert_nothing_left(before, usage(machine))
    assert len(machine.journal("MESSAGE_ID=7c1f3a52e0d94b0d8a6e5f1b92c4d3e7")) == RUNS + 1

# SPDX-License-Identifier: MIT
"""The main job: an administrator adds a credential, an ordinary user runs a script with it."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.machines.machine import Machine

ROOT = Path(__file__).parents[2]
POOLS = ROOT / "tests/real/pool_cases.py"
CREDHELPER = "/usr/bin/credhelper"
RUN = "/usr/bin/credhelper-decrypt-run"
SUDO = "/usr/bin/sudo"


def test_every_unit_is_up(machine: Machine) -> None:
    assert machine.run(["/usr/bin/systemctl", "is-system-running"]).stdout == "running\n"


def test_added_credential_is_one_for_systemd(machine: Machine) -> None:
    added = machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input="s3cret-value\n")
    assert added.returncode == 0, added.stderr

    service = ["/usr/bin/systemd-run", "--quiet", "--pipe", "--wait"]
    service += ["--property=LoadCredentialEncrypted=my_api_key", "/usr/bin/sh", "-c"]
    shown = machine.run([*service, 'cat "$CREDENTIALS_DIRECTORY/my_api_key"'])
    assert (shown.returncode, shown.stdout) == (0, "s3cret-value"), shown.stderr


def test_the_service_of_the_readme_keeps_the_key_out_of_the_journal(machine: Machine) -> None:
    """As it stands there; then once more with its output kept, for what the script got."""
    key = "dummy-0123456789abcdef"
    readme = (ROOT / "README.md").read_text().partition("## From script to service\n")[2]
    unit = re.search(r"(?:^    .+\n)+", readme, re.MULTILINE)
    assert unit
    machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input=key, check=True)
    machine.write("/opt/jobs/report.py", (ROOT / "examples/report.py").read_bytes(), mode=0o755)
    machine.write("/run/systemd/system/report.service", dedent(unit[0]))
    start = ["/bin/sh", "-c", "systemctl daemon-reload && systemctl start --wait report.service"]
    started = machine.run(start)
    written = machine.journal("_SYSTEMD_UNIT=report.service", "+", "UNIT=report.service")
    assert started.returncode == 0, written
    assert written
    assert key not in str(machine.journal())

    kept = "[Service]\nStandardOutput=file:/run/report.out\n"
    machine.write("/run/systemd/system/report.service.d/kept.conf", kept)
    machine.run(start, check=True)
    assert f"with: Bearer {key}\n" in machine.read("/run/report.out").decode()
    left = ["/run/systemd/system/report.service", "/run/systemd/system/report.service.d"]
    machine.run(["/bin/rm", "-r", "/run/report.out", *left], check=True)


def test_no_library_takes_the_place_of_a_closed_standard_stream(machine: Machine) -> None:
    closed = ["/bin/sh", "-c", 'exec "$@" <&-', "sh"]
    added = machine.run([*closed, CREDHELPER, "add", "my_api_key"])
    assert (added.returncode, added.stdout) == (1, "")
    assert added.stderr.startswith("credhelper: error: the value of my_api_key is empty\n")
    machine.write("/opt/streams.py", "import os; print(os.path.realpath('/proc/self/fd/0'))")
    assert machine.run([*closed, RUN, "/opt/streams.py"]).stdout == "/dev/null\n"


# what a run imports: a new one is a conscious choice, for each costs a hundredth of the run
LIBRARY = """
    digest envelope errors hostkey loading name process recording secret store unsealing
""".split()
OF_COMMANDS = """
    audit escapers grants kernel literals messages metadata ordinary parts script
    spellings trust
""".split()
OF_RUN = """
    compiling delivery environment handover hardening identity interpreter launcher options
    planning python target workers
""".split()
MASKING = "forms gaps masker openings shortened tracers vocabulary".split()
IMPORTED = {
    *("credhelper", "credhelper.commands", "credhelper.commands.run"),
    "credhelper.commands.run.masking",
    *(f"credhelper.{name}" for name in LIBRARY),
    *(f"credhelper.commands.{name}" for name in OF_COMMANDS),
    *(f"credhelper.commands.run.{name}" for name in OF_RUN),
    *(f"credhelper.commands.run.masking.{name}" for name in MASKING),
    *"__future__ _bisect _ctypes _sha2 _socket atexit binascii gc itertools pwd".split(),
    *"resource select".split(),
}
SCRIPT = """\
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
import sys
from credhelper import load
assert load("my_api_key") == "s3cret-value"
print(*sys.modules)
"""


def test_a_run_imports_nothing_that_is_slow(machine: Machine) -> None:
    machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input="s3cret-value\n", check=True)
    machine.write("/opt/modules.py", SCRIPT)
    plain = machine.run(["/usr/bin/python3", "-I", "-c", "import sys; print(*sys.modules)"])
    ran = machine.run([RUN, "/opt/modules.py"], check=True)
    new = set(ran.stdout.split()) - set(plain.stdout.split())
    assert new <= IMPORTED


def test_workers_of_process_pools_are_masked(machine: Machine) -> None:
    """With the start methods as this Python has them."""
    machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input="s3cret-value-1\n", check=True)
    machine.write("/opt/pools.py", POOLS.read_text(), mode=0o755)
    ran = machine.run([RUN, "/opt/pools.py", "spawn", "forkserver"], check=True)
    assert "s3cret-value-1" not in ran.stdout + ran.stderr
    for method in ("spawn", "forkserver"):
        assert f"{method} executor [credential my_api_key]" in ran.stdout
        assert f"RuntimeError: {method} fails [credential my_api_key]" in ran.stderr


INTERPRETERS = """\
from concurrent.futures import InterpreterPoolExecutor
from credhelper import load
with InterpreterPoolExecutor(1, initializer=print, initargs=["begins", load("my_api_key")]) as pool:
    pool.submit(print, "works", load("my_api_key")).result()
    print(pool.submit(load, "my_api_key").result(), "is back")
    print(repr(pool.submit(int, load("my_api_key")).exception()))
"""


@pytest.mark.parametrize("booted", ["sid"], indirect=True)  # Python 3.14 is the first with them
def test_workers_that_are_interpreters_are_masked(machine: Machine) -> None:
    machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input="s3cret-value-1\n", check=True)
    machine.write("/opt/interpreters.py", INTERPRETERS)
    ran = machine.run([RUN, "-c", "my_api_key", "/opt/interpreters.py"], check=True)
    masked = "[credential my_api_key]"
    assert ran.stdout.splitlines()[-2:] == [
        f"{masked} is back",
        f"ValueError(\"invalid literal for int() with base 10: '{masked}'\")",
    ]
    assert f"begins {masked}\n" in ran.stdout
    assert f"works {masked}\n" in ran.stdout
    assert "s3cret-value-1" not in ran.stdout + ran.stderr


MONITORED = """\
import sys
from credhelper import load

mon, key = sys.monitoring, load("my_api_key")
kinds = ("LINE", "CALL", "PY_START", "PY_RETURN")

def told_of(kind):
    return lambda code, *_: print(kind, code.co_qualname, key)

def job():
    print("in the job", key)

mon.use_tool_id(2, "printing")
for kind in kinds:
    mon.register_callback(2, getattr(mon.events, kind), told_of(kind))
mon.set_events(2, sum(getattr(mon.events, kind) for kind in kinds))
job()
mon.set_events(2, 0)
print("end", key)
"""


def test_what_prints_of_each_event_is_told_of_the_script(machine: Machine) -> None:
    """Of masking, of which thousands could be told, it gets to see the entrance."""
    machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input="s3cret-value-1\n", check=True)
    machine.write("/opt/monitored.py", MONITORED)
    lines = machine.run([RUN, "-c", "my_api_key", "/opt/monitored.py"], check=True).stdout
    assert "s3cret-value-1" not in lines
    assert "LINE job [credential my_api_key]\n" in lines
    assert "in the job [credential my_api_key]\n" in lines
    assert lines.endswith("end [credential my_api_key]\n")
    assert lines.count("\n") < 60

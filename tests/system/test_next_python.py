# SPDX-License-Identifier: MIT
"""The main job on the next Python, 3.15, with systemd 262."""

from __future__ import annotations

import pytest

from tests.machines.machine import Machine

pytestmark = pytest.mark.parametrize("booted", ["next"], indirect=True)

CREDHELPER = "/usr/bin/credhelper"
RUNNER = "/usr/bin/credhelper-decrypt-run"
SCRIPT = """\
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
import multiprocessing
import subprocess
import sys
from concurrent.futures import InterpreterPoolExecutor

from credhelper import load

print(__name__, load("my_api_key"))

if __name__ == "__main__":
    print(sys.version_info[:2], "the key is", load("my_api_key"), flush=True)
    subprocess.run(["/bin/sh", "-c", "wc -c <$CREDENTIALS_DIRECTORY/my_api_key"], check=True)
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.apply(len, (load("my_api_key"),)))
        pool.apply(print, ("the worker has", load("my_api_key")))
        pool.close()
        pool.join()
    with InterpreterPoolExecutor(1) as executor:
        executor.submit(print, "the interpreter has", load("my_api_key")).result()
"""


def test_the_main_job(machine: Machine) -> None:
    python = ["/usr/bin/python3", "-c", "import sys; print(sys.version_info[:2])"]
    assert machine.run(python, check=True).stdout == "(3, 15)\n"
    add = [CREDHELPER, "add", "my_api_key", "--with-key=host"]
    machine.run(add, input="dummy-value-1", check=True)
    machine.write("/opt/report.py", SCRIPT, mode=0o755)
    ran = machine.run([RUNNER, "/opt/report.py"])
    assert ran.stderr == ""
    assert "(3, 15) the key is [credential my_api_key]\n" in ran.stdout
    assert "dummy-value-1" not in ran.stdout
    assert "\n13\n" in ran.stdout
    assert "__mp_main__ [credential my_api_key]\n" in ran.stdout
    assert ran.stdout.count("the worker has [credential my_api_key]\n") == 1
    assert ran.stdout.count("the interpreter has [credential my_api_key]\n") == 1
    [record] = machine.journal("MESSAGE_ID=7c1f3a52e0d94b0d8a6e5f1b92c4d3e7")
    assert record["CREDHELPER_SCRIPT"] == "/opt/report.py"


@pytest.mark.parametrize(
    "argv",
    [
        ["rotate", "my_api_key"],
        ["list", "--verify"],
        ["reseal", "--all"],
        ["check", "my_api_key"],
        ["log"],
        ["remove", "my_api_key", "--yes"],
    ],
    ids=lambda argv: argv[0],
)
def test_each_verb(machine: Machine, argv: list[str]) -> None:
    add = [CREDHELPER, "add", "my_api_key", "--with-key=host"]
    machine.run(add, input="dummy-value-1", check=True)
    done = machine.run(["/usr/bin/python3", "-W", "error", CREDHELPER, *argv], input="dummy-2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr

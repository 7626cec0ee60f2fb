# SPDX-License-Identifier: MIT
"""What the Pythons of the machines do with a script, a run does: 3.14's and 3.13's here.

With ``make check-cpython`` that of 3.15 as well, and all that ``tests/real`` runs by 3.11.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest

from tests.cpython import beside_python
from tests.cpython.scripts import ARGUMENTS, BESIDE, COMMANDS, INPUT, NEWER, SCRIPTS
from tests.machines.machine import Machine

ASKED: Final = os.environ.get("CREDHELPER_CPYTHON")
PYTHONS: Final = ("sid", "trixie", "next") if ASKED else ("sid", "trixie")
PLACE: Final = "/opt/scripts"


@pytest.mark.parametrize("booted", PYTHONS, indirect=True)
def test_it_does_what_python_does(machine: Machine) -> None:
    add = ["/usr/bin/credhelper", "add", "my_api_key", "--with-key=host"]
    machine.run(add, input="dummy-value-1", check=True)
    scripts = (SCRIPTS if ASKED else {}) | (NEWER if machine.name != "trixie" else {})
    files = {f"{at}.py": text for at, text in enumerate(scripts.values())}
    commands = {
        name: [file, *ARGUMENTS] for name, file in zip(scripts, files, strict=True)
    } | COMMANDS
    told = {"files": BESIDE | files, "input": INPUT.decode(), "commands": commands}
    machine.write(f"{PLACE}/program.py", Path(beside_python.__file__).read_text())
    words = ["/usr/bin/env", "-C", PLACE, "/usr/bin/python3", "-B", "program.py"]
    ran = machine.run(words, input=json.dumps(told), timeout=600, check=True)
    for name, (plain, runner) in json.loads(ran.stdout).items():
        assert runner == plain, name

# SPDX-License-Identifier: MIT
"""CPython's own tests on the Pythons of the machines, with the runner in the place of each.

A few modules of 3.14's are part of all tests; ``make check-cpython`` runs every one that starts a
Python, of 3.13, 3.14 and 3.15.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.cpython import comparison
from tests.machines import roots
from tests.machines.machine import Machine

PYTHONS: Final = {"sid": "3.14", "next": "3.15", "trixie": "3.13"}
FEW: Final = "test_atexit test_eof test_runpy".split()


def _cases() -> list[tuple[str, str]]:
    asked = os.environ.get("CREDHELPER_CPYTHON")
    if not asked:
        return [("sid", module) for module in FEW]
    return [
        (name, module)
        for name, version in PYTHONS.items()
        if asked in ("all", version)
        for module in comparison.modules(roots.root(name) / f"usr/lib/python{version}/test")
    ]


@pytest.mark.parametrize(("booted", "module"), _cases(), indirect=["booted"])
def test_what_fails_is_meant_to(machine: Machine, module: str) -> None:
    add = ["/usr/bin/credhelper", "add", "my_api_key", "--with-key=host"]
    machine.run(add, input="dummy-value-1", check=True)
    comparison.check(module, machine, "/opt/cpython")

# SPDX-License-Identifier: MIT
"""Tests inside booted systems; see tests/README.md."""

from __future__ import annotations

import os

import pytest

from tests.machines.fixtures import booted, machine

__all__ = ["booted", "machine"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Machines cannot be booted without root: say so, once."""
    del session
    if os.geteuid() != 0:
        pytest.exit("tests/system boots machines and needs root: sudo make check-system", 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest file is the first to start: with -n, it takes one worker for itself."""
    items.sort(key=lambda item: item.path.name != "test_virtual_machine.py")

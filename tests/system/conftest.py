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


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With -n, each machine is booted by one worker; the slowest is the first to start."""
    items.sort(key=lambda item: _machine(item) != "vm")
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_machine(item) or "none"))


def _machine(item: pytest.Item) -> str:
    return str(item.callspec.params.get("booted", "")) if hasattr(item, "callspec") else ""

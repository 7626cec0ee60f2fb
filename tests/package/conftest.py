# SPDX-License-Identifier: MIT
"""Tests of the built package; those of an installed one boot machines, which needs root."""

from __future__ import annotations

import os

import pytest

from tests.machines.fixtures import booted, machine

__all__ = ["booted", "machine"]


def pytest_configure() -> None:
    """One failure that says what to do, in place of one a test."""
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/package need root\nhint: sudo make check-package")

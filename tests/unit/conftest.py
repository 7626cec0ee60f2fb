# SPDX-License-Identifier: MIT
"""Unit tests see no credential of the machine on which they run, whoever runs them."""

from __future__ import annotations

import pytest

from credhelper import store
from credhelper.commands import private_groups


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Looks for the store where nothing is, and inherits nothing of a service."""
    nowhere = tmp_path_factory.getbasetemp() / "no-such-directory"
    searched = tuple(f"{nowhere}{directory}" for directory in store.SEARCHED)
    monkeypatch.setattr(store, "SEARCHED", searched)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def group_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are of a group that has others in it: who builds a package is often alone in theirs."""
    monkeypatch.setattr(private_groups, "is_private", lambda *_: False)

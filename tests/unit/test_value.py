# SPDX-License-Identifier: MIT
"""A prompt that is not there, and what an ordinary user is told."""

from __future__ import annotations

import os
import pty

import pytest

from credhelper import store
from credhelper.commands.cli import prompt
from credhelper.errors import NotPermitted, SystemdMissing


def test_without_systemd_ask_password(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master), os.fdopen(slave) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr(prompt, "ASK_PASSWORD", "/nowhere/systemd-ask-password")
        with pytest.raises(SystemdMissing, match="is missing"):
            prompt.typed("my_api_key")


def test_an_ordinary_user_is_told_how_a_script_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    error = store.failure(PermissionError(13, "Permission denied"), "/etc/credstore.encrypted")
    assert isinstance(error, NotPermitted)
    assert "sudo credhelper-decrypt-run" in error.hint

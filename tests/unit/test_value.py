# SPDX-License-Identifier: MIT
"""A source that changes under our hands, and a prompt that is not there."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from credhelper import store
from credhelper.commands.cli import prompt, value
from credhelper.errors import InvalidValue, NotPermitted, StoreFailed, SystemdMissing


def test_a_source_is_read_exactly_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"sk-1234\n")
    source = value.Source(str(path))
    assert source.value == b"sk-1234\n"
    source.delete()
    assert not path.exists()


@pytest.mark.parametrize("change", ["replaced", "appended", "linked"])
def test_a_source_that_changed_since_it_was_read_stays(tmp_path: Path, change: str) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"sk-1234")
    source = value.Source(str(path))
    if change == "appended":
        with path.open("ab") as file:
            file.write(b"more")
    else:
        path.rename(tmp_path / "aside")
        if change == "replaced":
            path.write_bytes(b"sk-1234")
        else:
            path.symlink_to("aside")
    with pytest.raises(StoreFailed, match="was changed meanwhile"):
        source.delete()
    assert path.exists()


def test_a_source_that_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"sk-1234")
    source = value.Source(str(path))
    path.unlink()
    with pytest.raises(StoreFailed, match="cannot be removed: No such file"):
        source.delete()


def test_no_descriptor_is_left_where_a_source_is_refused(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "missing"):
        with pytest.raises(InvalidValue):
            value.Source(str(path))
    assert os.listdir("/proc/self/fd") == before


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

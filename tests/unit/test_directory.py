# SPDX-License-Identifier: MIT
"""A locked directory, and the keys of a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import credhelper
from credhelper import store
from credhelper.commands.directory import Change, opened
from credhelper.commands.signals import ENDING

HOLDING = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from credhelper import store
from credhelper.commands.directory import opened
store.directory_danger = lambda status: ""  # fake: these tests need not run as root
with opened(sys.argv[2], 0o600):
    os.kill(os.getpid(), signal.SIGTSTP)
    print("at work", flush=True)
print("ended", flush=True)
"""


def test_control_z_waits_until_others_may_change_it(tmp_path: Path) -> None:
    source = Path(credhelper.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-I", "-c", HOLDING, source, tmp_path],
        stdout=subprocess.PIPE,
        process_group=0,  # one that is orphaned (setpgid(2)) nothing stops
    ) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert process.stdout
        assert process.stdout.readline() == b"at work\n"
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.readline() == b"ended\n"


def test_signals_are_as_before_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "directory_danger", lambda _: "")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with Change() as change:
        with opened(str(tmp_path), 0o600, change):
            change.begin()
        now = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert now == before | set(ENDING)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before

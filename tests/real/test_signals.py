# SPDX-License-Identifier: MIT
"""A signal that ends a command, at each call that takes a name: all or nothing, and told so."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.real.conftest import STORE, Runs, unseal
from tests.real.tracing import STRACE

ENDING: Final = ("INT", "TERM", "HUP", "QUIT")
SUDOERS: Final = Path("/etc/sudoers.d")


def sending(name: str, call: str) -> list[str]:
    """Has strace send the signal to the command as it makes ``call``."""
    return [STRACE, "-f", "-qqq", "-o/dev/null", "-e", f"inject={call}:signal={name}"]


def leftovers(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.name.startswith(".#")]


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_while_a_name_is_taken_comes_too_late(credhelper: Runs, name: str) -> None:
    """What is done is done, and told: the signal could keep nothing from happening any more."""
    finished = credhelper(
        *("add", "my_api_key"), input="sk", before=sending(name, "linkat:when=1"), measured=False
    )
    assert (finished.status, finished.out.split(",")[0]) == (0, "added my_api_key")
    assert unseal(STORE / "my_api_key") == b"sk"
    assert leftovers(STORE) == []


# the first link is of the value that is replaced, kept for leaks
@pytest.mark.parametrize("call", ["linkat:when=2", "linkat:when=3", "renameat:when=1"])
def test_control_c_leaves_an_import_all_or_none(
    credhelper: Runs, sealed: Callable[..., Path], scratch: Path, call: str
) -> None:
    sealed("second", "old")
    (scratch / ".env").write_text("FIRST=1\nSECOND=2\nTHIRD=3\n")
    words = ("import", str(scratch / ".env"), "--rotate", "--all")
    finished = credhelper(*words, before=sending("INT", call), measured=False)
    assert finished.status == 0, finished.err
    names = ("first", "second", "third")
    assert [unseal(STORE / name) for name in names] == [b"1", b"2", b"3"]
    assert leftovers(STORE) == []


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_before_that_ends_it_with_nothing_changed(credhelper: Runs, name: str) -> None:
    """As the sealed credential is written, before it has a name."""
    sent = sending(name, "fchmod:when=1")
    finished = credhelper("add", "my_api_key", input="sk", before=sent, measured=False)
    assert finished.status == 128 + signal.Signals[f"SIG{name}"]
    assert "credhelper: error: interrupted" in finished.err
    assert list(STORE.iterdir()) == []


def test_a_drop_in_that_control_c_meets_is_in_force_and_told(credhelper: Runs) -> None:
    script = Path("/root/report.py")
    script.write_text("print()\n")
    for path in SUDOERS.glob("credhelper-*"):
        path.unlink()
    words = ("sudoers", str(script), "--user=root", "--install")
    finished = credhelper(*words, before=sending("INT", "linkat:when=1"), measured=False)
    assert finished.status == 0, finished.err
    (target,) = SUDOERS.glob("credhelper-*")
    assert str(target) in finished.out
    assert target.stat().st_mode & 0o7777 == 0o440
    assert leftovers(SUDOERS) == []
    target.unlink()
    before = sending("KILL", "linkat:when=1")
    assert credhelper(*words, before=before, measured=False).status != 0
    assert leftovers(SUDOERS)
    assert credhelper("list").status == 0  # any command sweeps
    assert leftovers(SUDOERS) == []


def test_nohup_is_heeded(credhelper: Runs) -> None:
    sent = ["/usr/bin/nohup", *sending("HUP", "fchmod:when=1")]
    finished = credhelper("add", "my_api_key", input="sk", before=sent, measured=False)
    assert finished.status == 0, finished.err


def test_control_c_between_two_ends_a_reseal_with_each_whole(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    for name in ("first", "second", "third"):
        sealed(name, name)
    finished = credhelper(
        *("reseal", "--all"), before=sending("INT", "renameat:when=2"), measured=False
    )
    assert finished.status == 130
    assert "interrupted after 2 of 3" in finished.err
    assert finished.out.count("resealed") == 2
    for name in ("first", "second", "third"):
        assert unseal(STORE / name) == name.encode()
    assert leftovers(STORE) == []

# SPDX-License-Identifier: MIT
"""Installing several credentials: all of them or none, whatever fails in between."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from credhelper import errors
from credhelper.commands import directory, installing, inventory, sealing
from tests.real import namespace
from tests.real.conftest import STORE, Runs

NAMES: Final = ("first", "second", "third")
# linux/mount.h
MS_RDONLY: Final = 0x1
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000


@pytest.fixture
def blobs() -> dict[str, bytes]:
    return {name: sealing.seal(name, f"new {name}".encode()) for name in NAMES}


@pytest.fixture
def old(sealed: Callable[..., Path]) -> dict[str, bytes]:
    """The second is there already; the store as it was."""
    path = sealed("second", "old")
    return {path.name: path.read_bytes()}


def there() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in STORE.iterdir()}


def accept(_: Mapping[str, bytes]) -> None:
    """Takes whatever was read back."""


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_all_at_once(blobs: dict[str, bytes], old: dict[str, bytes]) -> None:
    assert there() == old
    seen: list[Mapping[str, bytes]] = []
    installing.install_many(blobs, seen.append, ["second"])
    assert there() == blobs
    assert seen == [blobs]


def test_none_where_one_does_not_verify(blobs: dict[str, bytes], old: dict[str, bytes]) -> None:
    def refuse(_: Mapping[str, bytes]) -> None:
        raise errors.EncryptionFailed("credential third does not unseal")

    with pytest.raises(errors.EncryptionFailed):
        installing.install_many(blobs, refuse, ["second"])
    assert there() == old


@pytest.mark.parametrize(
    ("replaced", "kind"),
    [([], errors.CredentialExists), (["second", "third"], errors.CredentialNotFound)],
)
def test_none_where_one_is_there_or_not(
    blobs: dict[str, bytes],
    old: dict[str, bytes],
    replaced: list[str],
    kind: type[errors.CredentialError],
) -> None:
    with pytest.raises(kind):
        installing.install_many(blobs, accept, replaced)
    assert there() == old


def test_none_where_somebody_else_takes_a_name_meanwhile(
    blobs: dict[str, bytes], old: dict[str, bytes]
) -> None:
    def interfere(_: Mapping[str, bytes]) -> None:
        (STORE / "third").write_bytes(b"somebody else's")

    with pytest.raises(errors.CredentialExists, match="third"):
        installing.install_many(blobs, interfere, ["second"])
    assert there() == old | {"third": b"somebody else's"}


def test_none_where_one_to_be_replaced_vanishes_meanwhile(
    blobs: dict[str, bytes], old: dict[str, bytes]
) -> None:
    assert old

    def interfere(_: Mapping[str, bytes]) -> None:
        (STORE / "second").unlink()

    with pytest.raises(errors.StoreFailed, match="second cannot be used: No such file"):
        installing.install_many(blobs, interfere, ["second"])
    assert there() == {}


# A disk that fails at one call and not at the next: stood in for, in this process


def failing(call: Callable[..., object], at: int, number: int) -> Callable[..., object]:
    """``call``, but its call number ``at``, and all after it, fail."""
    count = 0

    def fails(*args: object, **kwargs: object) -> object:
        nonlocal count
        count += 1
        if count >= at:
            raise OSError(number, os.strerror(number))
        return call(*args, **kwargs)

    return fails


@pytest.mark.parametrize(
    ("call", "at"),
    [
        *(("fsync", 1), ("fsync", 3), ("fsync", 4), ("link", 1), ("link", 2), ("link", 3)),
        *(("write", 2), ("open", 2), ("fchown", 1), ("fchmod", 3)),
    ],
)
def test_none_where_the_disk_fails(
    blobs: dict[str, bytes],
    old: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    at: int,
) -> None:
    before = descriptors()
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(getattr(os, call), at, errno.EIO))
        with pytest.raises(errors.StoreFailed, match="Input/output error"):
            installing.install_many(blobs, accept, ["second"])
    assert there() == old
    assert descriptors() == before


def test_what_cannot_be_undone_is_told(
    blobs: dict[str, bytes], old: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(os.fsync, 4, errno.EIO))
        patched.setattr(os, "unlink", failing(os.unlink, 1, errno.EROFS))
        with pytest.raises(errors.StoreFailed, match="cannot be undone") as caught:
            installing.install_many(blobs, accept, ["second"])
    assert "list --verify" in caught.value.hint
    installing.sweep()
    assert set(there()) >= set(old)
    assert all(blob in {blobs[name], old.get(name)} for name, blob in there().items())


def test_an_interrupt_in_between_undoes(
    blobs: dict[str, bytes], old: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        installing.install_many(
            blobs, lambda _: patched.setattr(os, "fsync", interrupt), ["second"]
        )
    assert there() == old


def test_without_locks_nothing_is_changed(
    blobs: dict[str, bytes], old: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = descriptors()
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", failing(fcntl.flock, 1, errno.ENOLCK))
        with pytest.raises(errors.StoreFailed, match="No locks available"):
            installing.install_many(blobs, accept, ["second"])
        installing.sweep()
    assert there() == old
    assert descriptors() == before


def test_a_read_only_etc(credhelper: Runs) -> None:
    namespace.mount("none", "/etc", "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    try:
        finished = credhelper("add", "my_api_key", input="x")
    finally:
        namespace.mount("none", "/etc", "", MS_REMOUNT | MS_BIND)
    assert finished.status == 1
    assert finished.err.splitlines() == [
        "credhelper: error: /etc/credstore.encrypted cannot be used: Read-only file system",
        "credhelper: hint: nothing has changed; fix that and run it again",
    ]
    assert not STORE.exists()


def test_a_sweep_of_no_store_and_of_an_unsafe_one_is_quiet() -> None:
    installing.sweep()
    STORE.mkdir(0o777)
    STORE.chmod(0o777)
    leftover = STORE / f"{directory.LEFTOVER_PREFIX}1"
    leftover.touch()
    installing.sweep()
    assert leftover.exists()


@pytest.mark.parametrize("call", ["unlink", "fsync"])
def test_a_removal_that_the_disk_does_not_take(
    old: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(getattr(os, call), 1, errno.EIO))
        with pytest.raises(errors.StoreFailed, match="Input/output error") as caught:
            installing.remove("second")
    assert ("may come back" in caught.value.problem) == (call == "fsync")
    assert there() == ({} if call == "fsync" else old)


def test_what_vanishes_while_it_is_listed_is_left_out(
    old: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*old, "gone"]
    monkeypatch.setattr(os, "listdir", lambda _: names)
    assert [entry.name for entry in inventory.entries()] == ["second"]
    monkeypatch.setattr(os, "listdir", failing(os.listdir, 1, errno.EIO))
    with pytest.raises(errors.StoreFailed, match="Input/output error"):
        inventory.entries()

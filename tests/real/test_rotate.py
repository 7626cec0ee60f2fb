# SPDX-License-Identifier: MIT
"""``credhelper rotate``: a new value, the binding kept, and what changed said."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credhelper import envelope
from credhelper.commands import expiry
from tests.real.conftest import OTHER_STORES, STORE, SYSTEMD_CREDS, Record, Runs, unseal
from tests.real.terminal import Hidden


def test_the_new_value_and_what_changed(
    credhelper: Runs, sealed: Callable[..., Path], journal: Callable[[int], list[Record]]
) -> None:
    path = sealed("my_api_key", "old")
    three_days_ago = time.time() - 3 * 86400 - 60
    os.utime(path, (three_days_ago, three_days_ago))
    finished = credhelper("rotate", "my_api_key", input="new\n")
    assert finished.status == 0
    assert finished.err == ""
    assert finished.out == ("rotated my_api_key, bound to: host; age of the value before: 3d\n")
    assert unseal(path) == b"new"
    assert path.stat().st_mtime > time.time() - 60
    assert path.stat().st_mode == 0o100600
    assert [record["CREDHELPER_OPERATION"] for record in journal(2)] == ["add", "rotate"]


def test_typed(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "old")
    dialogue = [("Value of my_api_key:", Hidden("new\n")), ("again:", Hidden("new\n"))]
    assert credhelper("rotate", "my_api_key", tty=dialogue).status == 0
    assert unseal(path) == b"new"


def test_from_a_file_that_goes(
    credhelper: Runs, sealed: Callable[..., Path], tmp_path: Path
) -> None:
    path = sealed("my_api_key", "old")
    source = tmp_path / "value"
    source.write_bytes(b"new\n")
    argv = ["rotate", "my_api_key", "--from-file", str(source), "--delete-source"]
    assert credhelper(*argv).status == 0
    assert not source.exists()
    assert unseal(path) == b"new\n"


def test_the_binding_is_kept_unless_told_otherwise(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    path = sealed("my_api_key", "old", "--with-key=null")
    finished = credhelper("rotate", "my_api_key", input="new")
    assert finished.out.startswith("rotated my_api_key, bound to: null; ")
    assert envelope.binding(path.read_bytes()) is envelope.NULL
    finished = credhelper("rotate", "my_api_key", "--with-key=host", input="newer")
    assert finished.out.startswith("rotated my_api_key, bound to: host, before: null; ")
    assert unseal(path) == b"newer"


def expiring(seconds_from_now: int) -> Path:
    """A credential that expires then, or has: systemd-creds seals it as of a year ago."""
    STORE.mkdir(0o700)
    now = int(time.time())
    argv = [SYSTEMD_CREDS, "encrypt", "--name=my_api_key", "--with-key=host"]
    argv += [f"--timestamp=@{now - 365 * 86400}", f"--not-after=@{now + seconds_from_now}"]
    subprocess.run([*argv, "-", str(STORE / "my_api_key")], input=b"old", check=True)
    return STORE / "my_api_key"


@pytest.mark.parametrize(("seconds", "verb"), [(86400, "expires"), (-86400, "expired")])
def test_it_is_said_that_the_new_one_does_not_expire(
    credhelper: Runs, seconds: int, verb: str
) -> None:
    path = expiring(seconds)
    when = expiry.shown(expiry.last_valid_second("my_api_key", path.read_bytes()))
    finished = credhelper("rotate", "my_api_key", input="new")
    assert finished.status == 0
    assert finished.err == (
        f"credhelper: note: the old value of my_api_key {verb} on {when}, "
        "the new one never expires: to have it expire, give --not-after=\n"
    )
    assert expiry.unseal("my_api_key", path.read_bytes()) == (b"new", None)


def test_nothing_is_said_where_the_new_one_is_given_a_time(credhelper: Runs) -> None:
    path = expiring(86400)
    assert credhelper("rotate", "my_api_key", "--not-after=+90d", input="new").err == ""
    assert expiry.unseal("my_api_key", path.read_bytes())[1] is not None


def test_an_unknown_binding_becomes_what_systemd_chooses(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    path = sealed("my_api_key", "old")
    path.write_bytes(b"A" * 400 + b"\n")
    finished = credhelper("rotate", "my_api_key", input="new")
    assert finished.status == 0
    assert "the binding of the old credential is not known here" in finished.err
    assert "bound to: host, before: unknown; " in finished.out
    assert unseal(path) == b"new"


@pytest.mark.parametrize("damage", [b"", b"garbage!", b"AAAA"])
def test_a_rotation_mends_a_damaged_one(
    credhelper: Runs, sealed: Callable[..., Path], damage: bytes
) -> None:
    path = sealed("my_api_key", "old")
    path.write_bytes(damage)
    finished = credhelper("rotate", "my_api_key", input="new")
    assert finished.status == 0
    assert "before: damaged" in finished.out
    assert unseal(path) == b"new"


def test_a_mode_that_others_may_read_is_mended(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    path = sealed("my_api_key", "old")
    path.chmod(0o644)
    assert credhelper("rotate", "my_api_key", input="new").status == 0
    assert path.stat().st_mode == 0o100600


def test_a_bad_value_leaves_the_old_one(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "old")
    before = path.stat()
    for value in (b"", bytes(1 << 21)):
        assert credhelper("rotate", "my_api_key", input=value).status == 1
    assert credhelper("rotate", "my_api_key", "--not-after=yesterday", input="x").status == 1
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [entry.name for entry in STORE.iterdir()] == ["my_api_key"]


def test_only_what_is_in_etc(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "old")
    OTHER_STORES[0].mkdir(0o700)
    shutil.move(path, OTHER_STORES[0] / path.name)
    finished = credhelper("rotate", "my_api_key", input="new")
    assert finished.status == 1
    assert finished.err.splitlines() == [
        "credhelper: error: there is no credential my_api_key in /etc/credstore.encrypted",
        "credhelper: hint: it is in /run/credstore.encrypted; to have your own of that name: "
        "sudo credhelper add my_api_key",
    ]
    assert credhelper("add", "my_api_key", input="new").status == 0


UNIT = "[Service]\nExecStart=/bin/true\nLoadCredentialEncrypted={}\n"


def test_units_that_load_it_are_named(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", "old")
    units = Path("/etc/systemd/system")
    (units / "other.service.d").mkdir(parents=True)
    for name, loads in (
        ("report.service", "my_api_key"),
        ("job@.service", "key:/etc/credstore.encrypted/my_api_key"),
        ("none.service", "my_api_key_2"),
        ("elsewhere.service", "my_api_key:/opt/my_api_key"),
    ):
        (units / name).write_text(UNIT.format(loads))
    (units / "other.service.d/more.conf").write_text("[Service]\nImportCredential=my_*\n")
    finished = credhelper("rotate", "my_api_key", input="new")
    for path in (*units.glob("*.service"), units / "other.service.d/more.conf"):
        path.unlink()
    assert finished.status == 0
    assert finished.err == (
        "credhelper: note: loaded by job@.service, other.service, report.service, "
        "with the old value until then\n"
        "credhelper: hint: sudo systemctl try-restart 'job@*.service' other.service "
        "report.service\n"
    )


@pytest.mark.parametrize(
    ("test", "status"),
    [
        ("/bin/grep -q new {my_api_key}", 0),
        ("grep -q old {my_api_key}", 1),
        ("sh -c 'test \"$(cat $CREDENTIALS_DIRECTORY/my_api_key)\" = new'", 0),
        ("sh -c 'kill -TERM $$'", 1),
        ("absent-program", 1),
        ("grep 'x", 2),
    ],
)
def test_a_value_that_fails_its_test_takes_no_place(
    test: str,
    status: int,
    credhelper: Runs,
    sealed: Callable[..., Path],
    nowhere: Callable[[bytes], None],
) -> None:
    path = sealed("my_api_key", "old-value-of-it")
    finished = credhelper("rotate", "my_api_key", "--test", test, input="new")
    assert finished.status == status, finished.err
    assert unseal(path) == (b"new" if status == 0 else b"old-value-of-it")
    assert not Path("/run/credentials/credhelper-decrypt-run/my_api_key").exists()
    if status == 1:
        why = "there is no such program" if test == "absent-program" else "did not pass the test"
        assert why in finished.err
    nowhere(b"old-value-of-it")

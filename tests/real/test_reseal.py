# SPDX-License-Identifier: MIT
"""``credhelper reseal``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from credhelper import envelope
from credhelper.commands import expiry
from tests.machines import tpm
from tests.real.conftest import STORE, SYSTEMD_CREDS, Record, Runs, launcher, unseal


def null_sealed(name: str, value: bytes) -> Path:
    STORE.mkdir(0o700, exist_ok=True)
    path = STORE / name
    for key in ("null", "tpm2-absent"):  # the name since 253, and the one before
        argv = [SYSTEMD_CREDS, "encrypt", f"--name={name}", f"--with-key={key}", "-", str(path)]
        if subprocess.run(argv, input=value, capture_output=True).returncode == 0:
            break
    path.chmod(0o600)
    return path


def test_the_value_and_the_time_of_the_file_stay(
    credhelper: Runs, sealed: Callable[..., Path], journal: Callable[[int], list[Record]]
) -> None:
    path = sealed("my_api_key", b"sk-1234\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    before = path.read_bytes()
    finished = credhelper("reseal", "my_api_key")
    assert finished.out == "resealed my_api_key, bound to: host, before: host\n"
    assert finished.status == 0
    assert path.read_bytes() != before
    assert unseal(path) == b"sk-1234\n"
    assert path.stat().st_mtime == 1_000_000_000
    assert journal(2)[1]["CREDHELPER_OPERATION"] == "reseal"


def test_when_it_expires_stays(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", b"sk", "--not-after=2039-02-03 04:05:06 UTC")
    finished = credhelper("reseal", "my_api_key")
    assert finished.out == (
        "resealed my_api_key, bound to: host, before: host; "
        "expires as before: 2039-02-03 04:05 UTC\n"
    )
    assert expiry.last_valid_second("my_api_key", path.read_bytes()) == 2_180_318_706


def test_another_time_to_expire_can_be_given(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", b"sk", "--not-after=+90d")
    assert credhelper("reseal", "my_api_key", "--not-after=+10d").status == 0
    end = expiry.last_valid_second("my_api_key", path.read_bytes())
    assert abs(end - time.time() - 10 * 86400) < 60


def test_dry_run_changes_nothing(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", b"sk")
    before = path.read_bytes()
    finished = credhelper("reseal", "--all", "--dry-run", "--with-key=host")
    assert finished.out == "would reseal my_api_key, bound to: host, with key: host\n"
    assert path.read_bytes() == before


def test_one_that_fails_does_not_stop_the_others(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    for name in ("a", "b", "c"):
        sealed(name, name)
    damaged = (STORE / "b").read_bytes()[:40]
    (STORE / "b").write_bytes(damaged)
    finished = credhelper("reseal", "--all")
    assert finished.status == 1
    assert finished.out.splitlines() == [
        "resealed a, bound to: host, before: host",
        "resealed c, bound to: host, before: host",
    ]
    assert "credential b is damaged" in finished.err
    assert "1 of 3 failed" in finished.err
    assert (STORE / "b").read_bytes() == damaged
    assert unseal(STORE / "c") == b"c"


def test_the_null_key_gives_way_to_a_real_one_when_named(credhelper: Runs) -> None:
    path = null_sealed("my_api_key", b"sk")
    refused = credhelper("reseal", "--all")
    assert refused.status == 1
    assert "null key" in refused.err
    finished = credhelper("reseal", "my_api_key")
    assert finished.status == 0
    assert finished.out == "resealed my_api_key, bound to: host, before: null\n"
    assert envelope.binding(path.read_bytes()) is envelope.HOST
    assert unseal(path) == b"sk"


def test_an_expired_one_is_not_given_a_longer_life(credhelper: Runs) -> None:
    STORE.mkdir(0o700)
    path = STORE / "old"
    argv = [SYSTEMD_CREDS, "encrypt", "--name=old", "--timestamp=2020-01-01"]
    argv += ["--not-after=2020-06-01", "-", str(path)]
    subprocess.run(argv, input=b"sk", check=True, capture_output=True)
    finished = credhelper("reseal", "old", "--not-after=+1d")
    assert finished.status == 1
    assert "credential old has expired" in finished.err


def test_what_to_reseal_has_to_be_said(credhelper: Runs) -> None:
    assert credhelper("reseal").status == 2
    assert credhelper("reseal", "--all", "name").status == 2
    missing = credhelper("reseal", "missing")
    assert missing.status == 1
    assert "there is no credential missing" in missing.err


def test_a_rotation_meanwhile_is_not_lost(
    credhelper: Runs, sealed: Callable[..., Path], environment: dict[str, str]
) -> None:
    """A reseal and a rotation side by side: whoever is last, the value is the rotated one."""
    for number in range(6):
        sealed(f"key{number}", b"old")
        words = ["reseal", f"key{number}"]
        resealing = subprocess.Popen(
            [*launcher("credhelper"), *words],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert credhelper("rotate", f"key{number}", input=b"new").status == 0
        resealing.wait()
        assert unseal(STORE / f"key{number}") == b"new"


def test_to_a_tpm_and_back(credhelper: Runs, sealed: Callable[..., Path], tmp_path: Path) -> None:
    path = sealed("my_api_key", b"sk")
    with tpm.served(tmp_path / "tpm") as chip:
        device = f"--tpm2-device={chip.device}"
        to_both = credhelper("reseal", "my_api_key", "--with-key=host+tpm2", device)
        assert to_both.out == "resealed my_api_key, bound to: host+tpm2, before: host\n"
        chip.flush()
        kept = credhelper("reseal", "my_api_key", device)
        assert kept.out == "resealed my_api_key, bound to: host+tpm2, before: host+tpm2\n"
        chip.flush()
        sealed_before = path.read_bytes()
        chip.stop()
        gone = credhelper("reseal", "my_api_key", "--with-key=host", device)
        assert gone.status == 1
        assert "needs a TPM2" in gone.err
        assert path.read_bytes() == sealed_before
        chip.serve_tcp()
        back = credhelper("reseal", "my_api_key", "--with-key=host", device)
        assert back.out == "resealed my_api_key, bound to: host, before: host+tpm2\n", back.err
    assert unseal(path) == b"sk"


def test_interrupted(sealed: Callable[..., Path], environment: dict[str, str]) -> None:
    for number in range(20):
        sealed(f"key{number:02}", b"sk")
    words = [*launcher("credhelper"), "reseal", "--all"]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as resealing:
        assert resealing.stdout
        assert resealing.stderr
        assert resealing.stdout.readline().startswith("resealed key00")
        resealing.send_signal(signal.SIGINT)
        said = resealing.stderr.read()
    assert resealing.returncode == 130
    assert re.search(r"error: interrupted after [0-9]+ of 20\n", said)
    assert {unseal(path) for path in STORE.glob("key*")} == {b"sk"}

# SPDX-License-Identifier: MIT
"""TPM2 faults with systemd 252, 257 and 262, by --tpm2-device= and a TPM in software."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines import tpm
from tests.machines.fixtures import EVERY_SYSTEMD
from tests.machines.machine import Machine
from tests.system import library

pytestmark = pytest.mark.parametrize("booted", EVERY_SYSTEMD, indirect=True)

KEYS = pytest.mark.parametrize("key", ["tpm2", "host+tpm2"])


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[tpm.TPM]:
    with tpm.served(tmp_path / "chip") as served:
        yield served


def sealed(machine: Machine, chip: tpm.TPM, key: str = "tpm2", pcrs: str = "") -> bytes:
    options = {"tpm2_pcrs": pcrs} if pcrs else {}
    outcome = library.seal(
        machine, "api_key", b"value", with_key=key, tpm2_device=chip.device, **options
    )
    assert outcome.value, outcome
    chip.flush()  # systemd 252 leaves sessions behind
    return outcome.value


@KEYS
def test_value_comes_back(machine: Machine, chip: tpm.TPM, key: str) -> None:
    """Each key gives its value."""
    blob = sealed(machine, chip, key)
    for _ in range(3):
        unsealed = library.unseal(machine, "api_key", blob, tpm2_device=chip.device)
        assert unsealed.value == b"value"
        chip.flush()


@KEYS
def test_no_tpm_to_seal_with(machine: Machine, key: str) -> None:
    """TPMUnavailable, which names the host key as the way out."""
    refused = library.seal(machine, "api_key", b"value", with_key=key)
    assert refused.error == "TPMUnavailable"
    assert "--with-key=host" in refused.hint


@KEYS
def test_tpm_gone(machine: Machine, chip: tpm.TPM, key: str) -> None:
    """TPMUnavailable."""
    blob = sealed(machine, chip, key)
    chip.stop()
    refused = library.unseal(machine, "api_key", blob, tpm2_device=chip.device)
    assert refused.error == "TPMUnavailable"
    assert library.unseal(machine, "api_key", blob).error == "TPMUnavailable"


@KEYS
def test_tpm_back_again(machine: Machine, chip: tpm.TPM, key: str) -> None:
    """The value."""
    blob = sealed(machine, chip, key)
    chip.stop()
    chip.serve_tcp()
    unsealed = library.unseal(machine, "api_key", blob, tpm2_device=chip.device)
    assert unsealed.value == b"value"


@KEYS
def test_other_tpm(machine: Machine, chip: tpm.TPM, tmp_path: Path, key: str) -> None:
    """WrongMachine, which says that it is the TPM."""
    blob = sealed(machine, chip, key)
    with tpm.served(tmp_path / "other") as other:
        refused = library.unseal(machine, "api_key", blob, tpm2_device=other.device)
    assert refused.error == "WrongMachine"
    assert "TPM" in refused.problem


@KEYS
def test_cleared_tpm(machine: Machine, chip: tpm.TPM, key: str) -> None:
    """WrongMachine, which says cleared; new ones can be sealed."""
    blob = sealed(machine, chip, key)
    chip.tool("tpm2_clear")
    refused = library.unseal(machine, "api_key", blob, tpm2_device=chip.device)
    assert refused.error == "WrongMachine"
    assert "cleared" in refused.problem
    chip.flush()
    assert sealed(machine, chip, key)  # it serves again, with a new seed


def test_changed_pcr(machine: Machine, chip: tpm.TPM) -> None:
    """PCRsChanged."""
    blob = sealed(machine, chip, pcrs="16")
    chip.tool("tpm2_pcrextend", f"16:sha256={'ab' * 32}")
    refused = library.unseal(machine, "api_key", blob, tpm2_device=chip.device)
    assert refused.error == "PCRsChanged"


def test_locked_out(machine: Machine, chip: tpm.TPM, tmp_path: Path) -> None:
    """TPMLockedOut, which warns of trying in a loop; 262 exempts its keys and gives the value."""
    blob = sealed(machine, chip)
    chip.lock_out(tmp_path)
    unsealed = library.unseal(machine, "api_key", blob, tpm2_device=chip.device)
    if machine.name == "sid":  # 262 exempts its keys from the lock-out
        assert unsealed.value == b"value"
    else:
        assert unsealed.error == "TPMLockedOut"
        assert "loop" in unsealed.hint
        chip.flush()
        refused = library.seal(
            machine, "api_key", b"value", with_key="tpm2", tpm2_device=chip.device
        )
        assert refused.error == "TPMLockedOut"


def test_slow_tpm(machine: Machine, chip: tpm.TPM) -> None:
    """The value, late."""
    blob = sealed(machine, chip)
    began = time.monotonic()
    with tpm.Wire(chip.port, delay=0.2) as wire:
        unsealed = library.unseal(machine, "api_key", blob, tpm2_device=wire.device)
    assert unsealed.value == b"value"
    assert time.monotonic() - began > 2  # a dozen answers, each of them late


def test_tpm_dies_at_any_answer(machine: Machine, chip: tpm.TPM) -> None:
    """TPMUnavailable, at whichever answer it dies."""
    blob = sealed(machine, chip)
    survived = 0
    while True:
        with tpm.Wire(chip.port, answers=survived) as wire:
            outcome = library.unseal(machine, "api_key", blob, tpm2_device=wire.device)
        chip.flush()
        if outcome.value:
            break
        assert outcome.error == "TPMUnavailable", (survived, outcome)
        survived += 1
    assert survived >= 8  # it has taken so many answers to unseal
    assert outcome.value == b"value"


def test_hanging_tpm_meets_the_time_limit(machine: Machine, chip: tpm.TPM) -> None:
    """SealingTimeout, when the time limit is over."""
    blob = sealed(machine, chip)
    chip.hang()
    try:
        began = time.monotonic()
        refused = library.unseal(machine, "api_key", blob, tpm2_device=chip.device, time_limit=3)
        assert 2 < time.monotonic() - began < 50
    finally:
        chip.go_on()
    assert refused.error == "SealingTimeout"
    assert "TPM" in refused.hint

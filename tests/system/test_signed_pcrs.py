# SPDX-License-Identifier: MIT
"""Signed PCRs with systemd 252, 257 and 262: a binding is kept, wherever its key lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines import tpm
from tests.machines.fixtures import EVERY_SYSTEMD
from tests.machines.machine import Machine
from tests.machines.signing import Signer

pytestmark = pytest.mark.parametrize("booted", EVERY_SYSTEMD, indirect=True)

CREDHELPER = "/usr/bin/credhelper"
PUBLIC = "/opt/keys/public.pem"
SIGNATURE = "/opt/keys/signature.json"
KEY = "host+tpm2-with-public-key"
LABEL = "host+tpm2, signed PCRs"


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[tpm.TPM]:
    with tpm.served(tmp_path / "chip") as served:
        served.tool("tpm2_pcrextend", f"11:sha256={'ab' * 32}")  # as a kernel image does
        served.flush()
        yield served


@pytest.fixture
def signer(tmp_path: Path, machine: Machine, chip: tpm.TPM) -> Signer:
    """Its public key and its signature are in the machine."""
    made = Signer.made(tmp_path / "private.pem")
    machine.write(PUBLIC, made.public)
    machine.write(SIGNATURE, made.signature(chip, 11))
    return made


def test_a_binding_is_kept_wherever_its_key_lies(
    machine: Machine, chip: tpm.TPM, signer: Signer
) -> None:
    """Sealed by one key, rotated and resealed without its file; a new signature still opens it."""
    credhelper(machine, chip, "add", f"--with-key={KEY}", f"--tpm2-public-key={PUBLIC}", "--stdin")
    assert LABEL in credhelper(machine, chip)
    machine.run(["/usr/bin/rm", PUBLIC], check=True)
    assert LABEL in credhelper(machine, chip, "rotate", "--stdin")
    assert LABEL in credhelper(machine, chip, "reseal")
    chip.tool("tpm2_pcrextend", f"11:sha256={'cd' * 32}")  # another kernel
    chip.flush()
    refused = machine.run(command(chip, "reseal"))
    chip.flush()
    assert refused.returncode == 1
    assert "no signature" in refused.stderr, refused.stderr
    assert "--tpm2-signature=" in refused.stderr
    machine.write(SIGNATURE, signer.signature(chip, 11))
    assert LABEL in credhelper(machine, chip, "reseal")


@pytest.mark.usefixtures("signer")
def test_no_pcrs_stay_no_pcrs(machine: Machine, chip: tpm.TPM) -> None:
    """And a key is added to what had none; 252 cannot unseal without PCRs, and says so."""
    if int(machine.systemd) < 253:
        argv = command(chip, "add", "--with-key=tpm2", "--tpm2-pcrs=", "--stdin")
        assert "--tpm2-pcrs=7" in machine.run(argv, input="value").stderr
        return
    credhelper(machine, chip, "add", "--with-key=tpm2", "--tpm2-pcrs=", "--stdin")
    credhelper(machine, chip, "rotate", "--stdin")
    assert "signed" not in credhelper(machine, chip, "rotate", "--stdin")
    assert "tpm2, signed PCRs" in credhelper(
        machine, chip, "reseal", f"--tpm2-public-key={PUBLIC}", "--tpm2-public-key-pcrs=11"
    )
    chip.tool("tpm2_pcrextend", f"7:sha256={'cd' * 32}")  # which no default has bound it to
    chip.flush()
    credhelper(machine, chip, "reseal")


def test_a_key_that_is_nowhere(machine: Machine, chip: tpm.TPM) -> None:
    """The error names the option; a file that holds none is refused before anything is sealed."""
    refused = machine.run(command(chip, "add", "--with-key=tpm2-with-public-key"), input="value")
    chip.flush()
    assert refused.returncode == 1
    assert "--tpm2-public-key=" in refused.stderr, refused.stderr
    machine.write(PUBLIC, "no key\n")
    refused = machine.run(command(chip, "add", f"--tpm2-public-key={PUBLIC}"), input="value")
    assert "holds no public key" in refused.stderr
    unknown = machine.run(command(chip, "add", "--tpm2-pcrlock=/opt/policy.json"), input="value")
    assert "needs a newer systemd-creds" in unknown.stderr


def credhelper(machine: Machine, chip: tpm.TPM, *arguments: str) -> str:
    """Runs a verb on the one credential, or lists it: what it prints."""
    argv = command(chip, *arguments) if arguments else [CREDHELPER, "list"]
    done = machine.run(argv, input="value", check=True)
    chip.flush()
    return done.stdout


def command(chip: tpm.TPM, verb: str, *options: str) -> list[str]:
    tpm2 = [f"--tpm2-device={chip.device}", f"--tpm2-signature={SIGNATURE}"]
    return [CREDHELPER, verb, "api_key", *options, *tpm2]

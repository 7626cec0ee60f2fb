# SPDX-License-Identifier: MIT
"""What systemd-creds refuses becomes the same error with 252, 257 and 262."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.machines.fixtures import EVERY_SYSTEMD
from tests.machines.machine import Machine
from tests.system import library

pytestmark = pytest.mark.parametrize("booted", EVERY_SYSTEMD, indirect=True)

SYSTEMD_CREDS = "/usr/bin/systemd-creds"
HOST_KEY = "/var/lib/systemd/credential.secret"


def sealed_by_hand(machine: Machine, *options: str) -> bytes:
    argv = [SYSTEMD_CREDS, "encrypt", "--name=api_key", *options, "-", "-"]
    return machine.run(argv, input="value", check=True).stdout.encode()


def flipped(blob: bytes, at: int) -> bytes:
    raw = bytearray(base64.b64decode(blob))
    raw[at] ^= 1
    return base64.b64encode(raw)


@pytest.fixture
def host_key(machine: Machine) -> Iterator[str]:
    """The host key's path; the key and the machine id come back after the test."""
    machine.run([SYSTEMD_CREDS, "setup"], check=True)
    machine.run(["/usr/bin/cp", "-a", HOST_KEY, "/etc/machine-id", "/root/"], check=True)
    yield HOST_KEY
    machine.run(["/usr/bin/rm", "-f", HOST_KEY], check=True)
    machine.run(["/usr/bin/cp", "-a", "/root/credential.secret", HOST_KEY], check=True)
    machine.run(["/usr/bin/cp", "-a", "/root/machine-id", "/etc/machine-id"], check=True)


@pytest.mark.parametrize("size", [1, 4096, 870_000])
@pytest.mark.parametrize("key", ["auto", "host", "null"])
def test_values_come_back_exactly(machine: Machine, key: str, size: int) -> None:
    value = bytes(i % 251 for i in range(size))
    blob = library.seal(machine, "api_key", value, with_key=key).value
    assert library.unseal(machine, "api_key", blob, allow_null=True).value == value


def test_null_key_is_refused_unless_asked_for(machine: Machine) -> None:
    blob = library.seal(machine, "api_key", b"value", with_key="null").value
    assert library.unseal(machine, "api_key", blob).error == "NullKeyRefused"


def test_other_name(machine: Machine) -> None:
    blob = library.seal(machine, "api_key", b"value").value
    refused = library.unseal(machine, "other", blob)
    assert refused.error == "NameMismatch"
    assert "DecryptionFailed" in refused.kinds


def test_expired(machine: Machine) -> None:
    past = ("--timestamp=2020-01-01 00:00:00 UTC", "--not-after=2021-01-01 00:00:00 UTC")
    blob = sealed_by_hand(machine, *past)
    assert library.unseal(machine, "api_key", blob).error == "CredentialExpired"


def test_expiry_in_the_past(machine: Machine) -> None:
    refused = library.seal(machine, "api_key", b"value", not_after="2020-01-01")
    assert refused.error == "EncryptionFailed"
    assert "expired already" in refused.problem


@pytest.mark.parametrize(
    ("option", "given", "hint"),
    [
        ("not_after", "tomorrrow", "--not-after="),
        ("tpm2_pcrs", "99", "--tpm2-pcrs="),
        ("tpm2_pcrs", "boot", "--tpm2-pcrs="),
        ("with_key", "smartcard", "--with-key="),
    ],
)
def test_unknown_option_value(machine: Machine, option: str, given: str, hint: str) -> None:
    refused = library.seal(machine, "api_key", b"value", **{option: given})
    assert refused.error in {"UsageError", "SystemdMissing"}
    assert hint in refused.hint


@pytest.mark.parametrize("kept", [0, 1, 20, 40, 60])
def test_cut_short(machine: Machine, kept: int) -> None:
    raw = base64.b64decode(library.seal(machine, "api_key", b"value").value)
    cut = base64.b64encode(raw[:kept])
    assert library.unseal(machine, "api_key", cut).error == "DamagedCredential"


@pytest.mark.parametrize("at", [40, 60, -20, -1])
def test_altered(machine: Machine, at: int) -> None:
    blob = flipped(library.seal(machine, "api_key", b"value").value, at)
    refused = library.unseal(machine, "api_key", blob)
    assert refused.error in {"WrongMachine", "DamagedCredential"}
    assert not refused.value


def test_no_credential_at_all(machine: Machine) -> None:
    refused = library.unseal(machine, "api_key", b"api_key=plaintext\n")
    assert refused.error == "DamagedCredential"
    assert "plaintext" not in refused.problem + refused.hint


@pytest.mark.parametrize("size", [(1 << 20) - 4096, 1 << 20, (1 << 20) + 1])
def test_too_large(machine: Machine, size: int) -> None:
    assert library.seal(machine, "api_key", b"v" * size).error == "InvalidValue"


def test_host_key_lost(machine: Machine, host_key: str) -> None:
    blob = library.seal(machine, "api_key", b"value", with_key="host").value
    machine.run(["/usr/bin/rm", host_key], check=True)
    refused = library.unseal(machine, "api_key", blob)
    assert refused.error == "HostKeyMissing"
    assert host_key in refused.problem
    assert "backup" in refused.hint


def test_host_key_cut_short(machine: Machine, host_key: str) -> None:
    blob = library.seal(machine, "api_key", b"value", with_key="host").value
    machine.write(host_key, "short", mode=0o400)
    assert library.unseal(machine, "api_key", blob).error == "HostKeyMissing"


def test_host_key_replaced(machine: Machine, host_key: str) -> None:
    blob = library.seal(machine, "api_key", b"value", with_key="host").value
    machine.run(["/usr/bin/rm", host_key], check=True)
    machine.run([SYSTEMD_CREDS, "setup"], check=True)
    assert library.unseal(machine, "api_key", blob).error == "WrongMachine"


def test_machine_id_changed(machine: Machine, host_key: str) -> None:
    blob = library.seal(machine, "api_key", b"value", with_key="host").value
    machine.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n", mode=0o444)
    refused = library.unseal(machine, "api_key", blob)
    assert refused.error == "HostKeyMissing"
    assert "machine id" in refused.problem
    # systemd was not started: it would have removed the key for good
    assert machine.run(["/usr/bin/test", "-e", host_key]).returncode == 0


def test_ordinary_user_is_not_permitted(machine: Machine) -> None:
    blob = library.seal(machine, "api_key", b"value", with_key="host").value
    program = f"from credhelper.commands import sealing; sealing.unseal('api_key', {blob!r})"
    refused = machine.as_user("alice", ["/usr/bin/python3", "-Ic", program])
    assert refused.returncode == 1
    assert "value" not in refused.stdout
    assert "NotPermitted" in refused.stderr.splitlines()[-1]


def test_sealed_for_one_user(machine: Machine) -> None:
    if machine.name == "host":  # 252 knows no such credential: an id of a later version
        blob = base64.b64encode(bytes.fromhex("55b9ed1d38594d43a8319d2ebb332ac6") + bytes(100))
    else:
        blob = sealed_by_hand(machine, "--user", "--uid=alice")
    assert "DecryptionFailed" in library.unseal(machine, "api_key", blob).kinds


def test_key_of_a_later_version(machine: Machine) -> None:
    blob = base64.b64encode(bytes(range(16)) + bytes(100))
    refused = library.unseal(machine, "api_key", blob)
    assert refused.error == "DamagedCredential"
    assert "newer format" in refused.problem

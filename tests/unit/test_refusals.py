# SPDX-License-Identifier: MIT
"""What systemd-creds says, in its versions' words, becomes an error with a type and a way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper import errors, refusals

# as systemd 252, 257 and 262 print them
SAID = [
    (
        "Embedded credential name 'a' does not match filename 'my_api_key', refusing.",
        errors.NameMismatch,
    ),
    ("Credential's time passed, refusing to use.", errors.CredentialExpired),
    ("Decryption failed (incorrect key?): error:0308010C", errors.WrongMachine),
    (
        "Credential is invalidated before it is valid (2020-01-01 < 2026-01-01).",
        errors.EncryptionFailed,
    ),
    ("Failed to parse --not-after= parameter: tomorow", errors.UsageError),
    ("Failed to parse PCR mask: 99", errors.UsageError),
    ("Encrypted file is scoped to a user, but no user selected.", errors.DecryptionFailed),
    ("Credential uses null key, but that's not allowed.", errors.NullKeyRefused),
    ("Failed to unseal (0x00000921) the object", errors.TPMLockedOut),
    ("TPM policy does not match current system state.", errors.PCRsChanged),
    (
        "Couldn't find signature for this PCR bank, PCR index and public key.",
        errors.PCRsChanged,
    ),
    ("Failed to load pcr signature: No such file or directory", errors.PCRsChanged),
    ("Couldn't find PCR signature file: Host is down", errors.PCRsChanged),
    ("Failed to unseal secret using TPM2: No such device or address", errors.PCRsChanged),
    ("Failed to unseal secret using TPM2: Device not a stream", errors.PCRsChanged),
    ("Failed read TPM PCR public key: No such file or directory", errors.EncryptionFailed),
    ("Failed to read TPM PCR public key: No such file or directory", errors.EncryptionFailed),
    ("TPM2 PCR bank invalid or not supported", errors.TPMUnavailable),
    (
        "TPM key integrity check failed. Key most likely does not belong to this TPM.",
        errors.WrongMachine,
    ),
    ("Failed to unseal secret using TPM2: State not recoverable", errors.WrongMachine),
    ("Failed to determine local credential key: Permission denied", errors.NotPermitted),
    ("Failed to determine local credential key: No such file", errors.HostKeyMissing),
    ("Failed to determine local credential host secret: No medium found", errors.HostKeyMissing),
    (
        "Failed to determine local credential host secret: Disk quota exceeded",
        errors.HostKeyMissing,
    ),
    ("Encrypted file too short.", errors.DamagedCredential),
    ("Embedded key size out of range: corrupted data", errors.DamagedCredential),
    ("Failed to read encrypted credential data: Invalid argument", errors.DamagedCredential),
    ("systemd-creds: unrecognized option '--not-after=x'", errors.SystemdMissing),
    ("Unknown key type: host+tpm2", errors.SystemdMissing),
    ("Plaintext too long for credential (allowed size: 1048576).", errors.InvalidValue),
    ("TPM2 support is not installed.", errors.TPMUnavailable),
    ("Failed to initialize tcti context: bad value", errors.TPMUnavailable),
    ("Failed to open: Permission denied", errors.NotPermitted),
    ("Something that no version says today", errors.DecryptionFailed),
]


def refusal(text: str, name: str = "my_api_key") -> errors.CredentialError:
    return refusals.error(text, name, errors.DecryptionFailed)


@pytest.mark.parametrize(("text", "kind"), SAID, ids=[text[:30] for text, _ in SAID])
def test_each_has_a_type_that_names_the_credential(
    text: str, kind: type[errors.CredentialError]
) -> None:
    error = refusal(text + "\n")
    assert type(error) is kind
    assert error.problem.startswith("credential my_api_key")
    assert error.hint
    assert "{" not in error.hint


def test_the_embedded_name_is_told() -> None:
    error = refusal(SAID[0][0])
    assert isinstance(error, errors.NameMismatch)
    assert error.embedded == "a"


def test_words_that_are_not_known_are_shown() -> None:
    error = refusal("first\nSomething new\n")
    assert error.problem == "credential my_api_key is refused by systemd-creds: Something new"
    assert refusal("").problem.endswith("no reason given")


@given(st.text(max_size=500))
def test_whatever_it_says_is_one_line(text: str) -> None:
    error = refusal(text)
    assert error.problem.isprintable()
    assert len(error.problem) < 400

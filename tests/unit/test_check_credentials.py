# SPDX-License-Identifier: MIT
"""Findings on what does not unseal: each error with the command that fits it. No key is used."""

from __future__ import annotations

import os
import time
from base64 import b64encode

import pytest

from credhelper import store
from credhelper.commands import expiry
from credhelper.commands.check import credentials
from credhelper.errors import (
    CredentialError,
    CredentialExpired,
    DamagedCredential,
    DecryptionFailed,
    HostKeyMissing,
    NameMismatch,
    NullKeyRefused,
    PCRsChanged,
    SealingTimeout,
    TPMLockedOut,
    TPMUnavailable,
    WrongMachine,
)
from credhelper.store import Sealed

HOST = b64encode(bytes.fromhex("5a1c6a86df9d4096b1d5a65e0862f19a") + bytes(80))
TPM2 = b64encode(bytes.fromhex("0c7cc07b117645919c4b0bea08bc20fe") + bytes(80))
PINNED = b64encode(bytes.fromhex("d4062dfb71ad4c86804b40ef1180f1fc") + bytes(80))


def place(name: str = "a", blob: bytes = HOST, directory: str = store.WRITTEN) -> Sealed:
    now = int(time.time())
    status = os.stat_result((0o100600, 1, 1, 1, 0, 0, len(blob), now, now, now))
    return Sealed(name, directory, status, blob)


def findings(
    error: CredentialError | None = None,
    *,
    expiring: bool = False,
    systemd: int = 257,
    tpm2_seconds: float = 0.0,
    **places: bytes,
) -> list[tuple[str, str]]:
    there = [place(name, blob) for name, blob in places.items()] or [place()]
    unsealed = credentials.Unsealed(
        values={} if error else {one.name: b"x" for one in there},
        errors={"a": error} if error else {},
        expiring=frozenset("a" if expiring else ""),
        nameless=frozenset(),
        tpm2_seconds=tpm2_seconds,
    )
    found = credentials.findings(
        there, unsealed, max_age_days=None, tpm2_there=True, systemd=systemd
    )
    return [(finding.rule, finding.fix) for finding in found]


def mismatch(embedded: str) -> NameMismatch:
    error = NameMismatch("credential a was sealed under another name")
    error.embedded = embedded
    return error


@pytest.mark.parametrize(
    ("error", "rule", "fix"),
    [
        (DamagedCredential("is damaged"), "does-not-unseal", "sudo credhelper rotate a"),
        (PCRsChanged("x", "wait"), "does-not-unseal", "sudo credhelper check a"),
        (WrongMachine("x", "wait"), "does-not-unseal", "sudo credhelper check a"),
        (HostKeyMissing("x", "wait"), "does-not-unseal", "sudo credhelper check a"),
        (DecryptionFailed("x"), "does-not-unseal", "sudo credhelper check a"),
        (TPMUnavailable("x"), "does-not-unseal", "sudo credhelper check a"),
        (TPMLockedOut("x", "wait"), "does-not-unseal", "sudo credhelper check a"),
        (SealingTimeout("x", "wait"), "does-not-unseal", "sudo credhelper check a"),
        (NullKeyRefused("x"), "null-key", "sudo credhelper reseal a"),
        (
            mismatch("in_no_store"),
            "embedded-name",
            f"sudo systemd-creds decrypt --newline=no --name=in_no_store {store.WRITTEN}/a - "
            "| sudo credhelper add in_no_store --stdin --exact",
        ),
        (mismatch("../b"), "embedded-name", f"sudo ls -ld -- {store.WRITTEN}/a"),
        (mismatch(""), "embedded-name", f"sudo ls -ld -- {store.WRITTEN}/a"),
    ],
)
def test_each_error_has_its_command(error: CredentialError, rule: str, fix: str) -> None:
    assert findings(error) == [(rule, fix)]


@pytest.mark.parametrize(("expiring", "rule"), [(False, "expired"), (True, "expires-soon")])
def test_when_it_expires_may_be_unknown(
    monkeypatch: pytest.MonkeyPatch, expiring: bool, rule: str
) -> None:
    def last_valid_second(*_: object, **__: object) -> int:
        raise TPMLockedOut("is locked out")

    monkeypatch.setattr(expiry, "last_valid_second", last_valid_second)
    error = None if expiring else CredentialExpired("credential a has expired")
    assert (rule, "sudo credhelper rotate a") in findings(error, expiring=expiring)


def test_where_there_is_a_tpm_the_host_key_alone_is_noted() -> None:
    assert findings(a=HOST, b=TPM2) == [
        ("host-key-alone", "sudo credhelper reseal a --with-key=host+tpm2")
    ]


def test_what_an_older_systemd_sealed_is_noted() -> None:
    assert findings(b=TPM2, c=PINNED, systemd=262) == [
        ("tpm2-not-pinned", "sudo credhelper reseal b")
    ]
    assert findings(b=TPM2) == []


def test_what_a_newer_systemd_sealed_opens_again_after_an_update() -> None:
    error = DamagedCredential("is damaged or of a newer format")
    [(rule, fix)] = findings(error, a=PINNED)
    assert rule == "newer-systemd"
    assert "systemd" in fix and "rotate" not in fix
    assert findings(error, a=PINNED, systemd=262) == [
        ("does-not-unseal", "sudo credhelper rotate a")
    ]


def test_what_is_of_a_package_is_hidden_by_a_new_one() -> None:
    error = DamagedCredential("is damaged")
    there = [place(directory="/usr/lib/credstore.encrypted")]
    unsealed = credentials.Unsealed({}, {"a": error}, frozenset(), frozenset())
    (finding,) = credentials.findings(
        there, unsealed, max_age_days=None, tpm2_there=False, systemd=257
    )
    assert finding.fix == "sudo credhelper add a"


def test_a_host_key_that_would_be_deleted_is_not_used() -> None:
    unsealed = credentials.unseal([place()], allow_null=False, host_key_usable=False)
    assert not unsealed.errors
    assert not unsealed.values


def test_how_many_are_bound_to_what() -> None:
    places = [place("a", HOST), place("b", HOST), place("c", TPM2), place("d", b"strange")]
    assert credentials.facts(places) == [
        "4 credentials: 2 bound to host, 1 bound to tpm2, 1 bound to unknown"
    ]
    assert credentials.facts([]) == ["no credentials yet"]


def test_what_many_credentials_of_a_tpm_cost_is_told() -> None:
    assert "tpm2-slow" in dict(findings(a=TPM2, b=TPM2, c=HOST, tpm2_seconds=4.2))
    assert "tpm2-slow" not in dict(findings(a=TPM2, c=HOST, tpm2_seconds=4.2))
    assert "tpm2-slow" not in dict(findings(a=TPM2, b=TPM2, tpm2_seconds=0.4))

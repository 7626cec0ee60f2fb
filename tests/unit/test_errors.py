# SPDX-License-Identifier: MIT
"""The hierarchy of errors: one root, and what a caller of the standard library would expect."""

from __future__ import annotations

import pickle

import pytest

import credhelper
from credhelper import errors

EXPECTED: dict[type[errors.CredentialError], type[Exception]] = {
    errors.UsageError: ValueError,
    errors.InvalidName: ValueError,
    errors.InvalidValue: ValueError,
    errors.CredentialNotFound: FileNotFoundError,
    errors.CredentialExists: FileExistsError,
    errors.NotPermitted: PermissionError,
    errors.UnsafeStore: PermissionError,
    errors.StoreFailed: OSError,
    errors.SystemdMissing: RuntimeError,
    errors.SealingTimeout: TimeoutError,
    errors.EncryptionFailed: RuntimeError,
    errors.DecryptionFailed: RuntimeError,
    errors.NameMismatch: errors.DecryptionFailed,
    errors.CredentialExpired: errors.DecryptionFailed,
    errors.WrongMachine: errors.DecryptionFailed,
    errors.DamagedCredential: errors.DecryptionFailed,
    errors.HostKeyMissing: errors.DecryptionFailed,
    errors.NullKeyRefused: errors.DecryptionFailed,
    errors.PCRsChanged: errors.DecryptionFailed,
    errors.TPMUnavailable: errors.DecryptionFailed,
    errors.TPMLockedOut: errors.DecryptionFailed,
}
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.CredentialError)
]


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_is_what_a_caller_would_catch(kind: type[errors.CredentialError]) -> None:
    with pytest.raises(EXPECTED[kind]):
        raise kind("credential x is not there", "add it")


@pytest.mark.parametrize("kind", KINDS)
def test_each_tells_what_and_the_way_out(kind: type[errors.CredentialError]) -> None:
    error = kind("credential x is not there", "add it")
    assert (error.problem, error.hint) == ("credential x is not there", "add it")
    assert str(error) == "credential x is not there (add it)"
    assert str(kind("credential x is not there")) == "credential x is not there"
    assert error.exit_code in {1, 2, 125, 126, 127}


@pytest.mark.parametrize("kind", KINDS)
def test_each_reaches_another_process_whole(kind: type[errors.CredentialError]) -> None:
    error = pickle.loads(pickle.dumps(kind("credential x is not there", "add it")))  # noqa: S301
    assert type(error) is kind
    assert str(error) == "credential x is not there (add it)"


def test_the_library_exports_what_a_caller_can_meet() -> None:
    commands_only = {"UsageError", "RunnerFailed", "Untrusted", "ScriptNotFound"}
    assert {kind.__name__ for kind in KINDS} - commands_only <= set(credhelper.__all__)


def test_subject_and_reason_make_the_sentence() -> None:
    error = errors.CredentialExpired("has expired", "rotate it", "credential has 'a' space")
    assert error.problem == "credential has 'a' space has expired"
    assert (error.subject, error.reason) == ("credential has 'a' space", "has expired")
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (copied.subject, copied.reason, copied.hint) == (error.subject, error.reason, error.hint)


def test_the_hierarchy_is_drawn_as_it_is() -> None:
    drawn = (errors.__doc__ or "").partition("CredentialError    ")[2]
    words = [line.split("─ ")[1].split()[0] for line in drawn.splitlines() if "─ " in line]
    assert words == [kind.__name__ for kind in KINDS if kind is not errors.CredentialError]

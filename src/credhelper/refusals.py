# SPDX-License-Identifier: MIT
"""What systemd-creds(1) refuses, as typed errors: its exit status is 1 for all of it.

Its wording differs by version, and that is met here, once.
"""

from __future__ import annotations

from typing import Final

from credhelper.errors import (
    CredentialError,
    CredentialExpired,
    DamagedCredential,
    DecryptionFailed,
    EncryptionFailed,
    HostKeyMissing,
    InvalidValue,
    NameMismatch,
    NotPermitted,
    NullKeyRefused,
    PCRsChanged,
    SystemdMissing,
    TPMLockedOut,
    TPMUnavailable,
    UsageError,
    WrongMachine,
)
from credhelper.name import quoted

_SEAL_AGAIN: Final = "seal it again from the source: sudo credhelper rotate {name}"
_NO_TPM: Final = (
    "needs a TPM2, and none answers here",
    "see systemd-creds has-tpm2; if it is gone for good, give the value again with --with-key=host",
)
_OTHER_TPM: Final = (
    "was sealed with another TPM, or with this one before it was cleared",
    "it cannot be unsealed here; " + _SEAL_AGAIN,
)
_OTHER_PCRS: Final = (
    "is bound to PCRs of the TPM that have changed since",
    "after a firmware or Secure Boot change, " + _SEAL_AGAIN,
)
_NO_SIGNATURE: Final = (
    "is bound to signed PCRs, and no signature here is for their present values",
    "give --tpm2-signature=, or start the kernel that brings it; if neither is there any more, "
    + _SEAL_AGAIN,
)
_OTHER_KIND: Final = (
    "needs a kind of key that this systemd-creds does not know",
    "update systemd, or choose another --with-key=",
)
_NO_ROOM: Final = (
    "needs a host key, and there is no room for one in /var/lib/systemd",
    "free some, then run it again",
)
_ROOT_ONLY: Final = ("may be unsealed by root only", "run it with sudo")
_BAD_PCRS: Final = (
    "cannot be bound to those PCRs",
    "write --tpm2-pcrs= as in systemd-creds(1), such as 7 or 7+11",
)
# What systemd-creds 252 to 262 say, the more telling line first.
_REFUSALS: Final[tuple[tuple[str, type[CredentialError], str, str], ...]] = (
    (
        "Embedded credential name",
        NameMismatch,
        "was sealed under another name",
        "a sealed credential cannot be renamed: put the file back under its own name, "
        "or add it again: sudo credhelper add {name}",
    ),
    (
        "time passed",
        CredentialExpired,
        "has expired",
        "give it a new value: sudo credhelper rotate {name}",
    ),
    (
        "invalidated before",
        EncryptionFailed,
        "would have expired already",
        "give --not-after= a time to come, such as +90d",
    ),
    (
        "Failed to parse --not-after",
        UsageError,
        "cannot be given that time to expire",
        "write --not-after= as in systemd.time(7), such as +90d or 2030-01-31",
    ),
    ("parse PCR", UsageError, *_BAD_PCRS),
    ("PCR number out of range", UsageError, *_BAD_PCRS),
    (
        "scoped to",
        DecryptionFailed,
        "is sealed for one user, not for the system",
        "seal it without --user or --uid: sudo credhelper rotate {name}",
    ),
    (
        "null key, but that's not allowed",
        NullKeyRefused,
        "is sealed with the null key, which protects nothing",
        "seal it with a real key: sudo credhelper reseal {name}",
    ),
    (
        "(0x00000921)",  # TPM_RC_LOCKOUT, as the TPM2 libraries write it
        TPMLockedOut,
        "cannot be unsealed: the TPM is locked out after failed attempts",
        "wait some minutes before trying again; do not repeat it in a loop",
    ),
    ("(0x000a000a)", TPMUnavailable, *_NO_TPM),  # TSS2_TCTI_RC_IO_ERROR: it went away meanwhile
    ("IO failure", TPMUnavailable, *_NO_TPM),
    ("Failed to create TPM2 context", TPMUnavailable, *_NO_TPM),
    ("find signature", PCRsChanged, *_NO_SIGNATURE),
    ("pcr signature", PCRsChanged, *_NO_SIGNATURE),
    ("PCR signature", PCRsChanged, *_NO_SIGNATURE),
    ("unseal secret using TPM2: No such device or address", PCRsChanged, *_NO_SIGNATURE),
    ("unseal secret using TPM2: Device not a stream", PCRsChanged, *_NO_SIGNATURE),
    (
        "PCR public key",
        EncryptionFailed,
        "cannot be bound to signed PCRs: there is no public key",
        "give --tpm2-public-key=, the key that signs the kernel images",
    ),
    ("TPM policy does not match", PCRsChanged, *_OTHER_PCRS),
    ("policy digest does not match", PCRsChanged, *_OTHER_PCRS),
    ("unseal secret using TPM2: Operation not permitted", PCRsChanged, *_OTHER_PCRS),
    ("integrity check failed", WrongMachine, *_OTHER_TPM),
    ("unseal secret using TPM2: State not recoverable", WrongMachine, *_OTHER_TPM),
    (
        "incorrect key?",
        WrongMachine,
        "was sealed on another machine, or altered since",
        "restore the file, or " + _SEAL_AGAIN,
    ),
    (
        "local credential key: Permission denied",
        NotPermitted,
        "needs the host key, which only root may read",
        "run it with sudo",
    ),
    ("credential host secret: No space left", HostKeyMissing, *_NO_ROOM),
    ("credential host secret: Disk quota exceeded", HostKeyMissing, *_NO_ROOM),
    (
        "credential host secret: Read-only file system",
        HostKeyMissing,
        "needs a host key, and /var/lib/systemd is on a file system that is read-only",
        "have it mounted to be written to, then run it again",
    ),
    (
        "Failed to determine local credential",
        HostKeyMissing,
        "needs the host key /var/lib/systemd/credential.secret, which is missing, damaged or "
        "of another machine id",
        "restore that file and /etc/machine-id from a backup, or " + _SEAL_AGAIN,
    ),
    (
        "Encrypted file too short",
        DamagedCredential,
        "is damaged: the file is too short",
        "restore the file, or " + _SEAL_AGAIN,
    ),
    (
        "corrupted data",
        DamagedCredential,
        "is damaged or of a newer format",
        "restore the file, or " + _SEAL_AGAIN,
    ),
    (
        "Failed to read encrypted credential data",
        DamagedCredential,
        "is damaged: the file is not a sealed credential",
        "restore the file, or " + _SEAL_AGAIN,
    ),
    (
        "unrecognized option",
        SystemdMissing,
        "needs a newer systemd-creds",
        "update systemd, or leave that option out",
    ),
    ("Unknown key type", SystemdMissing, *_OTHER_KIND),
    ("Failed to parse key type", SystemdMissing, *_OTHER_KIND),
    (
        "too long",
        InvalidValue,
        "is too large",
        "systemd unseals at most about 870,000 bytes; keep large data elsewhere, sealed with a key "
        "that is a credential",
    ),
    (
        "PCR bank invalid",
        TPMUnavailable,
        "is bound to no PCRs, which this systemd-creds does not manage",
        "update systemd, or bind it to some: --tpm2-pcrs=7",
    ),
    ("TPM", TPMUnavailable, *_NO_TPM),
    ("tcti", TPMUnavailable, *_NO_TPM),
    ("Permission denied", NotPermitted, *_ROOT_ONLY),
    ("PermissionDenied", NotPermitted, *_ROOT_ONLY),  # an ordinary user's, through Varlink
    ("InteractiveAuthenticationRequired", NotPermitted, *_ROOT_ONLY),  # the same with polkit
)


def damaged(cause: DamagedCredential, name: str) -> DamagedCredential:
    """The error for what is no sealed credential at all, for which systemd-creds is not asked."""
    subject = f"credential {name}"
    if cause.pretty:
        hint = f"see the command that makes one of it: sudo credhelper check {quoted(name)}"
        error = DamagedCredential(f"cannot be read from there: {cause.problem}", hint, subject)
        error.pretty = True
        return error
    hint = f"restore the file, or {_SEAL_AGAIN.format(name=quoted(name))}"
    return DamagedCredential(f"is damaged: {cause.problem}", hint, subject)


def error(text: str, name: str, failure: type[CredentialError]) -> CredentialError:
    """The error for what systemd-creds wrote to stderr about ``name``; ``failure`` if unknown."""
    subject = f"credential {name}"
    for needle, kind, reason, hint in _REFUSALS:
        if needle in text:
            found = kind(reason, hint.format(name=quoted(name)), subject)
            if isinstance(found, NameMismatch):
                found.embedded = text.partition("name '")[2].partition("'")[0]
            return found
    last = " ".join(text.split("\n")[-2:]).strip() or "no reason given"
    shown = "".join(c if c.isprintable() else "?" for c in last)[:200]
    return failure(
        f"is refused by systemd-creds: {shown}",
        "see systemd-creds(1), and journalctl for what the kernel or the TPM said",
        subject,
    )

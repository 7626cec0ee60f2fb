# SPDX-License-Identifier: MIT
"""API keys for on-demand scripts, as systemd credentials.

>>> from credhelper import load
>>> key = load("my_api_key")  # doctest: +SKIP

See credhelper(3).
"""

from credhelper.errors import (
    CredentialError,
    CredentialExists,
    CredentialExpired,
    CredentialNotFound,
    DamagedCredential,
    DecryptionFailed,
    EncryptionFailed,
    HostKeyMissing,
    InvalidName,
    InvalidValue,
    NameMismatch,
    NotPermitted,
    NullKeyRefused,
    PCRsChanged,
    SealingTimeout,
    StoreFailed,
    SystemdMissing,
    TPMLockedOut,
    TPMUnavailable,
    UnsafeStore,
    WrongMachine,
)
from credhelper.loading import load, load_bytes, preload
from credhelper.secret import Secret

__all__ = [
    "CredentialError",
    "CredentialExists",
    "CredentialExpired",
    "CredentialNotFound",
    "DamagedCredential",
    "DecryptionFailed",
    "EncryptionFailed",
    "HostKeyMissing",
    "InvalidName",
    "InvalidValue",
    "NameMismatch",
    "NotPermitted",
    "NullKeyRefused",
    "PCRsChanged",
    "SealingTimeout",
    "Secret",
    "StoreFailed",
    "SystemdMissing",
    "TPMLockedOut",
    "TPMUnavailable",
    "UnsafeStore",
    "WrongMachine",
    "load",
    "load_bytes",
    "preload",
]

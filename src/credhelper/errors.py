# SPDX-License-Identifier: MIT
"""The errors of credhelper: on what, what went wrong, and the way out.

Each is a :class:`CredentialError` and also the built-in exception that a caller would expect.
None ever holds a credential's value.

    CredentialError                    exit status 1, unless another one is given
    ├── UsageError          ValueError           2, commands only
    ├── InvalidName         ValueError           2
    ├── InvalidValue        ValueError
    ├── CredentialNotFound  FileNotFoundError
    ├── CredentialExists    FileExistsError
    ├── NotPermitted        PermissionError
    ├── UnsafeStore         PermissionError
    ├── StoreFailed         OSError
    ├── SystemdMissing      RuntimeError
    ├── SealingTimeout      TimeoutError
    ├── EncryptionFailed    RuntimeError
    ├── DecryptionFailed    RuntimeError
    │   ├── NameMismatch
    │   ├── CredentialExpired
    │   ├── WrongMachine
    │   ├── DamagedCredential
    │   ├── HostKeyMissing
    │   ├── NullKeyRefused
    │   ├── PCRsChanged
    │   ├── TPMUnavailable
    │   └── TPMLockedOut
    ├── RunnerFailed                             125, the runner only
    ├── Untrusted           PermissionError      126, commands only
    └── ScriptNotFound      FileNotFoundError    127, commands only
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to import than all of this
    from typing import ClassVar


class CredentialError(Exception):
    """The base of every error here.

    ``subject`` names what it is about (``credential my_api_key``, a path), ``reason`` what is
    wrong with that (``has expired``), ``hint`` the way out; subject and hint may be empty.
    ``exit_code`` is the command's exit status.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, reason: str, hint: str = "", subject: str = "") -> None:
        # not OSError's: it would take these for an errno, its text and a file name
        Exception.__init__(self, reason, hint, subject)
        self.reason = reason
        self.hint = hint
        self.subject = subject

    @property
    def problem(self) -> str:
        """The subject and what is wrong with it: one sentence, without a full stop."""
        return f"{self.subject} {self.reason}" if self.subject else self.reason

    def __str__(self) -> str:
        return f"{self.problem} ({self.hint})" if self.hint else self.problem


class UsageError(CredentialError, ValueError):
    """The command line cannot be understood."""

    exit_code = 2


class InvalidName(CredentialError, ValueError):
    """Not a name that a credential may have."""

    exit_code = 2


class InvalidValue(CredentialError, ValueError):
    """A value that cannot be sealed, or not be read as asked."""


class CredentialNotFound(CredentialError, FileNotFoundError):
    """No credential of this name."""


class CredentialExists(CredentialError, FileExistsError):
    """A credential of this name is there already."""


class NotPermitted(CredentialError, PermissionError):
    """The caller may not do this; mostly: not root."""


class UnsafeStore(CredentialError, PermissionError):
    """The credential store, or a file in it, could have been changed by somebody else."""


class StoreFailed(CredentialError, OSError):
    """The store could not be read or written."""


class SystemdMissing(CredentialError, RuntimeError):
    """systemd-creds is absent, or too old for what was asked."""


class SealingTimeout(CredentialError, TimeoutError):
    """systemd-creds did not answer in time."""


class EncryptionFailed(CredentialError, RuntimeError):
    """systemd-creds could not seal a value."""


class DecryptionFailed(CredentialError, RuntimeError):
    """systemd-creds could not unseal a credential."""


class NameMismatch(DecryptionFailed):
    """The embedded name, ``embedded``, is not the file's name."""

    embedded = ""


class CredentialExpired(DecryptionFailed):
    """The time given as not-after has passed."""


class WrongMachine(DecryptionFailed):
    """Sealed with another machine's key or TPM, or altered since."""


class DamagedCredential(DecryptionFailed):
    """Not a sealed credential: empty, truncated or something else altogether.

    ``pretty``: it is whole, but as the line of a unit file that ``--pretty`` makes of it.
    """

    pretty = False


class HostKeyMissing(DecryptionFailed):
    """The host key, or what it belongs to, is not there."""


class NullKeyRefused(DecryptionFailed):
    """Sealed with the null key, which protects nothing, and nobody asked for that."""


class PCRsChanged(DecryptionFailed):
    """The TPM's PCRs are not those that the credential is bound to."""


class TPMUnavailable(DecryptionFailed):
    """There is no TPM2, or it does not answer."""


class TPMLockedOut(DecryptionFailed):
    """The TPM refuses to answer for a while, after too many failures."""


class RunnerFailed(CredentialError):
    """The runner could not prepare the run."""

    exit_code = 125


class Untrusted(CredentialError, PermissionError):
    """The script was found but is not to be run; ``moved`` is where the hint puts it, if so."""

    exit_code = 126
    moved = ""


class ScriptNotFound(CredentialError, FileNotFoundError):
    """There is no such script, module or interpreter."""

    exit_code = 127

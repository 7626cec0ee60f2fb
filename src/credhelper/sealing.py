"""Sealing and unsealing: the only place that runs systemd-creds(1).

A value goes in and comes out through a pipe, never through a file or an argument. What systemd
refuses becomes a typed error; its wording differs by version, and that is met here, once.
"""

from __future__ import annotations

from credhelper import envelope
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
    SealingTimeout,
    StoreFailed,
    SystemdMissing,
    TPMLockedOut,
    TPMUnavailable,
    WrongMachine,
)
from credhelper.process import Process, wait_any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

SYSTEMD_CREDS: Final = "/usr/bin/systemd-creds"
MAXIMUM_VALUE_BYTES: Final = 1 << 20  # systemd's CREDENTIAL_SIZE_MAX
# CREDENTIAL_ENCRYPTED_SIZE_MAX; systemd holds the base64 text to it, so that it unseals less
# than it seals: about 870,000 bytes
MAXIMUM_BLOB_BYTES: Final = MAXIMUM_VALUE_BYTES + (128 << 10)
TIME_LIMIT_SECONDS: Final = 90.0  # for one credential: slow TPMs take seconds, a stuck one forever

# Nothing of the caller's: SYSTEMD_CREDENTIAL_* changes what is checked, LC_* the wording.
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}
_SIDE_BY_SIDE: Final = 16
_NULL_KEY_TEXT: Final = "null key, but that's not allowed"
_NULL_KEY_ONCE: Final = "tpm2-absent"  # what systemd before 253 calls the null key

_SEAL_AGAIN: Final = "seal it anew from the source: sudo credhelper rotate {name}"
_NO_TPM: Final = (
    "needs a TPM2, and none answers here",
    "see systemd-creds has-tpm2; if it is gone for good, give the value anew with --with-key=host",
)
_OTHER_TPM: Final = (
    "was sealed with another TPM, or with this one before it was cleared",
    "it cannot be unsealed here; " + _SEAL_AGAIN,
)
_OTHER_PCRS: Final = (
    "is bound to PCRs of the TPM that have changed since",
    "after a firmware or Secure Boot change, " + _SEAL_AGAIN,
)
_OTHER_KIND: Final = (
    "needs a kind of key that this systemd-creds does not know",
    "update systemd, or choose another --with-key=",
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
        "or add it anew: sudo credhelper add {name}",
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
        EncryptionFailed,
        "cannot be given that time to expire",
        "write --not-after= as in systemd.time(7), such as +90d or 2030-01-31",
    ),
    ("parse PCR", EncryptionFailed, *_BAD_PCRS),
    ("PCR number out of range", EncryptionFailed, *_BAD_PCRS),
    (
        "scoped to",
        DecryptionFailed,
        "is sealed for one user, not for the system",
        "seal it without --user or --uid: sudo credhelper rotate {name}",
    ),
    (
        _NULL_KEY_TEXT,
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
    ("TPM", TPMUnavailable, *_NO_TPM),
    ("tcti", TPMUnavailable, *_NO_TPM),
    ("Permission denied", NotPermitted, *_ROOT_ONLY),
    ("PermissionDenied", NotPermitted, *_ROOT_ONLY),  # an ordinary user's, through Varlink
    ("InteractiveAuthenticationRequired", NotPermitted, *_ROOT_ONLY),  # the same with polkit
)


def seal(
    name: str,
    value: bytes,
    *,
    with_key: str = "auto",
    tpm2_device: str = "",
    tpm2_pcrs: str = "",
    not_after: str = "",
) -> bytes:
    """The sealed credential (base64, as it stands in a file) of ``value`` under ``name``.

    ``value`` holds 1 to about 870,000 bytes; the other arguments are the options of
    systemd-creds(1), empty for its default. Raises :class:`InvalidValue`,
    :class:`EncryptionFailed`, :class:`TPMUnavailable`, :class:`SealingTimeout`,
    :class:`NotPermitted` or :class:`SystemdMissing`.
    """
    if not value:
        raise InvalidValue(f"the value of {name} is empty", "give at least one byte")
    if with_key == "null" and version() < 253:
        with_key = _NULL_KEY_ONCE
    argv = [SYSTEMD_CREDS, "encrypt", f"--name={name}", f"--with-key={with_key}"]
    argv += [f"--tpm2-device={tpm2_device}"] if tpm2_device else []
    argv += [f"--tpm2-pcrs={tpm2_pcrs}"] if tpm2_pcrs else []
    argv += [f"--not-after={not_after}"] if not_after else []
    process = _process([*argv, "-", "-"], value)
    try:
        wait_any([process])
    finally:
        process.kill()
    blob = _outcome(process, name, EncryptionFailed)
    if len(blob) > MAXIMUM_BLOB_BYTES:
        raise _refusal("too long", name, EncryptionFailed)
    return blob


def unseal(
    name: str,
    blob: bytes,
    *,
    allow_null: bool = False,
    tpm2_device: str = "",
    timestamp: str = "",
) -> bytes:
    """The value in the sealed credential ``blob``, whose embedded name has to be ``name``.

    Raises what :func:`unseal_many` returns in place of a value.
    """
    result = unseal_many(
        {name: blob}, allow_null=allow_null, tpm2_device=tpm2_device, timestamp=timestamp
    )[name]
    if isinstance(result, CredentialError):
        raise result
    return result


def unseal_many(
    blobs: Mapping[str, bytes],
    *,
    allow_null: bool = False,
    tpm2_device: str = "",
    timestamp: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, bytes | CredentialError]:
    """The value of each of ``blobs`` (by name), or the error that kept it sealed.

    ``timestamp`` (systemd.time(7)) is what is taken for now when it comes to expiry.
    """
    unsealing = Unsealing(
        blobs, allow_null=allow_null, tpm2_device=tpm2_device, timestamp=timestamp
    )
    return unsealing.results(progress)


class Unsealing:
    """Sealed credentials on their way to being unsealed, while the caller does something else.

    Those that need a TPM wait for one another, for a TPM does one thing at a time. The null key
    is refused by the header unless ``allow_null``: what was looked at is what systemd gets.
    """

    def __init__(
        self,
        blobs: Mapping[str, bytes],
        *,
        allow_null: bool = False,
        tpm2_device: str = "",
        timestamp: str = "",
    ) -> None:
        """Starts as many as may run side by side."""
        self._results: dict[str, bytes | CredentialError] = {}
        self._running: dict[Process, str] = {}
        self._lanes = (_Lane(_SIDE_BY_SIDE), _Lane(1))
        self._order = list(blobs)
        self._argv = [SYSTEMD_CREDS, "decrypt", "--newline=no"]
        self._argv += [f"--tpm2-device={tpm2_device}"] if tpm2_device else []
        self._argv += [f"--timestamp={timestamp}"] if timestamp else []
        for name, blob in blobs.items():
            try:
                bound = envelope.binding(blob)
            except DamagedCredential as error:
                self._results[name] = DamagedCredential(
                    f"credential {name} is damaged: {error.problem}",
                    f"restore the file, or {_SEAL_AGAIN.format(name=name)}",
                )
                continue
            if bound is envelope.NULL:
                if not allow_null:
                    self._results[name] = _refusal(_NULL_KEY_TEXT, name, DecryptionFailed)
                    continue
                if "--allow-null" not in self._argv and version() >= 256:
                    self._argv.append("--allow-null")
            self._lanes[bound.uses_tpm2].waiting.append((name, blob))
        self._start()

    def results(
        self, progress: Callable[[int, int], None] | None = None
    ) -> dict[str, bytes | CredentialError]:
        """Waits for all; the value or the error of each, in the order in which they were given.

        ``progress`` is told how many are done, of how many.
        """
        try:
            while self._running:
                for process in wait_any(self._running):
                    name = self._running.pop(process)
                    try:
                        self._results[name] = _outcome(process, name, DecryptionFailed)
                    except CredentialError as error:
                        self._results[name] = error
                    for lane in self._lanes:
                        lane.running.discard(process)
                if progress:
                    progress(len(self._results), len(self._order))
                self._start()
        finally:
            self.cancel()
        return {name: self._results[name] for name in self._order}

    def cancel(self) -> None:
        """Ends what is still running."""
        for process in self._running:
            process.kill()
        self._running.clear()

    def _start(self) -> None:
        for lane in self._lanes:
            while lane.waiting and len(lane.running) < lane.width:
                name, blob = lane.waiting.pop(0)
                try:
                    process = _process([*self._argv, f"--name={name}", "-", "-"], blob)
                except CredentialError as error:
                    if self._running:  # few descriptors or processes: one after the other then
                        lane.waiting.insert(0, (name, blob))
                        return
                    self._results[name] = error
                else:
                    lane.running.add(process)
                    self._running[process] = name


class _Lane:
    """What waits and what runs of those that share a bound on how many run side by side."""

    __slots__ = ("running", "waiting", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.waiting: list[tuple[str, bytes]] = []
        self.running: set[Process] = set()


def version() -> int:
    """The version of systemd-creds. Raises :class:`SystemdMissing` where there is none."""
    process = _process([SYSTEMD_CREDS, "--version"], b"")
    wait_any([process])
    words = process.stdout.split()
    if len(words) < 2 or not words[1].isdigit():
        raise SystemdMissing("systemd-creds does not tell its version", "update systemd")
    return int(words[1])


def has_tpm2() -> str:
    """Whether systemd can use a TPM2: ``yes``, ``partial`` or ``no`` (systemd-creds(1)).

    Raises :class:`SystemdMissing`.
    """
    process = _process([SYSTEMD_CREDS, "has-tpm2"], b"")
    wait_any([process])
    words = process.stdout.split()
    return words[0].decode("ascii", "replace") if words else "no"


def _process(argv: list[str], stdin: bytes) -> Process:
    try:
        return Process(argv, stdin, _ENVIRONMENT, TIME_LIMIT_SECONDS)
    except FileNotFoundError:
        raise SystemdMissing(
            f"{SYSTEMD_CREDS} is missing", "install systemd 250 or newer (package systemd)"
        ) from None
    except OSError as error:
        raise StoreFailed(
            f"systemd-creds cannot be started: {error.strerror}",
            "free memory, processes or descriptors (ulimit -a), then try again",
        ) from None


def _outcome(process: Process, name: str, failure: type[CredentialError]) -> bytes:
    if process.timed_out:
        raise SealingTimeout(
            f"systemd-creds gave no answer for {name} within {TIME_LIMIT_SECONDS:.0f} seconds",
            "mostly a TPM that hangs: look at journalctl -k and systemd-creds has-tpm2, "
            "then try again",
        )
    if process.status is None:
        raise failure(
            f"whether systemd-creds succeeded for {name} is not known",
            "the calling program ignores SIGCHLD or waits for every child: let it leave "
            "SIGCHLD at its default",
        )
    if process.status:
        text = process.stderr.decode("utf-8", "replace")
        if process.status < 0:
            text = f"systemd-creds was ended by signal {-process.status}"
        raise _refusal(text, name, failure)
    return bytes(process.stdout)


def _refusal(text: str, name: str, failure: type[CredentialError]) -> CredentialError:
    for needle, kind, problem, hint in _REFUSALS:
        if needle in text:
            error = kind(f"credential {name} {problem}", hint.format(name=name))
            if isinstance(error, NameMismatch):
                error.embedded = text.partition("name '")[2].partition("'")[0]
            return error
    last = " ".join(text.split("\n")[-2:]).strip() or "no reason given"
    shown = "".join(c if c.isprintable() else "?" for c in last)[:200]
    return failure(
        f"credential {name}: systemd-creds failed: {shown}",
        "see systemd-creds(1), and journalctl for what the kernel or the TPM said",
    )

# SPDX-License-Identifier: MIT
"""Sealing by systemd-creds(1), unsealing what is at hand, and what systemd-creds says of itself."""

from __future__ import annotations

import os

from credhelper import hostkey
from credhelper.errors import CredentialError, EncryptionFailed, InvalidValue
from credhelper.process import in_memory, wait_any
from credhelper.unsealing import (
    MAXIMUM_BLOB_BYTES,
    Unsealing,
    outcome,
    refusal,
    start,
    version,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

_NULL_KEY_ONCE: Final = "tpm2-absent"  # what systemd before 253 calls the null key


def seal(
    name: str,
    value: bytes,
    *,
    with_key: str = "auto",
    tpm2_device: str = "",
    tpm2_pcrs: str | None = None,
    tpm2_public_key: str = "",
    tpm2_public_key_pcrs: str = "",
    tpm2_pcrlock: str = "",
    not_after: str = "",
) -> bytes:
    """The sealed credential (base64, as it is in a file) of ``value`` under ``name``.

    ``value`` holds 1 to about 870,000 bytes; the other arguments are the options of
    systemd-creds(1), empty for its default, but ``tpm2_pcrs`` empty for none, and
    ``tpm2_public_key`` is PEM text. Raises :class:`InvalidValue`,
    :class:`EncryptionFailed`, :class:`TPMUnavailable`, :class:`SealingTimeout`,
    :class:`HostKeyMissing`, :class:`NotPermitted` or :class:`SystemdMissing`.
    """
    if not value:
        raise InvalidValue(f"the value of {name} is empty", "give at least one byte")
    if "host" in with_key or with_key == "auto":
        _guard_host_key(name)
    if with_key == "null" and version() < 253:
        with_key = _NULL_KEY_ONCE
    argv = ["encrypt", f"--name={name}", f"--with-key={with_key}"]
    argv += [f"--tpm2-device={tpm2_device}"] if tpm2_device else []
    argv += [] if tpm2_pcrs is None else [f"--tpm2-pcrs={tpm2_pcrs}"]
    argv += [f"--tpm2-public-key-pcrs={tpm2_public_key_pcrs}"] if tpm2_public_key_pcrs else []
    argv += [f"--tpm2-pcrlock={tpm2_pcrlock}"] if tpm2_pcrlock else []
    argv += [f"--not-after={not_after}"] if not_after else []
    public_key = in_memory(tpm2_public_key.encode(), inherited=True) if tpm2_public_key else None
    try:
        argv += [] if public_key is None else [f"--tpm2-public-key=/proc/self/fd/{public_key}"]
        process = start([*argv, "-", "-"], value)
        try:
            wait_any([process])
        finally:
            process.kill()
    finally:
        if public_key is not None:
            os.close(public_key)
    blob = outcome(process, name, EncryptionFailed)
    if len(blob) > MAXIMUM_BLOB_BYTES:
        raise refusal("too long", name, EncryptionFailed)
    return blob


def unseal(
    name: str,
    blob: bytes,
    *,
    allow_null: bool = False,
    tpm2_device: str = "",
    tpm2_signature: str = "",
    timestamp: str = "",
) -> bytes:
    """The value in the sealed credential ``blob``, whose embedded name has to be ``name``.

    Raises what :func:`unseal_many` returns in place of a value.
    """
    result = unseal_many(
        {name: blob},
        allow_null=allow_null,
        tpm2_device=tpm2_device,
        tpm2_signature=tpm2_signature,
        timestamp=timestamp,
    )[name]
    if isinstance(result, CredentialError):
        raise result
    return result


def unseal_many(
    blobs: Mapping[str, bytes],
    *,
    allow_null: bool = False,
    tpm2_device: str = "",
    tpm2_signature: str = "",
    timestamp: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, bytes | CredentialError]:
    """The value of each of ``blobs`` (by name), or the error that kept it sealed.

    ``timestamp`` (systemd.time(7)) is what is taken for now when it comes to expiry.
    """
    unsealing = Unsealing(
        blobs,
        allow_null=allow_null,
        tpm2_device=tpm2_device,
        tpm2_signature=tpm2_signature,
        timestamp=timestamp,
    )
    return unsealing.results(progress)


def nameless(blobs: Mapping[str, bytes], *, allow_null: bool) -> set[str]:
    """Those of ``blobs`` (by file name) that have no embedded name: they unseal under any.

    Whoever may write the store could put one in another's place. Each is unsealed under a name
    that no other has.
    """
    unsealed = Unsealing(blobs, allow_null=allow_null, under=os.urandom(16).hex()).results()
    return {name for name, value in unsealed.items() if isinstance(value, bytes)}


def has_tpm2() -> str:
    """Whether systemd can use a TPM2: ``yes``, ``partial`` or ``no`` (systemd-creds(1)).

    Raises :class:`SystemdMissing`.
    """
    return (tpm2_parts() or ["no"])[0]


def tpm2_parts() -> list[str]:
    """The same, and then what there is of it (``+driver``) and is not (``-libraries``)."""
    process = start(["has-tpm2"], b"")
    wait_any([process])
    return process.stdout.decode("ascii", "replace").split()


def _guard_host_key(name: str) -> None:
    """Raises :class:`HostKeyMissing` where sealing ``name`` would cost the host key."""
    if hostkey.is_foreign():
        raise hostkey.foreign(name)

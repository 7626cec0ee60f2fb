# SPDX-License-Identifier: MIT
"""The options that say how a credential is bound, for each verb that seals."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from credhelper import envelope, sealing
from credhelper.commands import expiry, messages
from credhelper.errors import CredentialError, CredentialExpired, EncryptionFailed

if TYPE_CHECKING:
    import argparse

_OF_PODMAN: Final = "/run/.containerenv"  # podman(1) and buildah(1) put it into each container
_OF_SYSTEMD: Final = "/run/systemd/system"  # there where systemd is PID 1: sd_booted(3)
WITH_KEY: Final = ("auto", "host", "tpm2", "host+tpm2", "null")


@dataclass(frozen=True)
class Bound:
    """How to seal: what systemd-creds(1) takes, empty for its default."""

    with_key: str = ""
    tpm2_device: str = ""
    tpm2_pcrs: str = ""
    not_after: str = ""

    def seal(self, name: str, value: bytes) -> bytes:
        """The sealed credential of ``value``; raises as :func:`sealing.seal` does.

        Raises :class:`EncryptionFailed` too where an image is being built and no key is named.
        """
        if self.with_key in {"", "auto"} and _in_image_build():
            raise EncryptionFailed(
                "this is a container without systemd, as where an image is built: what is sealed "
                "here opens on no other machine, or with one key on all of them",
                "seal on the machine that needs it; here all the same: --with-key=host",
            )
        return sealing.seal(
            name,
            value,
            with_key=self.with_key or "auto",
            tpm2_device=self.tpm2_device,
            tpm2_pcrs=self.tpm2_pcrs,
            not_after=self.not_after,
        )

    def unseal(self, name: str, blob: bytes) -> bytes:
        """The value in ``blob``, to verify what was sealed so."""
        allow_null = self.with_key == "null"
        return sealing.unseal(name, blob, allow_null=allow_null, tpm2_device=self.tpm2_device)

    def like(self, blob: bytes) -> Bound:
        """The same, with what is not said taken from the sealed credential ``blob``."""
        if self.with_key:
            return self
        old = envelope.binding(blob)
        if old is envelope.UNKNOWN:
            messages.warn("the binding of the old credential is not known here: taking auto")
        pcrs = self.tpm2_pcrs or envelope.tpm2_pcrs(blob)
        return replace(self, with_key=old.with_key, tpm2_pcrs=pcrs)

    def tell_of_expiry(self, name: str, old: bytes) -> None:
        """Says so where the sealed credential ``old`` expires, and what replaces it does not."""
        if self.not_after:
            return
        device = self.tpm2_device
        with suppress(CredentialError):  # what does not unseal does not tell when it expires
            try:
                _, end = expiry.unseal(name, old, allow_null=True, tpm2_device=device)
            except CredentialExpired:
                end = expiry.last_valid_second(name, old, allow_null=True, tpm2_device=device)
            if end is not None:
                verb = "expires" if end >= time.time() else "expired"
                messages.note(
                    f"the old value of {name} {verb} on {expiry.shown(end)}, "
                    "the new one never expires: to have it expire, give --not-after="
                )


def _in_image_build() -> bool:
    return os.path.exists(_OF_PODMAN) and not os.path.exists(_OF_SYSTEMD)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a verb's parser."""
    group = parser.add_argument_group("binding, as in systemd-creds(1)")
    group.add_argument("--with-key", choices=WITH_KEY, default="", help="the key to seal with")
    group.add_argument("--tpm2-device", metavar="DEVICE", default="", help="the TPM2 to use")
    group.add_argument(
        "--tpm2-pcrs", metavar="PCRS", default="", help="PCRs to bind to, such as 7+11"
    )
    group.add_argument(
        "--not-after", metavar="TIME", default="", help="when it expires, such as +90d"
    )


def chosen(arguments: argparse.Namespace) -> Bound:
    """What the command line says."""
    bound = Bound(
        with_key=arguments.with_key,
        tpm2_device=arguments.tpm2_device,
        tpm2_pcrs=arguments.tpm2_pcrs,
        not_after=arguments.not_after,
    )
    if bound.with_key == "null":
        messages.warn("the null key protects nothing: whoever can read the file has the value")
    return bound

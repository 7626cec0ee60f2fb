# SPDX-License-Identifier: MIT
"""The options that say how a credential is bound, for each verb that seals."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from credhelper import envelope, hostkey
from credhelper.commands import expiry, messages, sealing
from credhelper.errors import (
    CredentialError,
    CredentialExpired,
    DamagedCredential,
    EncryptionFailed,
    InvalidValue,
)

if TYPE_CHECKING:
    import argparse

_OF_PODMAN: Final = "/run/.containerenv"  # podman(1) and buildah(1) put it into each container
_OF_SYSTEMD: Final = "/run/systemd/system"  # there where systemd is PID 1: sd_booted(3)
_PUBLIC_KEY_BYTES: Final = 8192
_SIGNED: Final = "-with-public-key"  # what ends the names of keys for signed PCRs
WITH_KEY: Final = (
    *("auto", "host", "tpm2", "host+tpm2"),
    *(f"tpm2{_SIGNED}", f"host+tpm2{_SIGNED}", "null"),
)


@dataclass(frozen=True)
class Bound:
    """How to seal: what systemd-creds(1) takes, empty for its default."""

    with_key: str = ""
    tpm2_device: str = ""
    tpm2_pcrs: str | None = None
    tpm2_public_key: str = ""
    tpm2_public_key_pcrs: str = ""
    tpm2_signature: str = ""
    tpm2_pcrlock: str = ""
    not_after: str = ""

    @property
    def is_said(self) -> bool:
        """Whether anything is said of it that sealing takes."""
        return replace(self, tpm2_device="", tpm2_signature="") != Bound()

    @property
    def tpm2(self) -> dict[str, str]:
        """What unsealing takes."""
        return {"tpm2_device": self.tpm2_device, "tpm2_signature": self.tpm2_signature}

    def seal(self, name: str, value: bytes) -> bytes:
        """The sealed credential of ``value``; raises as :func:`sealing.seal` does.

        Raises :class:`EncryptionFailed` too where an image is being built and no key is named.
        """
        if self.with_key in {"", "auto"} and _in_image_build():
            raise EncryptionFailed(
                "no systemd runs here, as where an image is built: what is sealed here opens on no "
                "other machine, or with one key on all of them",
                "seal on the machine that needs it; to do it here anyway: --with-key=host",
            )
        return sealing.seal(
            name,
            value,
            with_key=self.with_key or "auto",
            tpm2_device=self.tpm2_device,
            tpm2_pcrs=self.tpm2_pcrs,
            tpm2_public_key=self.tpm2_public_key,
            tpm2_public_key_pcrs=self.tpm2_public_key_pcrs,
            tpm2_pcrlock=self.tpm2_pcrlock,
            not_after=self.not_after,
        )

    def like(self, blob: bytes) -> Bound:
        """The same, with what is not said taken from the sealed credential ``blob``."""
        bound = self
        if not self.with_key:
            old = envelope.binding(blob)
            if old is envelope.UNKNOWN:
                messages.warn("the binding of the old credential is not known here: taking auto")
            key, pcrs = old.with_key, self.tpm2_pcrs
            if pcrs is None and "tpm2" in key:
                pcrs = envelope.tpm2_pcrs(blob)
            if self.tpm2_public_key and key.endswith("tpm2"):
                key += _SIGNED
            bound = replace(self, with_key=key, tpm2_pcrs=pcrs)
        if not bound.with_key.endswith(_SIGNED):
            return bound
        pcrs, key = envelope.signed_pcrs(blob)
        return replace(
            bound,
            tpm2_public_key=self.tpm2_public_key or key,
            tpm2_public_key_pcrs=self.tpm2_public_key_pcrs or pcrs,
        )

    def tell_of_expiry(self, name: str, old: bytes) -> None:
        """Says so where the sealed credential ``old`` expires, and what replaces it does not."""
        if self.not_after:
            return
        with suppress(CredentialError):  # what does not unseal does not tell when it expires
            try:
                _, end = expiry.unseal(name, old, allow_null=True, **self.tpm2)
            except CredentialExpired:
                end = expiry.last_valid_second(name, old, allow_null=True, **self.tpm2)
            if end is not None:
                verb = "expires" if end >= time.time() else "expired"
                messages.note(
                    f"the old value of {name} {verb} on {expiry.shown(end)}, "
                    "the new one never expires: to have it expire, give --not-after="
                )


def _in_image_build() -> bool:
    """Whether no systemd runs, in a container or on what no machine has started from yet.

    No sign of BuildKit's is documented; base images of Fedora and bootc have the last two.
    """
    if os.path.exists(_OF_SYSTEMD):
        return False
    fresh = hostkey.machine_id() is None and not os.path.exists(hostkey.PATH)
    return os.path.exists(_OF_PODMAN) or "container" in os.environ or fresh


def label(blob: bytes) -> str:
    """How the sealed credential ``blob`` is bound, for people; empty where that is not known."""
    with suppress(DamagedCredential):
        return envelope.binding(blob).label
    return ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a verb's parser."""
    group = parser.add_argument_group("binding, as in systemd-creds(1)")
    group.add_argument("--with-key", choices=WITH_KEY, default="", help="the key to seal with")
    group.add_argument("--tpm2-device", metavar="DEVICE", default="", help="the TPM2 to use")
    group.add_argument("--tpm2-pcrs", metavar="PCRS", help="PCRs to bind to, such as 7+11")
    group.add_argument(
        "--tpm2-public-key", metavar="PATH", help="the key (PEM) that signs the PCRs' values"
    )
    group.add_argument(
        "--tpm2-public-key-pcrs", metavar="PCRS", default="", help="PCRs whose values are signed"
    )
    group.add_argument(
        "--tpm2-signature", metavar="PATH", default="", help="the signatures, to unseal with"
    )
    group.add_argument(
        "--tpm2-pcrlock", metavar="PATH", default="", help="a policy of systemd-pcrlock(8)"
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
        tpm2_public_key=_public_key(arguments.tpm2_public_key) if arguments.tpm2_public_key else "",
        tpm2_public_key_pcrs=arguments.tpm2_public_key_pcrs,
        tpm2_signature=arguments.tpm2_signature,
        tpm2_pcrlock=arguments.tpm2_pcrlock,
        not_after=arguments.not_after,
    )
    if bound.with_key == "null":
        messages.warn("the null key protects nothing: whoever can read the file has the value")
    return bound


def _public_key(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            text = file.read(_PUBLIC_KEY_BYTES)
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}", "look at the path") from None
    except UnicodeDecodeError:
        text = ""
    if "-----BEGIN PUBLIC KEY-----" not in text:
        raise InvalidValue(f"{path} holds no public key", "give one in the form PEM")
    return text

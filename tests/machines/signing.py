# SPDX-License-Identifier: MIT
"""Who signs PCR values that are to come: what systemd-measure(1) does for a kernel image."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.machines.tpm import TPM

_OPENSSL: Final = "/usr/bin/openssl"
_SHA256: Final = 0x000B  # TPM2_ALG_SHA256
_POLICY_PCR: Final = 0x0000017F  # TPM2_CC_PolicyPCR


@dataclass(frozen=True)
class Signer:
    """A key pair in the file ``private``."""

    private: Path

    @classmethod
    def made(cls, private: Path) -> Signer:
        """A new key."""
        bits = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        _openssl("genpkey", *bits, "-out", str(private))
        return cls(private)

    @property
    def public(self) -> bytes:
        """The public key, as ``--tpm2-public-key=`` takes it (PEM)."""
        return _openssl("rsa", "-in", str(self.private), "-pubout")

    def signature(self, chip: TPM, pcr: int) -> bytes:
        """A signature for the present value of ``pcr``, as ``--tpm2-signature=`` takes it (JSON).

        TPM 2.0 Library Part 3, TPM2_PolicyPCR and TPM2_PolicyAuthorize.
        """
        value = bytes.fromhex(chip.tool("tpm2_pcrread", f"sha256:{pcr}").rpartition("0x")[2])
        chip.flush()
        selection = b"".join(
            (_big(1, 4), _big(_SHA256, 2), _big(3, 1), (1 << pcr).to_bytes(3, "little"))
        )
        seen = hashlib.sha256(value).digest()
        policy = hashlib.sha256(bytes(32) + _big(_POLICY_PCR, 4) + selection + seen).digest()
        key = _openssl("rsa", "-in", str(self.private), "-RSAPublicKey_out", "-outform", "DER")
        signed = _openssl("dgst", "-sha256", "-sign", str(self.private), stdin=policy)
        entry = {
            "pcrs": [pcr],
            "pkfp": hashlib.sha256(key).hexdigest(),
            "pol": policy.hex(),
            "sig": base64.b64encode(signed).decode(),
        }
        return json.dumps({"sha256": [entry]}).encode()


def _big(number: int, size: int) -> bytes:
    return number.to_bytes(size, "big")


def _openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run([_OPENSSL, *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout

# SPDX-License-Identifier: MIT
"""SHA-256 by Python's own C module: ``hashlib`` loads OpenSSL, which takes 3 ms."""

from __future__ import annotations

try:
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found] # Python 3.11
    except ImportError:  # a Python that is built to leave it to OpenSSL, as in RHEL
        from hashlib import sha256

__all__ = ["hmac_sha256", "sha256"]

_BLOCK_BYTES = 64


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """The HMAC (RFC 2104) of ``message`` under ``key``, which has at most 64 bytes."""
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return bytes(sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest())

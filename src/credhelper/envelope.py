# SPDX-License-Identifier: MIT
"""What the header of a sealed credential tells without its key: how it is bound.

A sealed credential is base64; what it encodes begins with a 128-bit id of the key type
(systemd's ``encrypted_credential_header``). Name, timestamp and expiry are inside the encrypted
part and cannot be read here.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64

from credhelper.errors import DamagedCredential

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_PRETTY: Final = b"SetCredentialEncrypted="  # what systemd-creds encrypt --pretty puts before it
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")  # systemd reads that alphabet too, from 256 on
_PEM: Final = b"-----BEGIN"
_HEADER_BYTES: Final = 16 + 4 * 4  # the id, then the sizes of key, block, IV and tag
_TPM2_BYTES: Final = 96  # as much of it as the mask of PCRs takes
_KEY_BYTES: Final = 9600  # the same up to the end of a public key


class Binding:
    """How a credential is bound. A closed set: the constants below (``enum`` is slow to import)."""

    __slots__ = ("label", "with_key")

    def __init__(self, label: str, with_key: str) -> None:
        self.label: Final = label
        """For people, as ``credhelper list`` shows it."""
        self.with_key: Final = with_key
        """What ``systemd-creds encrypt --with-key=`` takes to bind in the same way."""

    @property
    def uses_tpm2(self) -> bool:
        """Whether a TPM2 has to answer, or may have to."""
        return "tpm2" in self.label or self is UNKNOWN

    @property
    def uses_host_key(self) -> bool:
        """Whether systemd looks at the host key, or may do so."""
        return "host" in self.label or self is UNKNOWN

    @property
    def is_pinned(self) -> bool:
        """Whether it holds the storage key of its TPM, as systemd seals from 262 on."""
        return "pinned" in self.label

    def __repr__(self) -> str:
        return f"<Binding {self.label}>"


FIRST_PINNING: Final = 262  # the version of systemd

HOST: Final = Binding("host", "host")
HOST_SCOPED: Final = Binding("host, user", "host")
TPM2: Final = Binding("tpm2", "tpm2")
TPM2_PUBLIC_KEY: Final = Binding("tpm2, signed PCRs", "tpm2-with-public-key")
HOST_TPM2: Final = Binding("host+tpm2", "host+tpm2")
HOST_TPM2_SCOPED: Final = Binding("host+tpm2, user", "host+tpm2")
HOST_TPM2_PUBLIC_KEY: Final = Binding("host+tpm2, signed PCRs", "host+tpm2-with-public-key")
HOST_TPM2_PUBLIC_KEY_SCOPED: Final = Binding(
    "host+tpm2, signed PCRs, user", "host+tpm2-with-public-key"
)
# the same with the storage key of the one TPM pinned: an older systemd cannot open these
TPM2_PINNED: Final = Binding("tpm2, pinned", "tpm2")
TPM2_PUBLIC_KEY_PINNED: Final = Binding("tpm2, signed PCRs, pinned", "tpm2-with-public-key")
HOST_TPM2_PINNED: Final = Binding("host+tpm2, pinned", "host+tpm2")
HOST_TPM2_SCOPED_PINNED: Final = Binding("host+tpm2, user, pinned", "host+tpm2")
HOST_TPM2_PUBLIC_KEY_PINNED: Final = Binding(
    "host+tpm2, signed PCRs, pinned", "host+tpm2-with-public-key"
)
HOST_TPM2_PUBLIC_KEY_SCOPED_PINNED: Final = Binding(
    "host+tpm2, signed PCRs, user, pinned", "host+tpm2-with-public-key"
)
NULL: Final = Binding("null", "null")
UNKNOWN: Final = Binding("unknown", "auto")

_KEY_TYPES: Final = {
    "5a1c6a86df9d4096b1d5a65e0862f19a": HOST,
    "55b9ed1d38594d43a8319d2ebb332ac6": HOST_SCOPED,
    "0c7cc07b117645919c4b0bea08bc20fe": TPM2,
    "faf7eb9341e3412ca1a436f95a29362f": TPM2_PUBLIC_KEY,
    "93a894094874449090caf2fc93cab553": HOST_TPM2,
    "ef4ac13679a9480ea7db68897f9f165d": HOST_TPM2_SCOPED,
    "af4950a849134eb1a73846304ff30c05": HOST_TPM2_PUBLIC_KEY,
    "adbc4ca3efb64201ba881b6f2e4095ea": HOST_TPM2_PUBLIC_KEY_SCOPED,
    "d4062dfb71ad4c86804b40ef1180f1fc": TPM2_PINNED,
    "5e2d5c7603724eaf843c6fb5f64098f5": TPM2_PUBLIC_KEY_PINNED,
    "1414258818a240cd900bce862db5c7b9": HOST_TPM2_PINNED,
    "2a1f877a4275431ab3f9ed1f5d8f6601": HOST_TPM2_SCOPED_PINNED,
    "afbfeaaceb6a4a3795419d135c47f37b": HOST_TPM2_PUBLIC_KEY_PINNED,
    "16e492949f94400286758f94b7c52bc7": HOST_TPM2_PUBLIC_KEY_SCOPED_PINNED,
    "058469daf6f54324800549da0f8ea2fb": NULL,
}


def binding(blob: bytes) -> Binding:
    """How the sealed credential ``blob`` (base64, as in its file) is bound.

    ``UNKNOWN`` for a key type that is newer than this list. Raises :class:`DamagedCredential`
    for what is no sealed credential at all.
    """
    return _KEY_TYPES.get(_head(blob)[:16].hex(), UNKNOWN)


def tpm2_pcrs(blob: bytes) -> str:
    """The PCRs that ``blob`` is bound to, as ``--tpm2-pcrs=`` takes them (``7+11``); may be empty.

    Raises :class:`DamagedCredential`.
    """
    head = _head(blob)
    if "tpm2" not in _KEY_TYPES.get(head[:16].hex(), UNKNOWN).label:
        return ""
    return _pcrs(_number(head, _tpm2_header(head), 8))


def signed_pcrs(blob: bytes) -> tuple[str, str]:
    """The PCRs whose signed values unseal ``blob``, and the public key that signs, as PEM text.

    As ``--tpm2-public-key-pcrs=`` and ``--tpm2-public-key=`` take them; both empty where it is
    bound to no such key. Raises :class:`DamagedCredential`.
    """
    head = _head(blob, _KEY_BYTES)
    if "signed" not in _KEY_TYPES.get(head[:16].hex(), UNKNOWN).label:
        return "", ""
    start = _tpm2_header(head)
    # its fixed part, the sealed key and the policy's hash; then the header of the public key
    sizes = _number(head, start + 12, 4), _number(head, start + 16, 4)
    start = _aligned(start + 20 + sum(sizes))
    key = head[start + 12 : start + 12 + _number(head, start + 8, 4)]
    if not key.isascii() or not key.startswith(_PEM) or not key.rstrip().endswith(b"-----"):
        raise DamagedCredential("holds no public key where it should be", subject="the file")
    return _pcrs(_number(head, start, 8)), key.decode("ascii")


def _tpm2_header(head: bytes) -> int:
    """Where systemd's tpm2_credential_header begins, in which the mask of PCRs is the first."""
    return _aligned(_HEADER_BYTES + _number(head, 24, 4))


def _aligned(offset: int) -> int:
    return (offset + 7) // 8 * 8


def _number(head: bytes, offset: int, size: int) -> int:
    return int.from_bytes(head[offset : offset + size], "little")


def _pcrs(mask: int) -> str:
    return "+".join(str(pcr) for pcr in range(24) if mask >> pcr & 1)


def _head(blob: bytes, size: int = _TPM2_BYTES) -> bytes:
    """At least the first ``size`` bytes (a multiple of 3), where there are as many."""
    if not blob.strip():
        raise DamagedCredential("is empty", subject="the file")
    if blob.lstrip().startswith(_PRETTY):
        error = DamagedCredential("is a line for a unit file, as --pretty makes it", "", "the file")
        error.pretty = True
        raise error
    try:
        # enough lines of it, in whole groups of four characters
        head = a2b_base64(b"".join(blob[: size * 3].split())[: size // 3 * 4].translate(_URL_SAFE))
    except Base64Error:
        raise DamagedCredential(
            "is not base64, as a sealed credential is", subject="the file"
        ) from None
    if len(head) < _HEADER_BYTES:
        raise DamagedCredential("is too short for a sealed credential", subject="the file")
    return head

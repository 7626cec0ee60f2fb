# SPDX-License-Identifier: MIT
"""What the header of a sealed credential tells."""

from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from credhelper import envelope
from credhelper.errors import DamagedCredential

# systemd's src/shared/creds-util.h: CRED_AES256_GCM_BY_*
KEY_TYPES = [
    ("5a1c6a86-df9d-4096-b1d5-a65e0862f19a", "host", "host"),
    ("55b9ed1d-3859-4d43-a831-9d2ebb332ac6", "host, user", "host"),
    ("0c7cc07b-1176-4591-9c4b-0bea08bc20fe", "tpm2", "tpm2"),
    ("faf7eb93-41e3-412c-a1a4-36f95a29362f", "tpm2, signed PCRs", "tpm2-with-public-key"),
    ("93a89409-4874-4490-90ca-f2fc93cab553", "host+tpm2", "host+tpm2"),
    ("ef4ac136-79a9-480e-a7db-68897f9f165d", "host+tpm2, user", "host+tpm2"),
    ("af4950a8-4913-4eb1-a738-46304ff30c05", "host+tpm2, signed PCRs", "host+tpm2-with-public-key"),
    (
        "adbc4ca3-efb6-4201-ba88-1b6f2e4095ea",
        "host+tpm2, signed PCRs, user",
        "host+tpm2-with-public-key",
    ),
    ("058469da-f6f5-4324-8005-49da0f8ea2fb", "null", "null"),
    ("d4062dfb-71ad-4c86-804b-40ef1180f1fc", "tpm2, pinned", "tpm2"),
    ("14142588-18a2-40cd-900b-ce862db5c7b9", "host+tpm2, pinned", "host+tpm2"),
    ("00112233-4455-6677-8899-aabbccddeeff", "unknown", "auto"),
]
SIGNED_PINNED = "5e2d5c76-0372-4eaf-843c-6fb5f64098f5"


def blob(key_type: str, *, pcrs: int = 0, line: int = 76) -> bytes:
    """A synthetic sealed credential: headers as systemd lays them out, then noise."""
    sizes = b"".join(size.to_bytes(4, "little") for size in (32, 1, 12, 16))
    head = uuid.UUID(key_type).bytes + sizes + bytes(12)
    head += bytes(-len(head) % 8) + pcrs.to_bytes(8, "little")
    text = base64.b64encode(head + bytes(range(256)))
    return b"\n".join(text[i : i + line] for i in range(0, len(text), line)) + b"\n"


@pytest.mark.parametrize(("key_type", "label", "with_key"), KEY_TYPES)
def test_the_binding_by_key_type(key_type: str, label: str, with_key: str) -> None:
    bound = envelope.binding(blob(key_type))
    assert (bound.label, bound.with_key) == (label, with_key)
    # what is not known may need either: it waits for the TPM, and for a host key of this machine
    assert bound.uses_tpm2 == ("tpm2" in label or label == "unknown")
    assert bound.uses_host_key == ("host" in label or label == "unknown")
    assert label in repr(bound)


@pytest.mark.parametrize("line", [3, 64, 76, 10_000])
def test_however_the_base64_is_broken_into_lines(line: int) -> None:
    assert envelope.binding(blob(KEY_TYPES[2][0], line=line)) is envelope.TPM2


@pytest.mark.parametrize(
    ("key_type", "mask", "pcrs"),
    [
        (KEY_TYPES[2][0], 1 << 7, "7"),
        (KEY_TYPES[2][0], 1 << 7 | 1 << 11, "7+11"),
        (KEY_TYPES[4][0], 0, ""),
        (KEY_TYPES[4][0], 0xFFFFFF, "+".join(map(str, range(24)))),
        (KEY_TYPES[0][0], 1 << 7, ""),  # no TPM: what stands there is no mask
        (KEY_TYPES[8][0], 1 << 7, ""),
        (KEY_TYPES[9][0], 1 << 7, "7"),
        (KEY_TYPES[-1][0], 1 << 7, ""),  # where the mask of an unknown one would be is not known
    ],
)
def test_the_pcrs_that_rotate_keeps(key_type: str, mask: int, pcrs: str) -> None:
    assert envelope.tpm2_pcrs(blob(key_type, pcrs=mask)) == pcrs


@pytest.mark.parametrize("key_type", [KEY_TYPES[3][0], KEY_TYPES[6][0], SIGNED_PINNED])
def test_the_public_key_that_rotate_keeps(key_type: str) -> None:
    key = "-----BEGIN PUBLIC KEY-----\n" + "A" * 1000 + "\n-----END PUBLIC KEY-----\n"
    head = base64.b64decode(blob(key_type, pcrs=1 << 7))[:56]
    sealed, policy = bytes(241), bytes(32)
    sizes = b"".join(len(part).to_bytes(4, "little") for part in (sealed, policy))
    head += bytes(4) + sizes + sealed + policy
    head += bytes(-len(head) % 8) + (1 << 11).to_bytes(8, "little")
    head += len(key).to_bytes(4, "little") + key.encode()
    signed = base64.encodebytes(head + bytes(200))
    assert envelope.signed_pcrs(signed) == ("11", key)
    assert envelope.tpm2_pcrs(signed) == "7"
    assert envelope.signed_pcrs(blob(KEY_TYPES[2][0])) == ("", "")
    with pytest.raises(DamagedCredential, match="public key"):
        envelope.signed_pcrs(base64.encodebytes(head[:-500]))


def test_base64url_is_read_too() -> None:
    text = blob("fbff3eff-71ad-4c86-804b-40ef1180f1fc") + b"\n"
    assert b"+" in text or b"/" in text
    url_safe = text.translate(bytes.maketrans(b"+/", b"-_"))
    assert envelope._head(url_safe) == envelope._head(text)


def test_a_line_for_a_unit_file_is_told_from_damage() -> None:
    text = b"SetCredentialEncrypted=a: \\\n        " + blob(KEY_TYPES[0][0])
    with pytest.raises(DamagedCredential, match="--pretty") as caught:
        envelope.binding(text)
    assert caught.value.pretty


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"sk-1234!", "base64"),
        (b"aGVsbG8=", "too short"),
        (base64.b64encode(bytes(31)), "too short"),
    ],
)
def test_what_is_no_sealed_credential(damaged: bytes, why: str) -> None:
    with pytest.raises(DamagedCredential, match=why):
        envelope.binding(damaged)


@given(
    st.binary(max_size=600)
    | st.binary(max_size=200).map(base64.b64encode)
    | st.binary(max_size=200).map(base64.encodebytes)
    | st.tuples(st.sampled_from(KEY_TYPES), st.binary(max_size=80)).map(
        lambda pair: base64.b64encode(uuid.UUID(pair[0][0]).bytes + pair[1])
    )
)
@example(b"=" * 64)
@example(b"AAA" + b"=" * 100 + b"A" * 100)
def test_no_bytes_do_worse_than_being_called_damaged(data: bytes) -> None:
    for question in (envelope.binding, envelope.tpm2_pcrs, envelope.signed_pcrs):
        try:
            question(data)
        except DamagedCredential as error:
            assert error.problem.isprintable()

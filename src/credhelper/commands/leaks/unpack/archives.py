# SPDX-License-Identifier: MIT
"""Archives, read from their beginning to their end: each gives the name and content of members.

The standard library's readers want to seek, or take whole headers of any size into memory, and
trust the directory at the end of a zip; a member that was deleted there is still in the file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.unpack import compressed
from credhelper.commands.leaks.unpack.reader import Reader, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    Members = Iterator[tuple[bytes, Iterator[bytes]]]

BLOCK: Final = 512  # bytes, of tar
_LOCAL: Final = struct.Struct("<4xHHH4x4xIIHH")  # zip: APPNOTE.TXT, 4.3.7
_NAMES: Final = 4096  # bytes of a name that are kept


def zip_members(reader: Reader) -> Members:
    """Members of a zip by their local headers; docx, odt, jar and whl are zip files."""
    while reader.skip_to(b"PK"):
        if reader.peek(4) == b"PK\x01\x02":  # the directory: the members are over
            return
        if reader.peek(4) != b"PK\x03\x04":
            reader.read(2)
            continue
        header = reader.exactly(30, "zip data")
        _, flags, method, packed, unpacked, name_size, extra_size = _LOCAL.unpack(header)
        name = reader.exactly(name_size, "zip data")
        extra = reader.exactly(extra_size, "zip data")
        if packed == 0xFFFFFFFF:
            packed = _zip64(extra, unpacked == 0xFFFFFFFF)
        yield name, _zip_content(reader, flags, method, packed)


def _zip_content(reader: Reader, flags: int, method: int, packed: int) -> Iterator[bytes]:
    streaming = bool(flags & 8) and not packed  # the size comes after the data
    if flags & 1:
        reader.skip(0 if streaming else packed, "zip data")
        raise Unreadable("encrypted")
    if method == 8:
        yield from compressed.deflate(reader)
    elif method == 0 and not streaming:
        yield from reader.limited(packed, "zip data")
    elif method in _ZIP_METHODS and not streaming:
        content = Reader(reader.limited(packed, "zip data"))
        yield from _ZIP_METHODS[method](content)
    else:
        reader.skip(0 if streaming else packed, "zip data")
        raise Unreadable(f"zip method {method} is not unpacked")


_ZIP_METHODS: Final = {12: compressed.bzip2, 93: compressed.zstd, 95: compressed.xz}


def _zip64(extra: bytes, both: bool) -> int:
    """The compressed size in the field for large members."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        start = at + (12 if both else 4)
        if kind == 1 and start + 8 <= at + 4 + size:
            return int(struct.unpack_from("<Q", extra, start)[0])
        at += 4 + size
    raise Unreadable("zip data is damaged")


def tar_members(reader: Reader) -> Members:
    """Members of a tar file (tar(5)): what long names and extended headers hold as well."""
    while len(block := reader.read(BLOCK)) == BLOCK:
        if not block.strip(b"\0"):
            continue
        if not is_tar(block):
            raise Unreadable("tar data is damaged")
        size = _number(block[124:136])
        name = block[:100].rstrip(b"\0")
        if block[257:263] == b"ustar\0" and (prefix := block[345:500].rstrip(b"\0")):
            name = prefix + b"/" + name
        linked = block[156:157] in b"123456"
        yield name, reader.limited(0 if linked else size, "tar data")
        reader.read(-size % BLOCK if not linked else 0)


def is_tar(block: bytes | bytearray) -> bool:
    """Whether a block is a header of tar, by its checksum."""
    if len(block) < BLOCK:
        return False
    try:
        checksum = _number(block[148:156])
    except Unreadable:
        return False
    return checksum == sum(block) - sum(block[148:156]) + 8 * 32


def _number(field: bytes | bytearray) -> int:
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise Unreadable("tar data is damaged") from None


def ar_members(reader: Reader) -> Members:
    """Members of an ar file (ar(5)); a deb is one."""
    reader.read(8)
    while header := reader.read(60):
        if len(header) < 60 or header[58:] != b"`\n":
            raise Unreadable("ar data is damaged")
        try:
            size = int(header[48:58])
        except ValueError:
            raise Unreadable("ar data is damaged") from None
        yield header[:16].rstrip(b" /"), reader.limited(size, "ar data")
        reader.read(size % 2)


def cpio_members(reader: Reader) -> Members:
    """Members of a cpio file of the newer ASCII format (cpio(5)); of an rpm, for one."""
    while header := reader.read(110):
        if header[:6] not in (b"070701", b"070702") or len(header) < 110:
            if header.strip(b"\0"):
                raise Unreadable("cpio data is damaged")
            continue
        try:
            size, name_size = int(header[54:62], 16), int(header[94:102], 16)
        except ValueError:
            raise Unreadable("cpio data is damaged") from None
        name = reader.exactly(min(name_size, _NAMES), "cpio data").rstrip(b"\0")
        reader.skip(max(0, name_size - _NAMES), "cpio data")
        reader.read(-(110 + name_size) % 4)
        if name == b"TRAILER!!!":
            return
        yield name, reader.limited(size, "cpio data")
        reader.read(-size % 4)


def rpm_payload(reader: Reader) -> Members:
    """The compressed cpio file of an rpm: behind its lead and two headers."""
    reader.exactly(96, "rpm data")
    for aligned in (8, 1):
        head = reader.exactly(16, "rpm data")
        if head[:3] != b"\x8e\xad\xe8":
            raise Unreadable("rpm data is damaged")
        entries, size = struct.unpack(">II", head[8:])
        reader.skip(16 * entries + size, "rpm data")
        reader.read(-(16 + 16 * entries + size) % aligned)
    yield b"payload", reader.rest()


def png_texts(reader: Reader) -> Members:
    """The compressed texts of a PNG file, and what follows its end; not its pixels."""
    reader.read(8)
    while head := reader.read(8):
        if len(head) < 8:
            raise Unreadable("PNG data is cut off")
        size, kind = struct.unpack(">I4s", head)
        content = Reader(reader.limited(size + 4, "PNG data"))
        if kind in (b"zTXt", b"iTXt"):
            keyword, _, rest = content.read(200).partition(b"\0")
            packed, fields = (True, 1) if kind == b"zTXt" else (rest[:1] == b"\1", 2)
            rest = rest[fields:]
            if kind == b"iTXt":  # a language and a translated keyword come before the text
                rest = rest.partition(b"\0")[2].partition(b"\0")[2]
            content.put_back(rest)
            if packed:
                yield keyword, compressed.zlib_stream(content)
        for _ in content.rest():
            pass
        if kind == b"IEND" and reader.peek(1):
            yield b"after the end", reader.rest()
            return


def pdf_streams(reader: Reader) -> Members:
    """The compressed streams of a PDF file."""
    count = 0
    while reader.skip_to(b"stream"):
        reader.read(6)
        while reader.peek(1) in (b"\r", b"\n"):
            reader.read(1)
        if is_zlib(reader.peek(2)):
            count += 1
            yield b"stream %d" % count, compressed.zlib_stream(reader)


def is_zlib(head: bytes | bytearray) -> bool:
    """Whether a zlib stream may begin so (RFC 1950)."""
    return len(head) >= 2 and head[0] == 0x78 and (head[0] << 8 | head[1]) % 31 == 0

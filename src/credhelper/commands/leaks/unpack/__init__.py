# SPDX-License-Identifier: MIT
"""What is packed in a stream of bytes: told by how it begins, whatever its name says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.unpack import archives, compressed, packs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from credhelper.commands.leaks.unpack.archives import Members
    from credhelper.commands.leaks.unpack.reader import Reader

HEAD: Final = 512  # bytes at the beginning that tell what it is


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of packed data. members is None where nothing here unpacks it.

    sure: whether that beginning means this kind and nothing else; plain: whether the members are
    in it as they are, so that they are found twice.
    """

    label: str
    members: Callable[[Reader], Members] | None
    sure: bool = True
    plain: bool = False


def kind_of(head: bytes | bytearray) -> Kind | None:
    """What begins with head, its first HEAD bytes or all of it; None where nothing is packed."""
    if not head:
        return None
    for magic, kind in _BY_FIRST.get(head[0], ()):
        if head.startswith(magic):
            return kind
    if (head[257:262] == b"ustar" or head[154:156] == b"\0 ") and archives.is_tar(head):
        return _TAR
    if archives.is_zlib(head):
        return _ZLIB
    if head[:2] == b"#!" and b"\nPK\x03\x04" in head:
        return _ZIP  # an application that Python runs (zipapp)
    return None


def _stream(unpack: Callable[[Reader], Iterator[bytes]]) -> Callable[[Reader], Members]:
    def members(reader: Reader) -> Members:
        yield b"", unpack(reader)

    return members


_TAR: Final = Kind("tar", archives.tar_members, plain=True)
_ZIP: Final = Kind("zip", archives.zip_members)
_ZLIB: Final = Kind("zlib data", _stream(compressed.zlib_stream), sure=False)
_BZIP2: Final = Kind("bzip2 data", _stream(compressed.bzip2))
_MAGICS: Final = (
    (b"\x1f\x8b\x08", Kind("gzip data", _stream(compressed.gzip))),
    (b"PK\x03\x04", _ZIP),
    *((b"BZh%d1AY&SY" % level, _BZIP2) for level in range(1, 10)),
    (b"\xfd7zXZ\0", Kind("xz data", _stream(compressed.xz))),
    (b"]\0\0", Kind("lzma data", _stream(compressed.lzma_alone), sure=False)),
    (b"\x28\xb5\x2f\xfd", Kind("zstd data", _stream(compressed.zstd))),
    (b"!<arch>\n", Kind("ar", archives.ar_members, plain=True)),
    (b"070701", Kind("cpio", archives.cpio_members, sure=False, plain=True)),
    (b"070702", Kind("cpio", archives.cpio_members, sure=False, plain=True)),
    (b"\xed\xab\xee\xdb", Kind("rpm", archives.rpm_payload)),
    (b"%PDF-", Kind("PDF", archives.pdf_streams)),
    (b"\x89PNG\r\n\x1a\n", Kind("PNG", archives.png_texts)),
    (b"PACK\0\0\0", Kind("Git pack", packs.pack_members)),
    (b"# v2 git bundle\n", Kind("Git bundle", packs.bundle_members)),
    (b"# v3 git bundle\n", Kind("Git bundle", packs.bundle_members)),
    (b"7z\xbc\xaf\x27\x1c", Kind("7z", None)),
    (b"Rar!\x1a\x07", Kind("RAR", None)),
    (b"\x04\x22\x4d\x18", Kind("lz4 data", None)),
    (b"LZIP\x01", Kind("lzip data", None)),
    (b"\x1f\x9d\x90", Kind("compress data", None)),
    (b"MSCF\0\0\0\0", Kind("cabinet", None)),
    (b"hsqs", Kind("squashfs", None)),
    (b"QFI\xfb", Kind("qcow2 image", None)),
    (b"KDMV\1\0\0\0", Kind("VMDK image", None)),
    (b"vhdxfile", Kind("VHDX image", None)),
    (b"LPKSHHRH", Kind("journal file", None)),
    (b"PGDMP\1", Kind("archive of pg_dump", None)),
    (b"PAR1\x15", Kind("Parquet", None)),
    (b"Obj\x01", Kind("Avro", None)),
    (b"\x89HDF\r\n\x1a\n", Kind("HDF5", None)),
    (b"mozLz40\0", Kind("LZ4 data of Mozilla", None)),
    (b"\xff\x06\0\0sNaPpY", Kind("snappy data", None)),
    (b"\x89LZO\0\r\n\x1a\n", Kind("LZO data", None)),
    (b"xar!\0", Kind("xar", None)),
    (b"MSWIM\0\0\0", Kind("WIM image", None)),
)
# many a file begins with the # of some of them
_BY_FIRST: Final = {
    first: tuple(row for row in _MAGICS if row[0][0] == first)
    for first in {magic[0] for magic, _ in _MAGICS}
}

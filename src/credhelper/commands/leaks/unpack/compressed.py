# SPDX-License-Identifier: MIT
"""Compressed streams: gzip, bzip2, xz, lzma, zlib and zstd, as many after one another as there are.

What comes out is at most STEP bytes at a time, and what a decompressor keeps is limited.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from credhelper.commands.leaks.unpack.reader import STEP, Reader, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMORY: Final = 80 << 20  # bytes that xz may take; its own presets take 65 MB at most
_ZSTD_WINDOW: Final = 27  # powers of two; zstd(1) decompresses no larger one unasked either


def gzip(reader: Reader) -> Iterator[bytes]:
    """What gzip data holds. Zeros after it are padding."""
    return _members(reader, lambda: _Zlib(31), "gzip data", b"\x1f\x8b")


def bzip2(reader: Reader) -> Iterator[bytes]:
    """What bzip2 data holds."""
    return _members(reader, bz2.BZ2Decompressor, "bzip2 data", b"BZh")


def xz(reader: Reader) -> Iterator[bytes]:
    """What xz data holds."""
    return _members(
        reader, lambda: lzma.LZMADecompressor(memlimit=MEMORY), "xz data", b"\xfd7zXZ\0"
    )


def lzma_alone(reader: Reader) -> Iterator[bytes]:
    """What the format of before xz holds."""
    return _members(
        reader,
        lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY),
        "lzma data",
        b"]\0\0",
    )


def zlib_stream(reader: Reader) -> Iterator[bytes]:
    """What a zlib stream holds; what follows it stays in reader."""
    return _one(reader, _Zlib(15), "zlib data")


def deflate(reader: Reader) -> Iterator[bytes]:
    """What a deflate stream without header holds; what follows it stays in reader."""
    return _one(reader, _Zlib(-15), "deflate data")


def zstd(reader: Reader) -> Iterator[bytes]:
    """What zstd data holds. Raises Unreadable where this Python has nothing to read it with."""
    try:
        module = import_module("compression.zstd")
    except ImportError:
        yield from _zstandard(reader)
        return
    options = {module.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    yield from _members(
        reader, lambda: module.ZstdDecompressor(options=options), "zstd data", b"\x28\xb5\x2f\xfd"
    )


def _zstandard(reader: Reader) -> Iterator[bytes]:
    try:
        module = import_module("zstandard")
    except ImportError:
        raise Unreadable(
            "zstd data needs Python 3.14 or python3-zstandard: sudo dnf install python3-zstandard"
        ) from None
    context = module.ZstdDecompressor(max_window_size=1 << _ZSTD_WINDOW)
    yield from _members(
        reader, lambda: _Zstandard(context, module.ZstdError), "zstd data", b"\x28\xb5\x2f\xfd"
    )


class _Zstandard:
    """zstandard with the interface of the other decompressors, except for how much comes out.

    It cannot be told: of so few bytes that go in, 30 MB at most come out (RFC 8878, 3.1.1.2).
    """

    needs_input = True
    at_once: Final = 1024  # bytes

    def __init__(self, context: Any, failure: type[Exception]) -> None:
        self._inflate = context.decompressobj()
        self._failure = failure
        self.eof = False
        self.unused_data = b""

    def decompress(self, data: bytes, most: int) -> bytes:
        del most
        try:
            for at in range(0, len(data), self.at_once):
                piece: bytes = self._inflate.decompress(data[at : at + self.at_once])
                self.eof = self._inflate.eof
                if self.eof or piece:
                    rest = data[at + self.at_once :]
                    self.unused_data = self._inflate.unused_data + rest
                    return piece
        except self._failure:
            raise ValueError from None
        self.unused_data = b""
        return b""


class _Zlib:
    """zlib with the interface of the other decompressors."""

    def __init__(self, bits: int) -> None:
        self._inflate = zlib.decompressobj(wbits=bits)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, most)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail


def _members(reader: Reader, make: Callable[[], Any], what: str, magic: bytes) -> Iterator[bytes]:
    yield from _one(reader, make(), what)
    while head := reader.peek(len(magic)):
        if head != magic:
            if head.strip(b"\0"):
                raise Unreadable(f"something follows the {what}")
            reader.read(len(head))
            continue
        yield from _one(reader, make(), what)


def _one(reader: Reader, decompressor: Any, what: str) -> Iterator[bytes]:
    try:
        while not decompressor.eof:
            data = b""
            if decompressor.needs_input and not (data := reader.some()):
                raise Unreadable(f"{what} is cut off")
            piece = decompressor.decompress(data, STEP)
            if decompressor.unused_data and not decompressor.eof:
                reader.put_back(decompressor.unused_data)
            if piece:
                yield piece
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        if isinstance(error, lzma.LZMAError) and "emory" in str(error):
            raise Unreadable(f"{what} takes more than {MEMORY >> 20} MB") from None
        raise Unreadable(f"{what} is damaged") from None
    reader.put_back(decompressor.unused_data)

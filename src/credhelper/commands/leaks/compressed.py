# SPDX-License-Identifier: MIT
"""What stands inside gzip data, within bounds that no archive can exceed."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAGIC = b"\x1f\x8b\x08"
ONE = 1 << 30  # bytes taken out of one file
ALL = 8 << 30  # bytes taken out of all files of a search
STEP = 1 << 20


@dataclass(slots=True)
class Allowance:
    """How many bytes may still be taken out of archives in this search."""

    left: int = ALL


def gunzip(chunks: Iterable[bytes], allowance: Allowance, problems: list[str]) -> Iterator[bytes]:
    """The content of gzip data of one or more members, in pieces of at most STEP bytes.

    Where the data is damaged or cut off, or more than ONE bytes or the allowance would come out,
    the pieces end and the reason is appended to problems. Zeros after the last member are padding.
    """
    left = min(ONE, allowance.left)
    inflate = zlib.decompressobj(wbits=31)
    begun = False
    for chunk in chunks:
        data = chunk
        while data:
            if inflate.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
                inflate, begun = zlib.decompressobj(wbits=31), False
            try:
                piece = inflate.decompress(data, STEP)
            except zlib.error:
                problems.append("gzip data is damaged: searched up to the damage")
                return
            begun = True
            data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            left -= len(piece)
            allowance.left -= len(piece)
            yield piece
            if left <= 0:
                problems.append("gzip data is too large: only its beginning was searched")
                return
    if begun and not inflate.eof:
        problems.append("gzip data is cut off: searched up to the end")

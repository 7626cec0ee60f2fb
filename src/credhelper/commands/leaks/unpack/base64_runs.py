# SPDX-License-Identifier: MIT
"""Packed data that was written as base64 into a text: a secret of Kubernetes, a self-extractor."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import Final

MOST: Final = 16 << 20  # characters of a run that are decoded
# what gzip, zip, xz, bzip2 and zstd begin with, and a base64 of a base64 of gzip
BEGINNINGS: Final = (b"H4sI", b"UEsDB", b"/Td6WF", b"QlpoO", b"KLUv/", b"SDRzS")
_LONGEST_BEGINNING: Final = max(map(len, BEGINNINGS))
_RUN: Final = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\[nrt]|[ \t\r\n])*=*")
_BREAKS: Final = re.compile(rb"\\[nrt]|[ \t\r\n]")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_SHORTEST: Final = 40  # characters; less holds no archive with a value in it


class Runs:
    """Finds such runs in a stream, fed with its pieces one after the other."""

    def __init__(self) -> None:
        self._rest = b""  # a run that may go on, or the end of the last piece

    def feed(self, chunk: bytes) -> list[bytes]:
        """What ended in chunk, decoded."""
        return self._search(self._rest + chunk, at_end=False)

    def end(self) -> list[bytes]:
        """What ended with the stream, decoded."""
        return self._search(self._rest, at_end=True)

    def _search(self, data: bytes, *, at_end: bool) -> list[bytes]:
        result: list[bytes] = []
        at = 0
        places = {beginning: data.find(beginning) for beginning in BEGINNINGS}
        while True:
            for beginning, place in places.items():
                if 0 <= place < at:
                    places[beginning] = data.find(beginning, at)
            start = min((place for place in places.values() if place >= 0), default=-1)
            if start < 0:
                self._rest = data[max(at, len(data) - _LONGEST_BEGINNING + 1) :]
                return result
            match = _RUN.match(data, start)
            end = match.end() if match else start
            open_ended = end == len(data) or data[end:] == b"\\"
            if open_ended and not at_end and end - start < MOST:
                self._rest = data[start:]
                return result
            if end - start >= _SHORTEST:
                result.append(_decoded(data[start:end]))
            at = max(end, start + 1)


def _decoded(run: bytes) -> bytes:
    text = _BREAKS.sub(b"", run[:MOST]).translate(_TO_STANDARD).rstrip(b"=")
    whole = len(text) // 4 * 4
    return a2b_base64(text[:whole] + _padded(text[whole:]))


def _padded(end: bytes) -> bytes:
    return end.ljust(4, b"=") if len(end) > 1 else b""

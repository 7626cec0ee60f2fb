# SPDX-License-Identifier: MIT
"""Packed data that was written into a text: a secret of Kubernetes, a self-extractor, a patch.

Of base64, and of the base85 of ``git diff --binary``, whose lines begin with their length.
"""

from __future__ import annotations

import re
from base64 import b85decode
from binascii import a2b_base64
from typing import Final

Run = tuple[str, bytes]  # as what it was written, and decoded

MOST: Final = 16 << 20  # characters of a run that are decoded
MOST_PATCH: Final = 1 << 20  # characters of a patch, which take longer
PATCH: Final = b"GIT binary patch\n"
# what gzip, zip, xz, bzip2 and zstd begin with, a base64 of a base64 of gzip, and a patch
BEGINNINGS: Final = (b"H4sI", b"UEsDB", b"/Td6WF", b"QlpoO", b"KLUv/", b"SDRzS", PATCH)
_LONGEST_BEGINNING: Final = max(map(len, BEGINNINGS))
_RUN: Final = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\[nrt]|[ \t\r\n])*=*")
_HUNK: Final = re.compile(rb"(?:literal|delta) \d+\r?\n((?:[A-Za-z][!-~]{5,65}\r?\n)+)(?:\r?\n)?")
_PATCH: Final = re.compile(rb"%b(?:%b)*" % (PATCH, _HUNK.pattern))
_BREAKS: Final = re.compile(rb"\\[nrt]|[ \t\r\n]")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LINE: Final = 68  # characters of a line of a patch, at most
_SHORTEST: Final = 40  # characters; less holds no archive with a value in it


class Runs:
    """Finds such runs in a stream, fed with its pieces one after the other."""

    def __init__(self) -> None:
        self._rest = b""  # a run that may go on, or the end of the last piece

    def feed(self, chunk: bytes) -> list[Run]:
        """What ended in chunk, decoded."""
        return self._search(self._rest + chunk, at_end=False)

    def end(self) -> list[Run]:
        """What ended with the stream, decoded."""
        return self._search(self._rest, at_end=True)

    def _search(self, data: bytes, *, at_end: bool) -> list[Run]:
        result: list[Run] = []
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
            patch = data.startswith(PATCH, start)
            match = (_PATCH if patch else _RUN).match(data, start)
            end = match.end() if match else start
            open_ended = end == len(data) or data[end : end + 2] == b"\\"
            if patch:  # the next line may not be all there
                open_ended = b"\n" not in data[end : end + _LINE]
            if open_ended and not at_end and end - start < MOST:
                self._rest = data[start:]
                return result
            if patch:
                hunks = _HUNK.findall(data[start : min(end, start + MOST_PATCH)])
                result += [("binary patch", _hunk(lines)) for lines in hunks]
            elif end - start >= _SHORTEST:
                result.append(("base64", _decoded(data[start:end])))
            at = max(end, start + 1)


def _decoded(run: bytes) -> bytes:
    text = _BREAKS.sub(b"", run[:MOST]).translate(_TO_STANDARD).rstrip(b"=")
    whole = len(text) // 4 * 4
    return a2b_base64(text[:whole] + _padded(text[whole:]))


def _hunk(lines: bytes) -> bytes:
    """What lines of base85 stand for, each after how many bytes it has: A is 1, a is 27."""
    decoded = []
    for line in lines.split():
        size = line[0] - (64 if line[0] < 97 else 70)
        try:
            decoded.append(b85decode(line[1:])[:size])
        except ValueError:
            break
    return b"".join(decoded)


def _padded(end: bytes) -> bytes:
    return end.ljust(4, b"=") if len(end) > 1 else b""

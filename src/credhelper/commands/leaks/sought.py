# SPDX-License-Identifier: MIT
"""What is looked for in files: each spelling of each value, whole or broken over lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from credhelper.commands.ordinary import SHORTEST
from credhelper.commands.spellings import AS_IT_IS, LINES, LOOSE, spellings

LONGEST = 4096  # bytes of a value that are searched for
PROBE = 64  # bytes; the longest literal that is looked for
LINE = 24  # bytes; two probes of this length fit into a line of base64 or hex of 48

# White space, and the two characters \n of an encoded text in JSON, do not end a loose spelling.
BREAK = re.compile(rb"\\[nrt]|[ \t\r\n]")
LONGEST_GAP = 64  # so many of them in a row

WRITTEN_OUT = 1024  # bytes; a longer value is not looked for with every character escaped
_ESCAPES = (
    ("escaped in source code", "\\x%02x"),
    ("escaped in source code", "\\x%02X"),
    ("escaped in source code", "\\%03o"),
    ("quoted-printable", "=%02X"),
)

PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sought:
    """One spelling of one credential's value. Never shows the value.

    A loose one may be broken over lines anywhere; its text is without breaks. Each probe is an
    (offset, literal) pair: at least one of them stands unbroken wherever the spelling stands.
    """

    credential: str
    encoding: str
    text: bytes = field(repr=False)
    loose: bool = False
    probes: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    @property
    def span(self) -> int:
        """The most bytes that an occurrence covers."""
        return 4 * len(self.text) + PROBE if self.loose else len(self.text)


def secret_part(value: bytes) -> bytes:
    """The part of a value to search for: a PEM private key if it holds one, at most LONGEST bytes.

    A certificate next to the key, or the end of line that an editor added, is no secret.
    """
    key = PRIVATE_KEY.search(value)
    part = key[0] if key else value.rstrip(b"\r\n")
    middle = max(0, len(part) - LONGEST) // 2
    return part[middle : middle + LONGEST]


def sought(credential: str, value: bytes) -> list[Sought]:
    """All that is looked for of value, the plainest first, each text once; [] if too short."""
    value = secret_part(value)
    if len(value) < SHORTEST:
        return []
    result = [
        Sought(credential, label, text, label in LOOSE, _probes(text, label in LOOSE))
        for text, label in spellings(value).items()
        # base64 and base32 come without their = too
        if label == AS_IT_IS or (len(text) >= SHORTEST and not text.endswith(b"="))
    ]
    known = {form.text for form in result}
    if len(value) <= WRITTEN_OUT:
        for label, text in _written_out(value):
            if len(text) >= SHORTEST and text not in known:
                known.add(text)
                result.append(Sought(credential, label, text, False, _probes(text, False)))
    lines = _lines(credential, value)
    return [*result, lines] if lines else result


def _written_out(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Every character escaped, whether it needs that or not; only files hold such things.

    Of the first one nothing is looked for but its digits: the sign before it may be another.
    """
    for label, escape in _ESCAPES:
        yield label, "".join(escape % byte for byte in value)[2:].encode()
    for label, between in (
        ("hex", " "),
        ("hex", ":"),
        ("hex", "-"),
        ("hex", ", 0x"),
        ("hex", ",0x"),
    ):
        digits = value.hex(" ").replace(" ", between)
        yield label, digits.encode()
        yield label, digits.upper().replace("0X", "0x").encode()
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    yield "UTF-32", text.encode("utf-32-le")
    yield "UTF-32", text.encode("utf-32-be")
    codes = [ord(sign) for sign in text]
    for escape in ("&#%d;", "&#x%x;", "&#x%X;", "\\u%04x", "\\u%04X"):
        label = "XML-escaped" if escape[0] == "&" else "JSON-escaped"
        yield label, "".join(escape % code for code in codes)[2:].encode()


def _lines(credential: str, value: bytes) -> Sought | None:
    """A value of several lines that are indented or end otherwise where it stands."""
    pieces = BREAK.split(value)
    longest = max(pieces, key=len)
    if b"\n" not in value or len(longest) < SHORTEST:
        return None
    index = len(pieces) - 1 - pieces[::-1].index(longest)
    probe = (sum(map(len, pieces[:index])), longest[:PROBE])
    return Sought(credential, LINES, b"".join(pieces), True, (probe,))


def _probes(text: bytes, loose: bool) -> tuple[tuple[int, bytes], ...]:
    if not loose:
        start = max(0, len(text) - PROBE) // 2
        return ((start, text[start : start + PROBE]),)
    length = min(LINE, len(text) // 2)
    if length < SHORTEST:
        return ((0, text[:PROBE]),)
    start = len(text) // 2 - length
    return (
        (start, text[start : start + length]),
        (start + length, text[start + length : start + 2 * length]),
    )

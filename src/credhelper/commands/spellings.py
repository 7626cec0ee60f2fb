# SPDX-License-Identifier: MIT
"""How a value may be spelled in what programs write, and in files: the one vocabulary of them.

``ENCODERS`` and ``ESCAPERS`` have a row for each kind of writer: the label that people see, and a
function that gives what writers of that kind make of a value. Escapers leave most keys as they are,
and then add nothing: of ``ab<cd`` there are ``ab&lt;cd`` (HTML) and ``ab\\u003ccd`` (Go's JSON), of
``abcd`` there are neither.

What writers make of one another's text counts too, once: JSON in JSON, a shell command in HTML, the
base64 of a base64. For that, ``USUAL`` has what each writes most often.
"""

from __future__ import annotations

# by name: the registry of codecs is gone before the last line is printed, and would import them
from _codecs import utf_16_be_encode, utf_16_le_encode
from binascii import b2a_base64

from credhelper.commands.escapers import ESCAPERS, IN_KEYS, PLAIN, USUAL, as_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from credhelper.commands.escapers import Row, Writer

AS_IT_IS: Final = "as it is"
LINES: Final = "broken over lines"
LOOSE: Final = frozenset(("base64", "base64url", "base32", "hex"))  # written in lines of any length

WRITTEN_AGAIN: Final = 1024  # bytes; of a longer value, what a second writer makes is not counted
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_BASE32: Final = {f"{n:05b}": sign for n, sign in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}


def spellings(value: bytes) -> dict[bytes, str]:
    """Every text that ``value`` may be spelled as, with the label of its kind; the plainest first.

    None is empty, but one may be shorter than the value, as may be what its base64 has of it alone.
    """
    found = dict.fromkeys(_as_it_is(value), AS_IT_IS)
    for label, write in ENCODERS:
        for text in write(value):
            found.setdefault(text, label)
    for label, write in _changing(value, ESCAPERS):
        for text in write(value):
            found.setdefault(text, label)
    if len(value) <= WRITTEN_AGAIN:
        inner = [*_usual_base64(value)]
        for _, write in _changing(value, USUAL):
            inner += write(value)
        for text in dict.fromkeys(inner):
            if text != value:
                for outer, label in _written_again(text):
                    found.setdefault(outer, label)
    found.pop(b"", None)
    return found


def _changing(value: bytes, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Those of the ``rows`` that may change it."""
    if not value.translate(None, PLAIN):
        return ()
    if not value.translate(None, IN_KEYS):
        wanted = ("URL-quoted", "JSON-escaped") if b"/" in value else ("URL-quoted",)
        return tuple([row for row in rows if row[0] in wanted])
    return rows


def _written_again(text: bytes) -> Iterator[tuple[bytes, str]]:
    """What becomes of ``text``, which a writer has made of a value already."""
    for label, write in _changing(text, USUAL):
        for outer in write(text):
            if outer != text:
                yield outer, f"{label} twice"
    for outer in in_base64(text):
        yield outer, "base64 twice"


def ways(value: bytes) -> Iterator[Writer]:
    """Every way to spellings of ``value``, for a caller that wants only some of them."""
    yield _as_it_is
    for _, write in (*ENCODERS, *_changing(value, ESCAPERS)):
        yield write
    again = [write for _, write in USUAL]
    if len(value) <= WRITTEN_AGAIN:
        for first in (_usual_base64, *(write for _, write in _changing(value, USUAL))):
            for second in (in_base64, *again):
                yield _one_after_the_other(first, second)


def _one_after_the_other(first: Writer, second: Writer) -> Writer:
    return lambda value: (outer for inner in first(value) for outer in second(inner))


def _as_it_is(value: bytes) -> Iterator[bytes]:
    yield value
    unix = value.replace(b"\r\n", b"\n")
    yield unix
    yield unix.replace(b"\n", b"\r\n")


def _percent_alone(value: bytes) -> Iterator[bytes]:
    """Each byte as ``%2F``, from the second character on: a lone ``%`` ends many a line."""
    text = value.hex("%")
    yield text.upper().encode()
    yield text.encode()


def in_base64(value: bytes) -> Iterator[bytes]:
    code = b2a_base64(value, newline=False)
    size = len(value)
    # of the characters at the ends, some bits are those of the neighbours
    yield code[: size * 8 // 6]
    yield code
    yield code.rstrip(b"=")
    yield b2a_base64(b"\0" + value, newline=False)[2 : (size + 1) * 8 // 6]
    yield b2a_base64(b"\0\0" + value, newline=False)[3 : (size + 2) * 8 // 6]


def _in_base64url(value: bytes) -> Iterator[bytes]:
    for code in in_base64(value):
        if b"+" in code or b"/" in code:
            yield code.translate(_TO_URL_SAFE)


def _in_base32(value: bytes) -> Iterator[bytes]:
    bits = f"{int.from_bytes(value, 'big'):0{8 * len(value)}b}" if value else ""
    bits += "0" * (-len(bits) % 5)
    text = "".join([_BASE32[bits[at : at + 5]] for at in range(0, len(bits), 5)]).encode()
    yield text + b"=" * (-len(text) % 8)
    yield text


def _in_hex(value: bytes) -> Iterator[bytes]:
    text = value.hex()
    yield text.encode()
    yield text.upper().encode()


def _in_utf16(value: bytes) -> Iterator[bytes]:
    text = as_text(value)
    yield utf_16_le_encode(text)[0]
    yield utf_16_be_encode(text)[0]


def _usual_base64(value: bytes) -> Iterator[bytes]:
    yield (code := b2a_base64(value, newline=False))
    yield code.translate(_TO_URL_SAFE)


# what changes every value
ENCODERS: Final[tuple[Row, ...]] = (
    ("base64", in_base64),
    ("base64url", _in_base64url),
    ("hex", _in_hex),
    ("base32", _in_base32),
    ("URL-quoted", _percent_alone),
    ("UTF-16", _in_utf16),
)

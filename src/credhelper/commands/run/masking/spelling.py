# SPDX-License-Identifier: MIT
"""How a credential's value may be spelled in what a script writes.

A few lines stand here for each of ``base64``, ``json`` and ``urllib.parse``: importing those would
cost more than the rest of the start-up.
"""

from __future__ import annotations

from binascii import b2a_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

SHORTEST: Final = 4  # bytes; what is shorter stands in too much text that is no secret
LINE: Final = 16  # bytes; a shorter line of a value is not looked for by itself
LINES: Final = 256  # so many lines of a value are
_WRAPPED: Final = 76  # characters: base64(1), base64.encodebytes()

_PLAIN: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"  # RFC 3986, 2.3
)
_KEPT_IN_URLS: Final = (
    b"",
    b"/",  # urllib.parse.quote()
    b"!*'()",  # encodeURIComponent()
    b"!#$%&'()*+,/:;=?@[]~",  # RFC 3986, 2.2: what HTTP libraries leave alone in a whole URL
)
_JSON: Final = {code: f"\\u{code:04x}" for code in range(32)} | {
    8: "\\b",
    9: "\\t",
    10: "\\n",
    12: "\\f",
    13: "\\r",
    34: '\\"',
    92: "\\\\",
}
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def stripped(value: bytes) -> bytes:
    """``value`` without blanks around it, as a script gets it: what stands around it stays."""
    try:
        return value.decode().strip().encode()
    except UnicodeDecodeError:
        return value.strip()


def forms(value: bytes, encoding: str = "utf-8") -> tuple[bytes, ...]:
    """What ``value`` may look like in a stream of that ``encoding``, the longest first.

    As it is, with either end of line, and each of its longer lines; as in URLs, JSON and Python's
    ``repr()``; as base64, by itself and within a longer text. None of a value that is too short.
    """
    value = stripped(value)
    found = {*spellings(value, encoding), *lines(value, encoding)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def spellings(value: bytes, encoding: str) -> Iterator[bytes]:
    """The forms of the whole ``value``; some more than once."""
    if len(value) < SHORTEST:
        return
    for group in _GROUPS:
        for form in group(value):
            if len(form) >= SHORTEST:
                yield from _as_in(form, encoding)


def beginning(value: bytes, size: int) -> bytes:
    """Enough of ``value`` for the first ``size`` bytes of every form: those depend on it alone.

    Text is not cut within a character. What takes 3 bytes of UTF-8 may take one in the stream.
    """
    end = 4 * size
    while end < len(value) and end > 4 * size - 4 and value[end] & 0xC0 == 0x80:
        end -= 1
    return value[:end]


def continuations(head: bytes, value: bytes, encoding: str) -> set[bytes]:
    """The forms of ``value`` that begin with ``head``, without making all the others."""
    found: set[bytes] = set()
    start = beginning(value, len(head))
    for group in _GROUPS:
        if any(form.startswith(head) for part in group(start) for form in _as_in(part, encoding)):
            found.update(form for part in group(value) for form in _as_in(part, encoding))
    return {form for form in found if form.startswith(head)}


def lines(value: bytes, encoding: str) -> Iterator[bytes]:
    """The lines that could be a key or a part of one, of JSON-escaped text too; no prose."""
    found = _text(value).replace("\\n", "\n").encode().splitlines()
    for line in found[:LINES] if len(found) > 1 else ():
        words = line.split()
        if len(words) == 1 and len(words[0]) >= LINE and not words[0].startswith(b"-----"):
            yield from _as_in(words[0], encoding)


def encoded(text: str, encoding: str) -> bytes:
    """``text`` as it stands within a stream of that ``encoding``: without a byte order mark."""
    return (f"\n{text}").encode(encoding, "backslashreplace")[len("\n".encode(encoding)) :]


def _as_in(form: bytes, encoding: str) -> Iterator[bytes]:
    yield form
    if encoding.lower() not in ("utf-8", "utf8"):
        try:
            yield encoded(form.decode(), encoding)
        except UnicodeDecodeError:
            pass


def _as_it_is(value: bytes) -> Iterator[bytes]:
    yield value
    unix = value.replace(b"\r\n", b"\n")
    yield unix
    yield unix.replace(b"\n", b"\r\n")


def _in_urls(value: bytes) -> Iterator[bytes]:
    text, escaped = value.decode("latin-1"), set(value).difference(_PLAIN)
    tables = []
    for kept in _KEPT_IN_URLS if escaped else ():
        for escape in ("%{:02X}", "%{:02x}"):
            table = {code: escape.format(code) for code in escaped.difference(kept)}
            tables += [table, table | {0x20: "+"}] if 0x20 in table else [table]
    for index, table in enumerate(tables):
        if table not in tables[:index]:
            yield text.translate(table).encode("latin-1")


def _in_json(value: bytes) -> Iterator[bytes]:
    plain = _text(value).translate(_JSON)
    ascii_only = plain.translate({ord(code): _utf16(code) for code in set(plain) if code > "~"})
    for spelling in (plain.encode(), ascii_only.encode()):
        yield spelling
        yield spelling.replace(b"/", b"\\/")


def _utf16(character: str) -> str:
    digits = character.encode("utf-16-be").hex()
    return "".join(f"\\u{digits[start : start + 4]}" for start in range(0, len(digits), 4))


def _in_repr(value: bytes) -> Iterator[bytes]:
    text = _text(value)
    # with a double quote in front, repr() has to escape the single ones
    for spelling in (repr('"' + text)[2:-1], ascii('"' + text)[2:-1], repr(b'"' + value)[3:-1]):
        yield spelling.encode()
        yield spelling.replace("\\'", "'").encode()


def _in_other_encodings(value: bytes) -> Iterator[bytes]:
    text = _text(value)
    if not text.isascii():
        yield text.encode("ascii", "backslashreplace")
        yield text.encode("latin-1", "backslashreplace")


def _text(value: bytes) -> str:
    """``value`` as text; empty where it is none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def _in_base64(value: bytes) -> Iterator[bytes]:
    for before, start in enumerate((0, 2, 3)):
        # of the characters at the ends, some bits are those of the neighbours
        code = b2a_base64(bytes(before) + value, newline=False)
        spellings = [code[start : (before + len(value)) * 8 // 6]]
        if not before:
            wrapped = (code[at : at + _WRAPPED] for at in range(0, len(code), _WRAPPED))
            spellings += code, code.rstrip(b"="), b"\n".join(wrapped)
        for spelling in spellings:
            yield spelling
            yield spelling.translate(_TO_URL_SAFE)


_GROUPS: Final = (_as_it_is, _in_urls, _in_json, _in_repr, _in_other_encodings, _in_base64)

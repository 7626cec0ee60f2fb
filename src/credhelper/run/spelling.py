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
    ``repr()``; as base64, by itself and within a longer text.
    """
    value = stripped(value)
    if len(value) < SHORTEST:
        return ()
    found = {value, *_ends_of_lines(value), *_lines(value), *_in_urls(value), *_in_base64(value)}
    found.update(_in_bytes_repr(value))
    try:
        text = value.decode()
    except UnicodeDecodeError:
        pass
    else:
        found.update(spelling.encode() for spelling in (*_in_json(text), *_in_repr(text)))
        if not text.isascii():
            found.update(text.encode(other, "backslashreplace") for other in ("ascii", "latin-1"))
    if encoding.lower() not in ("utf-8", "utf8"):
        found.update(encoded(form.decode(), encoding) for form in tuple(found) if _is_text(form))
    kept = (form for form in found if len(form) >= SHORTEST)
    return tuple(sorted(kept, key=lambda form: (-len(form), form)))


def encoded(text: str, encoding: str) -> bytes:
    """``text`` as it stands within a stream of that ``encoding``: without a byte order mark."""
    return (f"\n{text}").encode(encoding, "backslashreplace")[len("\n".encode(encoding)) :]


def _is_text(form: bytes) -> bool:
    try:
        form.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ends_of_lines(value: bytes) -> tuple[bytes, ...]:
    unix = value.replace(b"\r\n", b"\n")
    return unix, unix.replace(b"\n", b"\r\n")


def _lines(value: bytes) -> Iterator[bytes]:
    """The lines that could be a key or a part of one, of JSON-escaped text too; no prose."""
    lines = value.replace(b"\\n", b"\n").splitlines()
    for line in lines[:LINES] if len(lines) > 1 else ():
        words = line.split()
        if len(words) == 1 and len(words[0]) >= LINE and not words[0].startswith(b"-----"):
            yield words[0]


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


def _in_json(text: str) -> Iterator[str]:
    plain = text.translate(_JSON)
    ascii_only = plain.translate({ord(code): _utf16(code) for code in set(plain) if code > "~"})
    for spelling in (plain, ascii_only):
        yield spelling
        yield spelling.replace("/", "\\/")


def _utf16(character: str) -> str:
    digits = character.encode("utf-16-be").hex()
    return "".join(f"\\u{digits[start : start + 4]}" for start in range(0, len(digits), 4))


def _in_repr(text: str) -> Iterator[str]:
    # with a double quote in front, repr() has to escape the single ones
    for spelling in (repr('"' + text)[2:-1], ascii('"' + text)[2:-1]):
        yield spelling
        yield spelling.replace("\\'", "'")


def _in_bytes_repr(value: bytes) -> Iterator[bytes]:
    spelling = repr(b'"' + value)[3:-1].encode()
    yield spelling
    yield spelling.replace(b"\\'", b"'")


def _in_base64(value: bytes) -> Iterator[bytes]:
    for before, start in enumerate((0, 2, 3)):
        # of the characters at the ends, some bits are those of the neighbours
        code = b2a_base64(bytes(before) + value, newline=False)
        spellings = [code[start : (before + len(value)) * 8 // 6]]
        if not before:
            lines = (code[at : at + _WRAPPED] for at in range(0, len(code), _WRAPPED))
            spellings += code, code.rstrip(b"="), b"\n".join(lines)
        for spelling in spellings:
            yield spelling
            yield spelling.translate(_TO_URL_SAFE)

# SPDX-License-Identifier: MIT
"""What escapers make of a value, by the kind of text that they write.

Each function gives what writers of one kind may make of a value; some more than once. The few
lines here for each of ``json``, ``html`` and ``urllib.parse`` are on the runner's way to the
script: importing those would cost more than the rest of its start.
"""

from __future__ import annotations

# by name: the registry of codecs goes before the last that is printed, and would import them
from _codecs import utf_16_be_encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    Writer = Callable[[bytes], Iterator[bytes]]
    Row = tuple[str, Writer]  # with the label of what it writes

_UNRESERVED: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"  # RFC 3986, 2.3
)
PLAIN: Final = _UNRESERVED.rstrip(b"~")  # what every escaper leaves as it is
IN_KEYS: Final = PLAIN + b"=+/:,@%"  # what all leave as it is but those for URLs and JSON
_KEPT_IN_URLS: Final = (
    b"",
    b"/",  # urllib.parse.quote()
    b"!*'()",  # encodeURIComponent()
    b";,/?:@&=+$!*'()#",  # encodeURI()
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
_YAML: Final = (
    _JSON
    | {code: f"\\x{code:02X}" for code in (*range(1, 7), *range(14, 27), 127)}
    | {
        0: "\\0",
        7: "\\a",
        11: "\\v",
        27: "\\e",
    }
)
# for the quotes " and ': html.escape(), xml.sax.saxutils, MarkupSafe, PHP, JavaScript's libraries
_QUOTES_IN_XML: Final = (
    ('"', "'"),
    ("&quot;", "'"),
    ("&quot;", "&#x27;"),
    ("&#34;", "&#39;"),
    ("&quot;", "&#39;"),
    ("&quot;", "&apos;"),
)
_SPECIAL_IN_SHELLS: Final = frozenset(" \t!\"$&'()*,;<>?[\\]^`{|}")


def as_text(value: bytes) -> str:
    """``value`` as text; empty where it is none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def _in_urls(value: bytes) -> Iterator[bytes]:
    escaped = set(value).difference(_UNRESERVED)
    for kept in _KEPT_IN_URLS if escaped else ():
        codes = escaped.difference(kept)
        yield from _percent(value, codes)
        if 0x20 in codes:
            for text in _percent(value, codes - {0x20}):
                yield text.replace(b" ", b"+")
    if escaped:  # as browsers send a form
        for text in _percent(value, set(value).difference(_UNRESERVED, b" *") | {0x7E}):
            yield text.replace(b" ", b"+")


def _percent(value: bytes, codes: set[int]) -> Iterator[bytes]:
    """``value`` with ``%2F`` and with ``%2f`` in place of each of ``codes``."""
    text = value.decode("latin-1")
    yield text.translate({code: f"%{code:02X}" for code in codes}).encode("latin-1")
    yield text.translate({code: f"%{code:02x}" for code in codes}).encode("latin-1")


def _in_json(value: bytes) -> Iterator[bytes]:
    """As Python, JavaScript, PHP (with \\/ and \\u003C) and Go (with \\u003c) write it."""
    plain = as_text(value).translate(_JSON)
    for text in (plain, _ascii(plain)):
        for slashed in (text, text.replace("/", "\\/")):
            yield slashed.encode()
            yield slashed.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}).encode()
            yield slashed.translate({ord(sign): f"\\u{ord(sign):04X}" for sign in "<>&'"}).encode()


def _ascii(text: str) -> str:
    return text.translate({ord(code): _utf16(code) for code in set(text) if code > "~"})


def _utf16(character: str) -> str:
    digits = utf_16_be_encode(character)[0].hex()
    return "".join(f"\\u{digits[start : start + 4]}" for start in range(0, len(digits), 4))


def _in_repr(value: bytes) -> Iterator[bytes]:
    text = as_text(value)
    # with a double quote in front, repr() has to escape the single ones
    for spelling in (repr('"' + text)[2:-1], ascii('"' + text)[2:-1], repr(b'"' + value)[3:-1]):
        yield spelling.encode()
        yield spelling.replace("\\'", "'").encode()


def _in_yaml(value: bytes) -> Iterator[bytes]:
    text = as_text(value)
    yield text.translate(
        _YAML | {ord(sign): _yaml(ord(sign)) for sign in set(text) if sign > "~"}
    ).encode()
    yield text.translate(_YAML).encode()


def _yaml(code: int) -> str:
    return (
        f"\\x{code:02X}" if code < 256 else f"\\u{code:04X}" if code < 65536 else f"\\U{code:08X}"
    )


def _in_xml(value: bytes) -> Iterator[bytes]:
    escaped = as_text(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for double, single in _QUOTES_IN_XML:
        text = escaped.replace('"', double).replace("'", single)
        yield text.encode()
        yield text.encode("ascii", "xmlcharrefreplace")
        for newline, tab in (("&#10;", "&#9;"), ("&#10;", "&#09;"), ("&#xA;", "&#x9;")):
            attribute = text.replace("\n", newline).replace("\t", tab).replace("\r", "&#13;")
            yield attribute.encode()


def _quoted_twice(value: bytes) -> Iterator[bytes]:
    """In CSV, and in SQL and YAML between single quotes."""
    yield value.replace(b'"', b'""')
    yield value.replace(b"'", b"''")


def _in_shells(value: bytes) -> Iterator[bytes]:
    """Inside '...', "..." and $'...', and with backslashes as bash's printf %q writes it."""
    yield value.replace(b"'", b"'\"'\"'")  # shlex.quote()
    yield value.replace(b"'", b"'\\''")
    text = as_text(value)
    for signs in ('\\"$`', '\\"$`!', "\\'"):
        escaped = text.translate({ord(sign): f"\\{sign}" for sign in signs})
        yield escaped.encode()
        yield escaped.replace("\n", "\\n").replace("\t", "\\t").encode()
    escaped = "".join(f"\\{sign}" if sign in _SPECIAL_IN_SHELLS else sign for sign in text)
    yield escaped.encode()
    yield f"\\{escaped}".encode() if text[:1] in ("#", "~") else escaped.encode()
    yield "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "_./:@%+=,-") else f"\\{sign}"
        for sign in text
    ).encode()


def _in_mail(value: bytes) -> Iterator[bytes]:
    """Quoted-printable; its soft line breaks are not counted here."""
    yield b"".join(
        b"=%02X" % code if code == 61 or not (32 <= code < 127 or code in b"\r\n") else b"%c" % code
        for code in value
    )


def _in_other_encodings(value: bytes) -> Iterator[bytes]:
    text = as_text(value)
    if not text.isascii():
        for encoding in ("ascii", "latin-1"):
            yield text.encode(encoding, "backslashreplace")


def _usual_url(value: bytes) -> Iterator[bytes]:
    escaped = set(value).difference(_UNRESERVED)
    yield (text := next(_percent(value, escaped)))
    yield text.replace(b"%20", b"+")
    yield text.replace(b"%2F", b"/")


def _usual_json(value: bytes) -> Iterator[bytes]:
    plain = as_text(value).translate(_JSON)
    yield plain.encode()
    yield _ascii(plain).encode()
    yield plain.replace("/", "\\/").encode()


def _usual_repr(value: bytes) -> Iterator[bytes]:
    text = repr('"' + as_text(value))[2:-1]
    yield text.encode()
    yield text.replace("\\'", "'").encode()
    yield repr(b'"' + value)[3:-1].encode()


def _usual_xml(value: bytes) -> Iterator[bytes]:
    escaped = as_text(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for double, single in _QUOTES_IN_XML[:4]:
        yield escaped.replace('"', double).replace("'", single).encode()


def _usual_shell(value: bytes) -> Iterator[bytes]:
    yield value.replace(b"'", b"'\"'\"'")
    yield value.replace(b"'", b"'\\''")
    yield as_text(value).translate({ord(sign): f"\\{sign}" for sign in '\\"$`'}).encode()


# what changes values that hold more than PLAIN
ESCAPERS: Final[tuple[Row, ...]] = (
    ("URL-quoted", _in_urls),
    ("JSON-escaped", _in_json),
    ("escaped in source code", _in_repr),
    ("YAML-escaped", _in_yaml),
    ("XML-escaped", _in_xml),
    ("shell-escaped", _in_shells),
    ("quotes doubled", _quoted_twice),
    ("quoted-printable", _in_mail),
    ("another encoding", _in_other_encodings),
)
# what they write most often: that is what is written again
USUAL: Final[tuple[Row, ...]] = (
    ("JSON-escaped", _usual_json),
    ("escaped in source code", _usual_repr),
    ("URL-quoted", _usual_url),
    ("XML-escaped", _usual_xml),
    ("shell-escaped", _usual_shell),
    ("quotes doubled", _quoted_twice),
)

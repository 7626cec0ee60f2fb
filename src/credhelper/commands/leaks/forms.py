# SPDX-License-Identifier: MIT
"""How a credential's value may stand in a file: as it is, encoded, escaped, broken over lines."""

import base64
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote, quote_plus

SHORTEST = 8  # bytes; anything shorter stands in every large tree by chance
LONGEST = 4096  # bytes of a value that are searched for
PROBE = 64  # bytes; the longest literal that the sieve looks for
LINE = 24  # bytes; two probes of this length fit into a line of base64 or hex of 48

# White space, and the two characters \n of an encoded text inside JSON, do not end a loose form.
BREAK = re.compile(rb"\\[nrt]|[ \t\r\n]")
LONGEST_GAP = 64  # so many of them in a row

PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


class Encoding(Enum):
    """How the value is written where it was found."""

    RAW = "as it is"
    LINES = "broken over lines"
    BASE64 = "base64"
    BASE64URL = "base64url"
    HEX = "hex"
    URL = "URL-quoted"
    JSON = "JSON-escaped"
    SHELL = "shell-escaped"
    UTF16 = "UTF-16"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write one credential's value. Never shows the value.

    A loose form may be broken over lines anywhere; its text is without breaks. Each probe is an
    (offset, literal) pair: at least one of them stands unbroken wherever the form stands.
    """

    credential: str
    encoding: Encoding
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


def forms(credential: str, value: bytes) -> list[Form]:
    """Every form of value to search for, the plainest first, each text once; [] if too short."""
    value = secret_part(value)
    if len(value) < SHORTEST:
        return []
    result: dict[bytes, Form] = {}
    for encoding, text, loose in _texts(value):
        if text not in result:
            result[text] = Form(credential, encoding, text, loose, _probes(text, loose))
    lines = _lines(credential, value)
    return [*result.values(), lines] if lines else list(result.values())


def _lines(credential: str, value: bytes) -> Form | None:
    """The form of a value of several lines that are indented or end otherwise where it stands."""
    pieces = BREAK.split(value)
    longest = max(pieces, key=len)
    if b"\n" not in value or len(longest) < SHORTEST:
        return None
    index = len(pieces) - 1 - pieces[::-1].index(longest)
    probe = (sum(map(len, pieces[:index])), longest[:PROBE])
    return Form(credential, Encoding.LINES, b"".join(pieces), True, (probe,))


def _texts(value: bytes) -> Iterator[tuple[Encoding, bytes, bool]]:
    yield Encoding.RAW, value, False
    for text in _base64(value):
        yield Encoding.BASE64, text, True
        yield Encoding.BASE64URL, text.translate(bytes.maketrans(b"+/", b"-_")), True
    yield Encoding.HEX, value.hex().encode(), True
    yield Encoding.HEX, value.hex().upper().encode(), True
    for text in _url(value):
        yield Encoding.URL, text, False
    try:
        characters = value.decode()
    except UnicodeDecodeError:
        return
    for text in _json(characters):
        yield Encoding.JSON, text, False
    for text in _shell(characters):
        yield Encoding.SHELL, text, False
    yield Encoding.UTF16, characters.encode("utf-16-le"), False
    yield Encoding.UTF16, characters.encode("utf-16-be"), False


def _base64(value: bytes) -> Iterator[bytes]:
    """The digits that value alone decides, for each of the three places in a group of three."""
    for before in range(3):
        digits = base64.b64encode(bytes(before) + value + b"\0\0")
        first, last = -(-8 * before // 6), 8 * (before + len(value)) // 6
        yield digits[first:last]


def _url(value: bytes) -> Iterator[bytes]:
    """What quote(), encodeURIComponent(), encodeURI() and form encoding write, both cases."""
    texts = [
        quote(value, safe=""),
        quote(value, safe="/"),
        quote(value, safe="!~*'()"),
        quote(value, safe=";,/?:@&=+$!~*'()#"),
        quote_plus(value),
        quote_plus(value, safe="*").replace("~", "%7E"),
        "".join(f"%{byte:02X}" for byte in value),
    ]
    for text in texts:
        yield text.encode()
        yield re.sub(r"%..", lambda code: code[0].lower(), text).encode()


def _json(characters: str) -> Iterator[bytes]:
    """What Python, JavaScript, PHP (escaped slashes) and Go (escaped <>&) write."""
    for ascii_only in (True, False):
        text = json.dumps(characters, ensure_ascii=ascii_only)[1:-1]
        for slashed in (text, text.replace("/", "\\/")):
            yield slashed.encode()
            yield re.sub("[<>&]", lambda sign: f"\\u{ord(sign[0]):04x}", slashed).encode()
            yield re.sub("[<>&']", lambda sign: f"\\u{ord(sign[0]):04X}", slashed).encode()


def _shell(characters: str) -> Iterator[bytes]:
    """Inside '...', "..." and $'...', and with backslashes as bash's printf %q writes it."""
    yield shlex.quote(characters)[1:-1].encode() if "'" in characters else characters.encode()
    yield characters.replace("'", "'\\''").encode()
    yield re.sub(r'[\\"$`]', r"\\\g<0>", characters).encode()
    yield re.sub(r'[\\"$`!]', r"\\\g<0>", characters).encode()
    yield (
        re.sub(r"[\\']", r"\\\g<0>", characters).replace("\n", "\\n").replace("\t", "\\t").encode()
    )
    quoted = re.sub(r"[][ \t!\"$&'()*,;<>?\\^`{|}]", r"\\\g<0>", characters)
    yield quoted.encode()
    yield re.sub(r"^[#~]", r"\\\g<0>", quoted).encode()
    yield re.sub(r"[^A-Za-z0-9_./:@%+=,-]", r"\\\g<0>", characters).encode()


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

# SPDX-License-Identifier: MIT
"""What is looked for in a stream: the spellings of each value, in the stream's encoding."""

from __future__ import annotations

from credhelper.commands import spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

SHORTEST: Final = 4  # bytes; what is shorter is in too much text that is no secret
HEAD: Final = 1024  # bytes; so much of a longer form counts as the form: little is held back
WRAPPED: Final = 20  # bytes; what is shorter is not looked for with breaks in it
_BASE64: Final = 76  # characters in a line of base64(1), base64.encodebytes()
AS_THEY_ARE: Final = frozenset(("utf-8", "utf8"))
# spelled twice, or as no one lays out, it is looked for unbroken alone
_LAID_OUT: Final = frozenset(
    (spellings.AS_IT_IS, "base64", "JSON-escaped", "escaped in source code", "YAML-escaped")
)


def stripped(value: bytes) -> bytes:
    """``value`` without blanks around it, as a script gets it: what is around it stays."""
    try:
        return value.decode().strip().encode()
    except UnicodeDecodeError:
        return value.strip()


def spelled(value: bytes, encoding: str) -> tuple[set[bytes], list[bytes]]:
    """The forms of the whole ``value``, and those that are looked for with breaks in them too."""
    texts = spellings.spellings(value)
    if encoding.lower().startswith(("utf-16", "utf_16")):  # of the other order, one is in between
        texts = {text: label for text, label in texts.items() if label != "UTF-16"}
    every = {text for text in texts if len(text) >= SHORTEST}
    if len(value) > _BASE64 * 3 // 4:
        every.update(_in_lines_of_base64(value))
    laid_out = [
        text
        for text, label in texts.items()
        if label in _LAID_OUT and WRAPPED <= len(text) <= HEAD and len(value) <= HEAD
    ]
    if encoding.lower() not in AS_THEY_ARE:
        every = {form for text in every for form in _as_in(text, encoding)}
    return every, laid_out


def beginning(value: bytes, size: int = HEAD) -> bytes:
    """Enough of ``value`` for the first ``size`` bytes of every form: those depend on it alone.

    Text is not cut within a character. What takes 3 bytes of UTF-8 may take one in the stream.
    """
    end = 4 * size
    while end < len(value) and end > 4 * size - 4 and value[end] & 0xC0 == 0x80:
        end -= 1
    return value[:end]


def continuations(head: bytes, value: bytes, encoding: str) -> set[bytes]:
    """The forms of ``value`` that begin with ``head``, without making all the others."""
    start = beginning(value, len(head))
    found: set[bytes] = set()
    for write in (*spellings.ways(value), _in_lines_of_base64):
        if any(form.startswith(head) for form in _all_as_in(write(start), encoding)):
            found.update(_all_as_in(write(value), encoding))
    return {form for form in found if form.startswith(head)}


def encoded(text: str, encoding: str) -> bytes:
    """``text`` as it is within a stream of that ``encoding``: without a byte order mark."""
    return (f"\n{text}").encode(encoding, "backslashreplace")[len("\n".encode(encoding)) :]


def _in_lines_of_base64(value: bytes) -> Iterator[bytes]:
    code = next(spellings.in_base64(value))
    yield b"\n".join(code[at : at + _BASE64] for at in range(0, len(code), _BASE64))


def _all_as_in(texts: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    for text in texts:
        yield from _as_in(text, encoding)


def _as_in(form: bytes, encoding: str) -> Iterator[bytes]:
    yield form
    if encoding.lower() not in AS_THEY_ARE:
        try:
            yield encoded(form.decode(), encoding)
        except UnicodeDecodeError:
            pass

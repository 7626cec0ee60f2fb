# SPDX-License-Identifier: MIT
"""What is looked for in a stream: the spellings of each value, in the stream's encoding."""

from __future__ import annotations

from credhelper.commands import spellings
from credhelper.commands.writers import in_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

SHORTEST: Final = 4  # bytes; what is shorter stands in too much text that is no secret
_LINE: Final = 16  # bytes; a shorter line of a value is not looked for by itself
_LINES: Final = 256  # so many lines of a value are
_WRAPPED: Final = 76  # characters: base64(1), base64.encodebytes()


def stripped(value: bytes) -> bytes:
    """``value`` without blanks around it, as a script gets it: what stands around it stays."""
    try:
        return value.decode().strip().encode()
    except UnicodeDecodeError:
        return value.strip()


def forms(value: bytes, encoding: str = "utf-8") -> tuple[bytes, ...]:
    """What ``value`` may look like in a stream of that ``encoding``, the longest first.

    None of a value that is too short.
    """
    value = stripped(value)
    found = {*spelled(value, encoding), *lines(value, encoding)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def spelled(value: bytes, encoding: str) -> Iterator[bytes]:
    """The forms of the whole ``value``; some more than once."""
    if len(value) >= SHORTEST:
        for text in spellings.spellings(value):
            if len(text) >= SHORTEST:
                yield from _as_in(text, encoding)
        yield from _all_as_in(_in_lines_of_base64(value), encoding)


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
    start = beginning(value, len(head))
    found: set[bytes] = set()
    for write in (*spellings.ways(value), _in_lines_of_base64):
        if any(form.startswith(head) for form in _all_as_in(write(start), encoding)):
            found.update(_all_as_in(write(value), encoding))
    return {form for form in found if form.startswith(head)}


def lines(value: bytes, encoding: str) -> Iterator[bytes]:
    """The lines that could be a key or a part of one, of JSON-escaped text too; no prose."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    found = text.replace("\\n", "\n").encode().splitlines()
    for line in found[:_LINES] if len(found) > 1 else ():
        words = line.split()
        if len(words) == 1 and len(words[0]) >= _LINE and not words[0].startswith(b"-----"):
            yield from _as_in(words[0], encoding)


def encoded(text: str, encoding: str) -> bytes:
    """``text`` as it stands within a stream of that ``encoding``: without a byte order mark."""
    return (f"\n{text}").encode(encoding, "backslashreplace")[len("\n".encode(encoding)) :]


def _in_lines_of_base64(value: bytes) -> Iterator[bytes]:
    code = next(in_base64(value))
    yield b"\n".join(code[at : at + _WRAPPED] for at in range(0, len(code), _WRAPPED))


def _all_as_in(texts: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    for text in texts:
        yield from _as_in(text, encoding)


def _as_in(form: bytes, encoding: str) -> Iterator[bytes]:
    yield form
    if encoding.lower() not in ("utf-8", "utf8"):
        try:
            yield encoded(form.decode(), encoding)
        except UnicodeDecodeError:
            pass

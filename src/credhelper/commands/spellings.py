# SPDX-License-Identifier: MIT
"""How a value may be spelled in what programs write, and in files: the one vocabulary of them.

``ENCODERS`` and ``ESCAPERS`` have a row for each kind of writer: the label that people see, and a
function that gives what writers of that kind make of a value. Escapers leave most keys as they are,
and then add nothing: of ``ab<cd`` there are ``ab&lt;cd`` (HTML) and ``ab\\u003ccd`` (Go's JSON), of
``abcd`` there are neither.

What writers make of one another's text counts too, once: JSON in JSON, a shell command in HTML, the
base64 of a base64. For that, ``_USUAL`` has what each writes most often.
"""

from __future__ import annotations

from credhelper.commands.writers import (
    ENCODERS,
    ESCAPERS,
    IN_KEYS,
    PLAIN,
    USUAL,
    as_it_is,
    in_base64,
    usual_base64,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from credhelper.commands.writers import Row, Writer

AS_IT_IS: Final = "as it is"
LINES: Final = "broken over lines"
LOOSE: Final = frozenset(("base64", "base64url", "base32", "hex"))  # written in lines of any length

WRITTEN_AGAIN: Final = 1024  # bytes; of a longer value, what a second writer makes is not counted


def spellings(value: bytes) -> dict[bytes, str]:
    """Every text that ``value`` may be spelled as, with the label of its kind; the plainest first.

    None is empty, but one may be shorter than the value, as may be what its base64 has of it alone.
    """
    found = dict.fromkeys(as_it_is(value), AS_IT_IS)
    for label, write in ENCODERS:
        for text in write(value):
            found.setdefault(text, label)
    for label, write in _changing(value, ESCAPERS):
        for text in write(value):
            found.setdefault(text, label)
    if len(value) <= WRITTEN_AGAIN:
        inner = [*usual_base64(value)]
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
    """Every way to one or more of the spellings of ``value``, for who wants only some of them."""
    yield as_it_is
    for _, write in (*ENCODERS, *_changing(value, ESCAPERS)):
        yield write
    again = [write for _, write in USUAL]
    if len(value) <= WRITTEN_AGAIN:
        for first in (usual_base64, *(write for _, write in _changing(value, USUAL))):
            for second in (in_base64, *again):
                yield _one_after_the_other(first, second)


def _one_after_the_other(first: Writer, second: Writer) -> Writer:
    return lambda value: (outer for inner in first(value) for outer in second(inner))

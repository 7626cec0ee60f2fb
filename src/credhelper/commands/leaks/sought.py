# SPDX-License-Identifier: MIT
"""What is looked for: of each value a part that most writers leave alone, plain and encoded.

Where such a probe is found, the rest is read around it: decoded, unescaped, over breaks. So there
is a probe for each way to encode a text as a whole, and none for the many ways to escape it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.codecs import BASE32, BASE64, HEX, UTF16, UTF32
from credhelper.commands.leaks.escapes import AS_IT_IS, Units, fully
from credhelper.commands.ordinary import SHORTEST, setting
from credhelper.commands.parts import named
from credhelper.commands.spellings import spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from credhelper.commands.leaks.codecs import Codec

LONGEST: Final = 4096  # bytes of a value that are searched for
PROBE: Final = 32  # bytes of a value that a probe has
_PLAIN: Final = 7  # bytes; a shorter run of plain characters is no probe
_LINE: Final = 24  # bytes; two probes of this length fit into a line of 48
_FEW: Final = 8  # bytes of it where each becomes many
# letters and digits alone, where they are enough: Markdown escapes even a _
_RUNS: Final = (re.compile(rb"[A-Za-z0-9]{12,}"), re.compile(rb"[A-Za-z0-9_-]{7,}"))

PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL
)
_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
# of a document, what tells whose secret it is, and is none
_PUBLIC: Final = re.compile(
    r"(?i)(^|[_-])(id|e?mail|ur[il]s?|host|user|username|name|type|region|alg|issuer|scopes?)$"
)
# what encodes what: from the inside to the outside
_CHAINS: Final[tuple[tuple[Codec, ...], ...]] = (
    (BASE64,),
    (HEX,),
    (BASE32,),
    *((wide,) for wide in (*UTF16, *UTF32)),
    (BASE64, BASE64),
    (HEX, BASE64),
    (BASE64, HEX),
    *((wide, outer) for wide in UTF16 for outer in (BASE64, HEX)),
    *((inner, wide) for wide in UTF16 for inner in (BASE64, HEX)),
)
_BETWEEN_HEX: Final = (" ", ":", "-", ",", ", 0x", ",0x")


@dataclass(frozen=True, slots=True)
class Needle:
    """What is searched for: a value or a part of one. Never shows it.

    owner is the credential, name what a hit calls it: ``client_secret of my_oauth``.
    """

    name: str
    owner: str
    value: bytes = field(repr=False)
    units: Units = field(repr=False, compare=False)

    @property
    def reach(self) -> int:
        """The most bytes on one side of a probe that are read."""
        return min(8 * len(self.value) + 512, 1 << 16)


@dataclass(frozen=True, slots=True)
class Layer:
    """One encoding around a probe: its text there, and how that lies in its group."""

    codec: Codec
    text: bytes = field(repr=False)
    phase: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A literal, and what it tells: value[first:last] of a needle, in layers from the outside."""

    text: bytes = field(repr=False)
    needle: Needle
    first: int
    last: int
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    label: str = AS_IT_IS


def needles(values: Mapping[str, bytes]) -> tuple[list[Needle], list[str]]:
    """What to search for of values by credential name, and the names of those too short."""
    found: dict[bytes, Needle] = {}
    skipped = []
    for name, value in values.items():
        secret = secret_part(value)
        if len(secret) < SHORTEST:
            skipped.append(name)
        else:
            for text in (secret, *_as_uuid(secret)):
                found.setdefault(text, _needle(name, name, text))
    for name, value in values.items():
        lines = b"-----BEGIN " not in value  # those of a key say nothing one by one
        for part, called in named(secret_part(value)).items():
            listed = all(map(setting, part.split(b",")))
            if not listed and not _PUBLIC.search(called) and (lines or called != "a line"):
                label = f"{called or 'a part'} of {name}"
                found.setdefault(part, _needle(label, name, part[:LONGEST]))
    return list(found.values()), sorted(skipped)


def _needle(name: str, owner: str, value: bytes) -> Needle:
    return Needle(name, owner, value, Units(value))


def _as_uuid(value: bytes) -> Iterator[bytes]:
    """A UUID without its dashes, or with them, in either case."""
    if _UUID.fullmatch(value):
        digits = value.replace(b"-", b"")
        cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
        for text in (digits, b"-".join(digits[a:b] for a, b in cuts)):
            yield text.lower()
            yield text.upper()


def secret_part(value: bytes) -> bytes:
    """The part of a value to search for: a PEM private key if it holds one, at most LONGEST bytes.

    A certificate next to the key, or the end of line that an editor added, is no secret.
    """
    key = PRIVATE_KEY.search(value)
    part = key[0] if key else value.rstrip(b"\r\n")
    middle = max(0, len(part) - LONGEST) // 2
    return part[middle : middle + LONGEST]


def probes(needle: Needle) -> Iterator[Probe]:
    """All that is looked for of a needle."""
    value = needle.value
    first, last = _run(value)
    if first == last:  # each writer makes something else of it
        last = needle.units.boundary(min(len(value), 2 * PROBE))
        for text, label in spellings(value).items():
            if len(text) >= SHORTEST:
                yield Probe(text, needle, 0, len(value), label=label)
    longest = (needle.units.boundary(max(first, last - PROBE)), last)
    for a, b in _halves(needle, first, last, _LINE):
        yield Probe(value[a:b], needle, a, b)
    for chain in _CHAINS:
        pieces = [longest]
        if len(chain) == 1:
            pieces = _halves(needle, first, last, _LINE * chain[0].density // 8)
        for a, b in pieces:
            yield from _encoded(needle, a, b, chain)
    first, last = longest
    begin = (first, needle.units.boundary(min(first + _FEW, last)))
    last = needle.units.boundary(min(first + 2 * _FEW, last))
    for text in fully(value[slice(*begin)]):
        yield Probe(text, needle, *begin)
    for a, b in dict.fromkeys((begin, (needle.units.boundary(max(first, last - _FEW)), last))):
        for text in _dumped(value[a:b]):
            yield Probe(text, needle, a, b, (Layer(HEX, text, 0),), HEX.label)
        for wide, _ in UTF16[0].written(value[a:b]):
            layers = Layer(HEX, wide.hex(",").encode(), 0), Layer(UTF16[0], wide, 0)
            yield Probe(layers[0].text, needle, a, b, layers, "hex of UTF-16")


def _halves(needle: Needle, first: int, last: int, most: int) -> list[tuple[int, int]]:
    """Two pieces next to one another, of at most so many bytes: a break leaves one of them.

    Where there is too little for two, what is before and after it, for it may be left whole.
    """
    boundary, size = needle.units.boundary, len(needle.value)
    first = max(first, last - 2 * most)
    if last - first >= 2 * _PLAIN - 2:
        middle = boundary((first + last) // 2)
        return [(boundary(first), middle), (middle, last)]
    before = (boundary(max(0, first - most)), first)
    after = (last, boundary(min(size, last + most)))
    return [(first, last), *((a, b) for a, b in (before, after) if b - a >= _PLAIN)]


def _run(value: bytes) -> tuple[int, int]:
    """From where to where the longest plain run goes; both 0 if there is none."""
    for pattern in _RUNS:
        runs = [match.span() for match in pattern.finditer(value)]
        if runs:  # the end of a key tells more than its beginning: sk_live_
            first, last = max(runs, key=lambda run: (run[1] - run[0], run[0]))
            return max(first, last - 2 * PROBE), last
    return 0, 0


def _encoded(needle: Needle, first: int, last: int, chain: tuple[Codec, ...]) -> Iterator[Probe]:
    found: list[tuple[bytes, tuple[Layer, ...]]] = [(needle.value[first:last], ())]
    for codec in chain:
        found = [
            (text, (Layer(codec, text, phase), *layers))
            for inner, layers in found
            for text, phase in codec.written(inner)
        ]
    *inner, outer = (codec.label for codec in chain)
    label = f"{outer} of {inner[0]}" if inner else outer
    for text, layers in found:
        yield Probe(text, needle, first, last, layers, label)


def _dumped(part: bytes) -> Iterator[bytes]:
    """Its bytes in hex with something in between, as in dumps, keys and source code."""
    for digits in (part.hex("\0"), part.hex("\0").upper()):
        for between in _BETWEEN_HEX:
            yield digits.replace("\0", between).encode()
    yield part.hex(" ", -2).encode()  # xxd
    yield f"{part[:1].hex()} {part[1:].hex(' ', -2)}".encode()

# SPDX-License-Identifier: MIT
"""Git packs and bundles outside of a repository, read without Git (gitformat-pack(5)).

Git reads a pack only where its index lies beside it in a repository of its own. A backup, a bundle,
the rest of a fetch that was interrupted are read here, from the beginning to the end, or up to the
damage. The base of a delta comes before it in most packs; one that is not there or is not kept any
more makes the object unreadable, which is said.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from credhelper.commands.leaks.unpack import compressed
from credhelper.commands.leaks.unpack.reader import Reader, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credhelper.commands.leaks.unpack.archives import Members

LARGE: Final = 16 << 20  # bytes of an object that may be a base
KEPT: Final = 64 << 20  # bytes of bases that are kept
_KINDS: Final = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_OFFSET_DELTA: Final = 6
_NAMED_DELTA: Final = 7


def bundle_members(reader: Reader) -> Members:
    """The objects of a bundle (gitformat-bundle(5)): a pack behind some lines."""
    if not reader.skip_to(b"\n\nPACK"):
        raise Unreadable("the bundle is cut off")
    reader.read(2)
    yield from pack_members(reader)


def pack_members(reader: Reader) -> Members:
    """The objects of a pack by their numbers."""
    counted = _Counted(reader)
    header = counted.read(12)
    if len(header) < 12 or header[4:8] not in (b"\0\0\0\2", b"\0\0\0\3"):
        raise Unreadable("the pack is damaged")
    bases = _Bases()
    unresolved = 0
    for number in range(int.from_bytes(header[8:], "big")):
        place = counted.offset
        kind, size = counted.entry()
        base: bytes | None = None
        if kind == _OFFSET_DELTA:
            base = bases.at(place - counted.distance())
        elif kind == _NAMED_DELTA:
            base = bases.named(counted.read(20))
        elif kind not in _KINDS:
            raise Unreadable("the pack is damaged")
        name = b"object %d" % (number + 1)
        if size > LARGE:
            if kind in _KINDS:
                yield name, counted.inflated()
            else:
                unresolved += 1
                yield name, counted.inflated()  # what it adds to its base is there as it is
            continue
        content = b"".join(counted.inflated())
        if kind not in _KINDS:
            found = bases.kind
            resolved = _apply(base, content) if base is not None else None
            unresolved += resolved is None
            if resolved is None:
                yield name, iter([content])
                continue
            kind, content = found, resolved
        bases.keep(place, kind, content)
        yield name, iter([content])
    if unresolved:
        raise Unreadable(f"{unresolved:,} objects of the pack lack what they are a change of")


class _Counted:
    """A reader that knows how far it is."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.offset = 0

    def read(self, size: int) -> bytes:
        data = self._reader.exactly(size, "the pack")
        self.offset += size
        return data

    def entry(self) -> tuple[int, int]:
        """The kind of the next object and its size, four bits and then seven a byte."""
        byte = self.read(1)[0]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 128:
            byte = self.read(1)[0]
            size |= (byte & 127) << shift
            shift += 7
        return kind, size

    def distance(self) -> int:
        byte = self.read(1)[0]
        result = byte & 127
        while byte & 128:
            byte = self.read(1)[0]
            result = (result + 1) << 7 | byte & 127
        return result

    def inflated(self) -> Iterator[bytes]:
        taken = _Taken(self._reader)
        yield from compressed.zlib_stream(taken)
        self.offset += taken.total


class _Taken(Reader):
    """Counts what is taken from another reader; what is put back goes back there."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(())
        self._reader = reader
        self.total = 0

    def some(self) -> bytes:
        data = self._reader.some()
        self.total += len(data)
        return data

    def put_back(self, data: bytes) -> None:
        self._reader.put_back(data)
        self.total -= len(data)


class _Bases:
    """Objects by where they are and by their ids; those that came first go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[int, bytes]] = OrderedDict()
        self._places: dict[bytes, int] = {}
        self._size = 0
        self.kind = 0  # of the base that was asked for last

    def keep(self, place: int, kind: int, content: bytes) -> None:
        self._kept[place] = (kind, content)
        head = b"%b %d\0" % (_KINDS[kind], len(content))
        self._places[hashlib.sha1(head + content, usedforsecurity=False).digest()] = place
        self._size += len(content)
        while self._size > KEPT:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._size -= len(dropped)

    def at(self, place: int) -> bytes | None:
        if place not in self._kept:
            return None
        self._kept.move_to_end(place)
        self.kind, content = self._kept[place]
        return content

    def named(self, oid: bytes) -> bytes | None:
        return self.at(self._places.get(oid, -1))


def _apply(base: bytes, delta: bytes) -> bytes | None:
    """What a delta makes of its base; None where it is damaged or makes too much."""
    try:
        at, source = _varint(delta, 0)
        at, size = _varint(delta, at)
        if source != len(base) or size > LARGE:
            return None
        parts: list[bytes] = []
        total = 0
        while at < len(delta):
            code = delta[at]
            at += 1
            if not code & 128:
                if not code:
                    return None
                parts.append(delta[at : at + code])
                total += code
                at += code
                continue
            offset = length = 0
            for bit in range(7):
                if code >> bit & 1:
                    if bit < 4:
                        offset |= delta[at] << 8 * bit
                    else:
                        length |= delta[at] << 8 * (bit - 4)
                    at += 1
            parts.append(base[offset : offset + (length or 0x10000)])
            total += len(parts[-1])
            if total > size:
                return None
    except IndexError:
        return None
    result = b"".join(parts)
    return result if len(result) == size else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return at, result

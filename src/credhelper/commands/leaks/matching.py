# SPDX-License-Identifier: MIT
"""Exact search for every form of every value in buffers and streams of bytes."""

import os
import time
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from credhelper.commands.leaks.escapes import AS_IT_IS
from credhelper.commands.leaks.sought import Needle, Probe, needles, probes
from credhelper.commands.leaks.unpack.base64_runs import BEGINNINGS
from credhelper.commands.leaks.vectorscan import Vectorscan
from credhelper.commands.literals import Literals

ENOUGH = 20.0  # seconds in vain
MOST = 100  # matches of one credential in one file; more tell nothing new


@dataclass(frozen=True, slots=True)
class Match:
    """One place in a stream: lines count from 1."""

    credential: str
    encoding: str
    line: int
    text: bytes = field(repr=False, compare=False, default=b"")


@dataclass(frozen=True, slots=True)
class Span:
    """A value in a buffer, and how it is written there."""

    start: int
    end: int
    needle: Needle
    encoding: str


@dataclass(slots=True)
class Effort:
    """What reading around probes in vain has cost: whoever knows a value can make it endless."""

    seconds: float = 0.0

    @property
    def spent(self) -> bool:
        """Whether it is enough: from then on only values as they are are found."""
        return self.seconds > ENOUGH


@dataclass(frozen=True, slots=True)
class Matcher:
    """What is searched for. Never shows a value."""

    by_text: Mapping[bytes, tuple[Probe, ...]]
    literals: Literals | Vectorscan
    overlap: int
    skipped: tuple[str, ...]
    effort: Effort = field(default_factory=Effort)

    def __repr__(self) -> str:
        return f"Matcher({len(self.by_text)} probes)"

    def matches(self, chunks: Iterable[bytes]) -> Iterator[Match]:
        """Every match in the stream that chunks make up; memory is that of one chunk and a bit."""
        scan = Scan(self)
        for chunk in chunks:
            yield from scan.feed(chunk)
        yield from scan.end()

    def spans(self, buffer: bytes | bytearray, packed: list[int] | None = None) -> list[Span]:
        """Where values are in buffer, in order; of overlapping ones of a credential the first.

        To packed go the places where base64 of compressed data may begin.
        """
        found = []
        within: dict[Needle, int] = {}  # the end of the last that was found
        for position, text, _ in sorted(self.literals.places(buffer)):
            if packed is not None and text in BEGINNINGS:
                packed.append(position)
            for probe in self.by_text[text]:
                if position >= within.get(probe.needle, 0):
                    for span in self._read(buffer, position, probe):
                        found.append(span)
                        within[probe.needle] = max(span.end, within.get(probe.needle, 0))
        found.sort(key=lambda span: (span.start, -span.end))
        ends: dict[str, int] = {}
        result = []
        for span in found:
            names = span.needle.owner, span.needle.name
            if span.start >= max(ends.get(name, 0) for name in names):
                ends[span.needle.name] = span.end
                result.append(span)
        return result

    def _read(self, buffer: bytes | bytearray, position: int, probe: Probe) -> list[Span]:
        """The values around a probe; what takes long without any is counted."""
        if self.effort.spent:
            value, start = probe.needle.value, position - probe.first
            if probe.layers or start < 0 or not buffer.startswith(value, start):
                return []
        begun = time.thread_time()
        found = list(read(buffer, position, probe))
        if not found:
            self.effort.seconds += time.thread_time() - begun
        return found

    def shown(self, path: bytes) -> tuple[str, bool]:
        """A path as text with the values in it replaced, and whether there were any."""
        shown = self.redacted(path)
        return os.fsdecode(shown), shown != path

    def redacted(self, text: bytes) -> bytes:
        """The text, each value in it replaced by the name of its credential in <>."""
        for span in reversed(self.spans(text)):
            text = text[: span.start] + b"<" + span.needle.name.encode() + b">" + text[span.end :]
        return text


class Scan:
    """A search of one stream, fed with its pieces one after the other."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._count: dict[str, int] = {}
        self._rest = b""
        self._line = 1

    def feed(self, chunk: bytes) -> list[Match]:
        """What was found up to near the end of chunk."""
        buffer = self._rest + chunk
        return self._search(buffer, len(buffer) - self._matcher.overlap)

    def end(self) -> list[Match]:
        """What was found in the end of the stream."""
        return self._search(self._rest, len(self._rest))

    def _search(self, buffer: bytes, safe: int) -> list[Match]:
        if safe <= 0:
            self._rest = buffer
            return []
        done, result = 0, []
        for span in self._matcher.spans(buffer):
            if span.start >= safe:
                break
            name = span.needle.name
            self._count[name] = self._count.get(name, 0) + 1
            if self._count[name] <= MOST:
                self._line += buffer.count(b"\n", done, span.start)
                done = span.start
                text = buffer[span.start : span.end]
                result.append(Match(name, span.encoding, self._line, text))
        self._line += buffer.count(b"\n", done, safe)
        self._rest = buffer[safe:]
        return result


def matcher(values: Mapping[str, bytes]) -> Matcher:
    """A Matcher for values by credential name; those too short to search for are in .skipped."""
    by_text: dict[bytes, tuple[Probe, ...]] = dict.fromkeys(BEGINNINGS, ())
    wanted, skipped = needles(values)
    for needle in wanted:
        for probe in probes(needle):
            by_text[probe.text] = (*by_text.get(probe.text, ()), probe)
    overlap = max((2 * needle.reach for needle in wanted), default=0)
    return Matcher(by_text, _search(by_text), overlap, tuple(skipped))


def _search(texts: Collection[bytes]) -> Literals | Vectorscan:
    """The faster search if its library is there."""
    if texts:
        with suppress(OSError):
            return Vectorscan(texts)
    return Literals(texts)


def read(buffer: bytes | bytearray, position: int, probe: Probe) -> Iterator[Span]:
    """The values around a probe that was found at a position."""
    needle, size = probe.needle, len(probe.text)
    if not probe.layers:
        found = needle.units.around(buffer, position, position + size, probe.first, probe.last)
        if found:
            start, end, label = found
            yield Span(start, end, needle, probe.label if label == AS_IT_IS else label)
        return
    before = max(0, position - needle.reach)
    window = bytes(buffer[before : position + size + needle.reach])
    for start, end in _decoded(window, position - before, probe, 0):
        yield Span(before + start, before + end, needle, probe.label)


def _decoded(text: bytes, at: int, probe: Probe, depth: int) -> Iterator[tuple[int, int]]:
    """Where values are in text, around the layer at a place in it."""
    layer = probe.layers[depth]
    inner = depth + 1 < len(probe.layers)
    value = probe.needle.value[probe.first : probe.last]
    sought = probe.layers[depth + 1].text if inner else value
    for decoded in layer.codec.read(text, at, layer.phase):
        near = bisect_left(decoded.starts, at)  # its first character may have bits of another byte
        for place in range(max(0, near - 1), near + 1):
            if not decoded.text.startswith(sought, place):
                continue
            if inner:
                found = list(_decoded(decoded.text, place, probe, depth + 1))
            else:
                around = probe.needle.units.around(
                    decoded.text, place, place + len(sought), probe.first, probe.last
                )
                found = [around[:2]] if around else []
            for start, end in found:
                yield decoded.starts[start], decoded.end(end)

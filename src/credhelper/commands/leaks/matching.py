# SPDX-License-Identifier: MIT
"""Exact search for every form of every value in buffers and streams of bytes."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from credhelper.commands.leaks.sought import BREAK, LONGEST_GAP, Sought, sought
from credhelper.commands.literals import Literals

MOST = 100  # matches of one credential in one file; more tell nothing new


@dataclass(frozen=True, slots=True)
class Match:
    """One place in a stream: lines count from 1."""

    credential: str
    encoding: str
    line: int
    text: bytes = field(repr=False, compare=False, default=b"")


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    form: Sought


@dataclass(frozen=True, slots=True)
class Matcher:
    """What is searched for. Never shows a value."""

    by_probe: Mapping[bytes, tuple[tuple[int, Sought], ...]]
    probes: Literals
    overlap: int
    skipped: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Matcher({len(self.by_probe)} probes)"

    def matches(self, chunks: Iterable[bytes]) -> Iterator[Match]:
        """Every match in the stream that chunks make up; memory is that of one chunk and a bit."""
        scan = Scan(self)
        for chunk in chunks:
            yield from scan.feed(chunk)
        yield from scan.end()

    def texts(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """What matches in the stream, as it is spelled there."""
        for match in self.matches(chunks):
            yield match.text

    def spans(self, buffer: bytes | bytearray) -> list[_Span]:
        """Where values are in buffer, in order; of overlapping ones of a credential the first."""
        found = []
        within: dict[Sought, int] = {}  # up to where one stands that was found already
        for position, probe, _ in sorted(self.probes.places(buffer)):
            for offset, form in self.by_probe[probe]:
                if position < within.get(form, 0):
                    continue
                if span := _verified(buffer, position, offset, form):
                    found.append(span)
                    within[form] = span.end
        found.sort(key=lambda span: (span.start, -span.end))
        ends: dict[str, int] = {}
        result = []
        for span in found:
            if span.start >= ends.get(span.form.credential, 0):
                ends[span.form.credential] = span.end
                result.append(span)
        return result

    def shown(self, path: bytes) -> tuple[str, bool]:
        """A path as text with the values in it replaced, and whether there were any."""
        shown = self.redacted(path)
        return os.fsdecode(shown), shown != path

    def redacted(self, text: bytes) -> bytes:
        """The text, each value in it replaced by the name of its credential in <>."""
        for span in reversed(self.spans(text)):
            text = (
                text[: span.start] + b"<" + span.form.credential.encode() + b">" + text[span.end :]
            )
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
            name = span.form.credential
            self._count[name] = self._count.get(name, 0) + 1
            if self._count[name] <= MOST:
                self._line += buffer.count(b"\n", done, span.start)
                done = span.start
                text = buffer[span.start : span.end]
                result.append(Match(name, span.form.encoding, self._line, text))
        self._line += buffer.count(b"\n", done, safe)
        self._rest = buffer[safe:]
        return result


def matcher(values: Mapping[str, bytes]) -> Matcher:
    """A Matcher for values by credential name; those too short to search for are in .skipped."""
    by_probe: dict[bytes, tuple[tuple[int, Sought], ...]] = {}
    skipped, overlap = [], 0
    for credential, value in values.items():
        found = sought(credential, value)
        if not found:
            skipped.append(credential)
        for form in found:
            overlap = max(overlap, form.span)
            for offset, probe in form.probes:
                by_probe[probe] = (*by_probe.get(probe, ()), (offset, form))
    return Matcher(by_probe, Literals(by_probe), overlap, tuple(sorted(skipped)))


def _verified(buffer: bytes | bytearray, position: int, offset: int, form: Sought) -> _Span | None:
    """The span of form whose probe at offset was found at position, if all of it stands there."""
    if not form.loose:
        start = position - offset
        end = start + len(form.text)
        return _Span(start, end, form) if start >= 0 and buffer[start:end] == form.text else None
    start = _before(buffer, position, form.text[:offset])
    end = _after(buffer, position, form.text[offset:])
    return _Span(start, end, form) if start >= 0 and end >= 0 else None


def _after(buffer: bytes | bytearray, place: int, text: bytes) -> int:
    """The place after text that stands at place, with or without breaks in it, or -1."""
    ways = [(place, 0)]  # where a backslash is of the text, or else of a break
    while ways:
        place, index = ways.pop()
        while index < len(text):
            for _ in range(LONGEST_GAP):
                if not (gap := BREAK.match(buffer, place)):
                    break
                if buffer[place] == text[index]:
                    ways.append((place + 1, index + 1))
                place = gap.end()
            if place >= len(buffer) or buffer[place] != text[index]:
                break
            place, index = place + 1, index + 1
        else:
            return place
    return -1


def _before(buffer: bytes | bytearray, place: int, text: bytes) -> int:
    """The place of text that ends at place, with or without breaks in it, or -1."""
    ways = [(place, len(text))]
    while ways:
        place, index = ways.pop()
        while index:
            for _ in range(LONGEST_GAP):
                if place and buffer[place - 1] in b" \t\r\n":
                    place -= 1
                elif BREAK.fullmatch(buffer, max(0, place - 2), place):
                    if buffer[place - 1] == text[index - 1]:
                        ways.append((place - 1, index - 1))
                    place -= 2
                else:
                    break
            if not place or buffer[place - 1] != text[index - 1]:
                break
            place, index = place - 1, index - 1
        else:
            return place
    return -1

"""Exact search for every form of every value in buffers and streams of bytes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from credhelper.leaks.forms import GAP, Encoding, Form, forms
from credhelper.leaks.sieve import Sieve, sieve

MOST = 100  # matches of one credential in one file; more tell nothing new


@dataclass(frozen=True, slots=True)
class Match:
    """One place in a stream: lines count from 1."""

    credential: str
    encoding: Encoding
    line: int


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    form: Form


@dataclass(frozen=True, slots=True)
class Matcher:
    """What is searched for. Never shows a value."""

    by_probe: Mapping[bytes, tuple[tuple[int, Form], ...]]
    sieve: Sieve
    overlap: int
    skipped: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Matcher({len(self.by_probe)} probes)"

    def matches(self, chunks: Iterable[bytes]) -> Iterator[Match]:
        """Every match in the stream that chunks make up; memory is that of one chunk and a bit."""
        count: dict[str, int] = {}
        rest, line = b"", 1
        for chunk in chain(chunks, (None,)):
            buffer = rest if chunk is None else rest + chunk
            safe = len(buffer) if chunk is None else len(buffer) - self.overlap
            if safe <= 0:
                rest = buffer
                continue
            done = 0
            for span in self.spans(buffer):
                if span.start >= safe:
                    break
                name = span.form.credential
                count[name] = count.get(name, 0) + 1
                if count[name] <= MOST:
                    line += buffer.count(b"\n", done, span.start)
                    done = span.start
                    yield Match(name, span.form.encoding, line)
            line += buffer.count(b"\n", done, safe)
            rest = buffer[safe:]

    def spans(self, buffer: bytes) -> list[_Span]:
        """Where values stand in buffer, in order; of overlapping ones of a credential the first."""
        found = [
            span
            for probe in self.sieve.present(buffer, len(buffer))
            for position in _positions(buffer, probe)
            for offset, form in self.by_probe[probe]
            if (span := _verified(buffer, position, offset, form))
        ]
        found.sort(key=lambda span: (span.start, -span.end))
        ends: dict[str, int] = {}
        result = []
        for span in found:
            if span.start >= ends.get(span.form.credential, 0):
                ends[span.form.credential] = span.end
                result.append(span)
        return result

    def redacted(self, text: bytes) -> bytes:
        """The text, each value in it replaced by the name of its credential in <>."""
        for span in reversed(self.spans(text)):
            text = (
                text[: span.start] + b"<" + span.form.credential.encode() + b">" + text[span.end :]
            )
        return text


def matcher(values: Mapping[str, bytes], *, array: bool | None = None) -> Matcher:
    """A Matcher for values by credential name; those too short to search for are in .skipped."""
    by_probe: dict[bytes, tuple[tuple[int, Form], ...]] = {}
    skipped, overlap = [], 0
    for credential, value in values.items():
        found = forms(credential, value)
        if not found:
            skipped.append(credential)
        for form in found:
            overlap = max(overlap, form.span)
            for offset, probe in form.probes:
                by_probe[probe] = (*by_probe.get(probe, ()), (offset, form))
    return Matcher(by_probe, sieve(by_probe, array=array), overlap, tuple(sorted(skipped)))


def _positions(buffer: bytes, probe: bytes) -> Iterator[int]:
    position = buffer.find(probe)
    while position >= 0:
        yield position
        position = buffer.find(probe, position + 1)


def _verified(buffer: bytes, position: int, offset: int, form: Form) -> _Span | None:
    """The span of form whose probe at offset was found at position, if all of it stands there."""
    if not form.loose:
        start = position - offset
        end = start + len(form.text)
        return _Span(start, end, form) if start >= 0 and buffer[start:end] == form.text else None
    start = _before(buffer, position, offset)
    end = _after(buffer, start, form.text)
    return _Span(start, end, form) if end >= 0 else None


def _after(buffer: bytes, position: int, text: bytes) -> int:
    """The place after text that stands at position, with or without breaks, or -1."""
    for byte in text:
        if gap := GAP.match(buffer, position):
            position = gap.end()
        if buffer[position : position + 1] != bytes((byte,)):
            return -1
        position += 1
    return position


def _before(buffer: bytes, position: int, count: int) -> int:
    """The place of the count-th byte before position, breaks not counted."""
    while count > 0 and position > 0:
        position -= 1
        if buffer[position] in b" \t\r\n":
            continue
        if buffer[position] in b"nrt" and buffer[position - 1 : position] == b"\\":
            position -= 1
            continue
        count -= 1
    return position

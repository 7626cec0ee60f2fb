# SPDX-License-Identifier: MIT
"""What is masked, and the search of a block for it."""

from __future__ import annotations

from itertools import pairwise

from credhelper.commands import ordinary
from credhelper.commands.literals import Literals
from credhelper.commands.parts import parts
from credhelper.commands.run.masking import gaps
from credhelper.commands.run.masking.forms import (
    HEAD,
    beginning,
    continuations,
    encoded,
    spelled,
    stripped,
)
from credhelper.commands.run.masking.openings import ENDS, Gapped, Openings
from credhelper.commands.run.masking.shortened import Shortened, has_marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from credhelper.commands.run.masking.gaps import Pieces

    Following = tuple[tuple[bytes, int], ...]  # long forms that the stream is in, and how far
    # the bytes held back, none within a long form; the long forms; what was written last
    State = tuple[bytes, Following, bytes]
    Found = tuple[int, int, bytes, Pieces]  # start, minus the length, form, the pieces of it

NOTHING: Final[State] = (b"", (), b"")
SHORTEST: Final = 4  # bytes; what is shorter is not masked
_CONTEXT: Final = 64  # bytes


class Vocabulary:
    """The forms of the values, and what replaces each."""

    def __init__(self, values: Mapping[str, bytes], encoding: str) -> None:
        self._encoding = encoding
        self._labels: dict[bytes, bytes] = {}  # by a form, or the first HEAD bytes of it
        self._cut: dict[bytes, list[bytes]] = {}  # the values by such HEAD bytes of longer forms
        self._longer: dict[bytes, Following] = {}  # the longer forms: of values that were seen
        broken: dict[bytes, None] = {}  # those that may have gaps
        wanted = [(name, stripped(value)) for name, value in values.items()]
        wanted = [(name, value) for name, value in wanted if value and not left_alone(value)]
        labels = {name: encoded(f"[credential {name}]", encoding) for name, _ in wanted}
        wanted += [(name, part) for name, value in wanted for part in parts(value)]
        for name, value in wanted:
            every, laid_out = spelled(beginning(value), encoding)
            broken.update(dict.fromkeys(laid_out))
            for form in every:
                self._add(form, labels[name], value)
        self._gaps = frozenset(broken)
        whole = [form for form in self._labels if form not in self._gaps]
        self._literals = Literals(whole, broken)
        self._ends = ENDS.translate(None, b"".join(self._labels))  # of all forms
        self._openings = Openings(self._labels)
        self._gapped = Gapped(broken)
        self._shortened = Shortened(broken)

    def _add(self, form: bytes, label: bytes, value: bytes) -> None:
        head = form[:HEAD]
        self._labels.setdefault(head, label)
        if len(form) > HEAD:
            self._cut.setdefault(head, []).append(value)

    def masked(self, data: bytes, state: State, last: bool) -> tuple[bytes, State]:
        """What to write when ``data`` comes after ``state``, and the state afterwards."""
        held, following, context = state
        if following:
            taken, following = _follow(data, following)
            if following and not last:
                return b"", (b"", following, context)
            data = data[taken:]
        if not held and context[-1:] in self._ends:
            context = b""  # nothing goes on after it: data need not be copied
        block = context + held + data
        ready: list[bytes] = []
        found = None if 27 in block else self._found(block)
        if found is None or found:
            ready, hold, following = self._replaced(block, len(context), last, found)
        elif last:
            hold = len(block)
        else:
            hold = self._held(block, len(context))
        if not ready:
            if not held and hold == len(block):
                return data, (b"", (), block[-_CONTEXT:])
            context_after = block[max(0, hold - _CONTEXT) : hold]
            return block[len(context) : hold], (block[hold:], (), context_after)
        written = b"".join(ready)
        return written, (block[hold:], following, (context + written)[-_CONTEXT:])

    def _replaced(
        self, block: bytes, begin: int, last: bool, found: list[Found] | None
    ) -> tuple[list[bytes], int, Following]:
        """What to write of ``block`` from ``begin`` on, empty for it as it is; up to where.

        ``found`` is where forms are, None for not looked for yet: there are colours.
        """
        colours, text, written, done = None, block, begin, begin
        if found is None:
            colours = gaps.Uncoloured(block, last)
            text, done = colours.text, colours.place(begin)
            found = self._found(text)
        hold = len(text) if last else self._hold(text, done)
        ready: list[bytes] = []
        while found:
            start, _, form, pieces = found.pop()
            end = pieces[-1][1]
            if start < done:
                continue
            if start >= hold and not (start == hold and self._ends_a_line(text, form, end)):
                break
            if len(form) < ordinary.SHORTEST:
                if end == len(text) and not last:
                    hold = start  # what comes next tells
                    break
                if not _stands_alone(text, start, end, after_another=bool(ready) and start == done):
                    continue
            runs = colours.runs(pieces) if colours else pieces
            ready += block[written : runs[0][0]], self._labels[form[:HEAD]]
            ready += (block[a:b] for (_, a), (b, _) in pairwise(runs))
            written, done = runs[-1][1], end
            if form in self._cut:
                taken, following = _follow(block[written:], self._whole(form))
                written += taken
                done = colours.place(written) if colours else written
                if following and written == len(block) and not last:
                    return ready, written, following
            if hold < done:
                hold = len(text) if last else self._hold(text, done)
        if not last and hold == len(text):
            hold = self._held(text, done)
        if colours:
            hold = colours.start(hold) if hold < len(text) else len(block)
        if ready:
            ready.append(block[written:hold])
        return ready, hold, ()

    def _found(self, text: bytes) -> list[Found]:
        """Where forms are; the last is the leftmost, and of those the longest."""
        places = self._literals.places(text)
        marked = has_marks(text)
        if not places and not marked:
            return []
        found: list[Found] = []
        within: dict[bytes, int] = {}  # up to where one is that was found already
        places.sort()
        for place, form, offset in places:
            if form not in self._gaps:
                found.append((place, -len(form), form, [(place, place + len(form))]))
            elif place >= within.get(form, 0):
                pieces = gaps.around(text, place, form, offset)
                if pieces:
                    within[form] = pieces[-1][1]
                    found.append((pieces[0][0], pieces[0][0] - pieces[-1][1], form, pieces))
        if marked:
            for start, end, form in self._shortened.places(text):
                found.append((start, start - end, form, [(start, end)]))
        found.sort(reverse=True)
        return found

    def _ends_a_line(self, text: bytes, form: bytes, end: int) -> bool:
        """Whether ``text`` ends with a line, and that with ``form``, which is all of a value.

        Signs at its end may look like a gap in another form of the value: nobody waits for that.
        """
        if text[end:] not in (b"\n", b"\r\n"):
            return False
        label, plain = self._labels[form[:HEAD]], gaps.squeezed(form)
        others = (form for form in self._gaps if self._labels[form[:HEAD]] != label)
        return not any(gaps.squeezed(form).startswith(plain) for form in others)

    def _held(self, text: bytes, done: int) -> int:
        """Where the end of ``text``, which has no form, starts that begins one, or nearly does.

        One is told from the other by every eighth byte alone. Else who has a script print guesses
        learns one character after the other by what is held back.
        """
        if text[-1:] in self._ends:
            return len(text)
        hold = self._hold(text, done)
        for nearly, size in self._gapped.nearly(text):
            start = self._hold(nearly, done)
            first, *lines = nearly[start:size].split(b"\n")
            first = first.rstrip(gaps.SIGNS) if lines else first
            told = len(first) + sum(len(line.strip(gaps.SIGNS)) for line in lines)
            if told and told % gaps.LEAST == 0:
                hold = min(hold, start)
        return hold

    def _hold(self, text: bytes, done: int) -> int:
        """Where the end of ``text`` starts that may become a form."""
        hold, end = self._openings.hold(text, done)
        if end:
            if 10 in end or 0xE2 in end or end[-1] in gaps.LAST:
                hold = min(hold, self._gapped.hold(text, done))
            if 0x2E in end or 0xE2 in end or 0x27 in end:
                hold = min(hold, self._shortened.hold(text, done))
        return hold

    def _whole(self, head: bytes) -> Following:
        """The forms that begin with ``head``, as followed up to its end."""
        if head not in self._longer:
            self._longer[head] = tuple(
                (form, HEAD)
                for value in self._cut[head]
                for form in continuations(head, value, self._encoding)
            )
        return self._longer[head]


def left_alone(value: bytes) -> str:
    """Why ``value`` is not masked, as in "a boolean"; empty where it is."""
    value = stripped(value)
    if not value:
        return ""
    return ordinary.setting(value) or (
        f"shorter than {SHORTEST} bytes" if len(value) < SHORTEST else ""
    )


def _stands_alone(text: bytes, start: int, end: int, *, after_another: bool) -> bool:
    """Whether no letter, digit or underscore is next to it."""
    before = b"]" if after_another else text[max(0, start - 1) : start]
    neighbours = before + text[end : end + 1]
    return not any(byte >= 0x80 or byte == 95 or chr(byte).isalnum() for byte in neighbours)


def _follow(data: bytes, following: Following) -> tuple[int, Following]:
    """How many bytes of ``data`` go on with one of the forms; the forms that go on after it."""
    most, still = 0, []
    for form, done in following:
        taken = gaps.common(data, form[done : done + len(data)])
        most = max(most, taken)
        if taken == len(data) and done + taken < len(form):
            still.append((form, done + taken))
    return most, tuple(still)

# SPDX-License-Identifier: MIT
"""The search for many literals, against looking for each by itself."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands.literals import Literals

LITERALS = st.lists(st.binary(min_size=4, max_size=90) | st.text("ab/", min_size=4).map(str.encode))


@given(LITERALS, st.lists(st.binary(max_size=50), max_size=20), st.data())
def test_every_place_is_found(
    literals: list[bytes], others: list[bytes], data: st.DataObject
) -> None:
    block = b"".join(data.draw(st.permutations([*others, *literals[: len(literals) // 2]])))
    expected = {
        (place, literal, 0)
        for literal in literals
        for place in range(len(block))
        if block.startswith(literal, place)
    }
    search = Literals(literals)
    assert set(search.places(block)) == expected
    assert set(search.places(bytearray(block))) == expected
    assert not search.places(b"")


@given(st.binary(min_size=14, max_size=200), st.integers(0, 200), st.binary(max_size=40), LITERALS)
def test_one_with_a_break_within_is_found_by_a_piece(
    literal: bytes, cut: int, before: bytes, others: list[bytes]
) -> None:
    cut = min(cut, len(literal))
    gap = b"\n" + b" " * 10
    block = before + literal[:cut] + gap + literal[cut:]
    for whole in ([], others):
        found = [
            (place, offset)
            for place, text, offset in Literals(whole, [literal]).places(block)
            if text == literal and place >= len(before)
        ]
        assert any(
            block[place : place + 4] == literal[offset : offset + 4]
            and place - len(before) in (offset, offset + len(gap))
            for place, offset in found
        )


@pytest.mark.parametrize("size", [8, 14, 32, 40, 300])
def test_many_blocks_of_many_kinds(size: int) -> None:
    chance = random.Random(size)  # noqa: S311 # the same in each run
    literals = [chance.randbytes(size) for _ in range(30)]
    search = Literals(literals)
    for _ in range(200):
        literal = chance.choice(literals)
        alphabet = bytes(chance.sample(range(256), chance.randint(1, 60)))
        noise = bytes(chance.choices(alphabet, k=chance.randint(0, 300))) * chance.choice((1, 30))
        assert (len(noise), literal, 0) in search.places(noise + literal + noise)
        search.places(noise)


@pytest.mark.parametrize("size", [15, 16, 25, 40, 64])
def test_those_of_few_kinds_of_bytes(size: int) -> None:
    chance = random.Random(size)  # noqa: S311 # the same in each run
    literals = [chance.randbytes(size + more).hex().encode() for more in range(12)]
    search = Literals(literals)
    for literal in literals:
        for before in range(2 * size):
            for after in (b"", b" ", b"0", b" a line of 24 bytes\n" * 9):
                block = b"-" * before + literal + after
                assert search.places(block) == [(before, literal, 0)]
                assert not search.places(block[: before + len(literal) - 1] + b"-" + after)


def test_an_exception_while_it_is_made_ready_leaves_it_whole() -> None:
    class Alarm(Exception):
        pass

    search = Literals([b"%031d" % number for number in range(200)])
    part = search._part(0)
    assert not part._by_word
    part = search._part((1 << len(search._telling)) - 1)
    whole = part._sampled

    def interrupted() -> object:
        for number, sample in enumerate(whole()):
            if number == 50:
                raise Alarm
            yield sample

    part._sampled = interrupted  # type: ignore[method-assign,assignment]
    block = b"." * 7 + b"%031d" % 150
    with pytest.raises(Alarm):
        part.places(block)
    part._sampled = whole  # type: ignore[method-assign]
    assert part.places(block) == [(7, b"%031d" % 150, 0)]


def test_it_shows_nothing() -> None:
    assert repr(Literals([b"correct horse"], [b"battery staple"])) == "Literals(1 whole, 1 broken)"

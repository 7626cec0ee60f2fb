# SPDX-License-Identifier: MIT
"""The search for literals with Vectorscan, where that is installed: it finds what ours finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands.leaks.matching import matcher
from credhelper.commands.leaks.vectorscan import Vectorscan
from credhelper.commands.literals import Literals

ends = st.sampled_from([b"", bytes(20), b"the end of several"])
values = st.builds(bytes.__add__, st.binary(min_size=8, max_size=300), ends).filter(any)


@given(st.sets(values, min_size=1, max_size=20), st.binary(max_size=300), st.data())
def test_both_searches_find_the_same(
    literals: set[bytes], block: bytes, data: st.DataObject
) -> None:
    block += data.draw(st.sampled_from(sorted(literals))) + block
    slow, fast = Literals(literals), Vectorscan(literals)
    for it in (block, bytearray(block)):
        assert sorted(fast.places(it)) == sorted(set(slow.places(it)))


def test_a_search_takes_it() -> None:
    search = matcher({"my_api_key": b"correct horse battery"})
    assert isinstance(search.literals, Vectorscan)
    assert len(list(search.matches([b"a correct\\x20horse battery"]))) == 1

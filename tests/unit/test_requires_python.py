# SPDX-License-Identifier: MIT
"""requires-python against what the packaging library says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from credhelper.commands import requires_python

VERSIONS = st.tuples(st.just(3), st.integers(9, 15), st.integers(0, 3))
NUMBERS = st.lists(st.integers(0, 15), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, [3, *numbers][:4]))
)
CLAUSES = st.tuples(
    st.sampled_from(["~=", "==", "!=", "<=", ">=", "<", ">", "", "="]),
    st.sampled_from(["", " "]),
    NUMBERS,
    st.sampled_from(["", "", "", ".*", "rc1", ".x"]),
).map("".join)


@given(st.lists(CLAUSES, max_size=3).map(",".join), VERSIONS)
def test_it_says_what_packaging_says(needed: str, version: tuple[int, int, int]) -> None:
    try:
        expected = SpecifierSet(needed).contains(".".join(map(str, version)))
    except InvalidSpecifier:
        with pytest.raises(ValueError):
            requires_python.allows(needed, version)
        return
    try:
        assert requires_python.allows(needed, version) == expected
    except ValueError:
        assert "rc1" in needed  # of a release candidate nothing is said here

# SPDX-License-Identifier: MIT
"""The check to which each ``--json`` output of these tests is held finds what is not described."""

from __future__ import annotations

import json

import pytest

from tests.real import schema


@pytest.mark.parametrize(
    "data",
    [
        {"format": 1, "verb": "log"},
        {"format": 2, "verb": "log", "records": []},
        {"format": 1, "verb": "log", "records": [], "more": 1},
        {"format": 1, "verb": "list", "credentials": [{"name": "a"}]},
        {"format": 1, "verb": "report", "rows": [{"last_used": "2026-01-01 00:00"}]},
    ],
)
def test_what_it_does_not_describe_is_found(data: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        schema.check(json.dumps(data))

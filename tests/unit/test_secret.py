# SPDX-License-Identifier: MIT
"""A secret does not show itself, whatever turns it into text."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper import Secret

VALUE = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"


def test_reveal_gives_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE


def test_every_way_into_text_is_redacted() -> None:
    secret = Secret(VALUE)
    ways = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>50}",
        f"{secret!r}",
        "%s %r" % (secret, secret),  # noqa: UP031 # this way too
        "{} {!r}".format(secret, secret),  # noqa: UP032
        repr([secret]),
        repr({"key": secret}),
        ascii(secret),
    ]
    for text in ways:
        assert "redacted" in text
        assert VALUE not in text


def test_logging_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("script").info("key %s %r", Secret(VALUE), Secret(VALUE))
    assert VALUE not in caplog.text
    assert "redacted" in caplog.text


def test_a_traceback_with_variables_is_redacted() -> None:
    def fails(secret: Secret) -> None:
        raise RuntimeError(secret)

    with pytest.raises(RuntimeError) as caught:
        fails(Secret(VALUE))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert VALUE not in text
    assert "Secret([redacted])" in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol: int) -> None:
    with pytest.raises(TypeError, match=r"reveal\(\)"):
        pickle.dumps(Secret(VALUE), protocol)


def test_copying_and_json_are_refused() -> None:
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copier(Secret(VALUE))
    with pytest.raises(TypeError):
        json.dumps(Secret(VALUE))


def test_no_attribute_dictionary_and_no_hash() -> None:
    with pytest.raises(TypeError):
        vars(Secret(VALUE))
    with pytest.raises(TypeError):
        hash(Secret(VALUE))
    with pytest.raises(AttributeError):
        Secret(VALUE).note = "x"  # type: ignore[attr-defined]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab"))
def test_equal_where_the_values_are(one: str, other: str) -> None:
    assert Secret(one) == Secret(one)
    assert (Secret(one) == Secret(other)) == (one == other)
    assert Secret(one) != one

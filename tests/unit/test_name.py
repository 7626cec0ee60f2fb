# SPDX-License-Identifier: MIT
"""Names: what is refused says why, and what to use."""

from __future__ import annotations

import shlex
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from credhelper.errors import CredentialError, InvalidName
from credhelper.name import FORBIDDEN_ENDINGS, MAXIMUM_BYTES, CredentialName, NewName, quoted, shown

ALLOWED = string.ascii_letters + string.digits + "._-@"

REFUSED = [
    ("", "is empty"),
    ("a/b", "holds '/'"),
    ("../etc/passwd", "begins with '.'"),
    ("a/../b", "holds '/'"),
    (".", "begins with '.'"),
    ("..", "begins with '.'"),
    (".hidden", "begins with '.'"),
    ("-n", "begins with '-'"),
    ("my key", "holds ' '"),
    ("key\n", "holds '\\n'"),
    ("key\0", "holds '\\x00'"),
    ("\x1b[2J", "holds '\\x1b'"),
    ("schlüssel", "holds '\\xfc'"),
    ("\udcff", "holds '\\udcff'"),
    ("a:b", "holds ':'"),
    ("a*", "holds '*'"),
    ("a" * 256, "has 256 characters, more than 255"),
    ("key.cred", "ends in .cred"),
    ("key.CRED", "ends in .cred"),
    ("ssl.key", "ends in .key"),
    ("file.enc", "ends in .enc"),
]


@pytest.mark.parametrize(("name", "why"), REFUSED, ids=[ascii(name)[:20] for name, _ in REFUSED])
def test_refused_with_the_reason_and_a_way_out(name: str, why: str) -> None:
    with pytest.raises(InvalidName) as caught:
        NewName(name)
    assert why in caught.value.problem
    assert caught.value.hint
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("ending", FORBIDDEN_ENDINGS)
def test_an_ending_is_advised_to_be_left_off(ending: str) -> None:
    with pytest.raises(InvalidName, match=r"leave the ending off: my_api_key"):
        NewName("my_api_key" + ending)


@pytest.mark.parametrize("name", [".key", "a.key.cred", "ü.key", "-.key"])
def test_no_advice_that_would_be_refused_as_well(name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        NewName(name)
    _, _, advice = caught.value.hint.partition("leave the ending off: ")
    assert not advice


@pytest.mark.parametrize("name", ["a", "my_api_key", "a" * 255, "7", "_", "@", "db@host.example-1"])
def test_accepted_is_a_string_like_any_other(name: str) -> None:
    accepted = NewName(name)
    assert accepted == name
    assert accepted.recommended == name


def test_capitals_are_accepted_and_lowercase_is_recommended() -> None:
    assert NewName("OPENAI_Key").recommended == "openai_key"


@given(st.text(max_size=300) | st.text(ALLOWED, min_size=1, max_size=260))
@example("a.keY")
def test_what_is_accepted_is_a_plain_word(text: str) -> None:
    try:
        name = NewName(text)
    except InvalidName as error:
        for line in (error.problem, error.hint):
            assert line.isascii()
            assert line.isprintable()
        return
    assert 0 < len(name) <= MAXIMUM_BYTES
    assert set(name) <= set(ALLOWED)
    assert name[0] not in ".-"
    assert not name.lower().endswith(FORBIDDEN_ENDINGS)


@given(st.text())
def test_shown_is_one_short_line(text: str) -> None:
    assert shown(text).isascii()
    assert shown(text).isprintable()
    assert len(shown(text)) <= 64 * 10 + 2


def test_the_error_is_caught_as_one_of_ours() -> None:
    with pytest.raises(CredentialError):
        NewName("")


# which systemd-creds of 252 takes, and with which files of the store can be used
USABLE = ["tls.key", "a+b", "~", "my key", ".hidden", "-n", "a*", "key.cred", "a=b", "it's", "\\"]


@pytest.mark.parametrize("name", USABLE)
def test_what_systemd_takes_can_be_used(name: str) -> None:
    assert CredentialName(name) == name
    with pytest.raises(InvalidName):
        NewName(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a:b", "key\n", "schl\xfcssel", "a" * 256])
def test_what_systemd_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        CredentialName(name)
    assert "printable ASCII" in caught.value.hint


@given(st.text(string.printable.strip(), min_size=1))
@example("my_api_key")
def test_a_quoted_name_is_one_word_of_a_shell(text: str) -> None:
    assert shlex.split(quoted(text)) == [text]

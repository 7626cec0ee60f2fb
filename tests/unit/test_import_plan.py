# SPDX-License-Identifier: MIT
"""What a .env file becomes."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands import dotenv_import, metadata
from credhelper.errors import CredentialError, InvalidValue

FILE = b"""\
# what the reports need
OPENAI_API_KEY=sk-1234
export GITHUB_TOKEN='ghp_5678'   # of the bot
PEM="-----BEGIN
END-----"
"""


def values(source: bytes, *selected: str) -> dict[str, bytes]:
    return {str(item.name): item.value for item in dotenv_import.plan(source, selected).items}


def test_names_are_lowercase_and_values_what_dotenv_reads() -> None:
    assert values(FILE) == {
        "openai_api_key": b"sk-1234",
        "github_token": b"ghp_5678",
        "pem": b"-----BEGIN\nEND-----",
    }


@pytest.mark.parametrize("selected", ["GITHUB_TOKEN", "github_token"])
def test_selected_by_variable_or_by_credential(selected: str) -> None:
    plan = dotenv_import.plan(FILE, [selected])
    assert [item.variable for item in plan.items] == ["GITHUB_TOKEN"]
    assert plan.leaves_values


def test_selecting_what_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidValue, match="the file has no 'NOPE'"):
        dotenv_import.plan(FILE, ["GITHUB_TOKEN", "NOPE"])


def test_a_byte_order_mark_is_no_part_of_the_name() -> None:
    assert values(b"\xef\xbb\xbfKEY=1") == {"key": b"1"}


def test_what_has_no_value_is_left_out_with_a_note() -> None:
    plan = dotenv_import.plan(b"\n\nBARE\nEMPTY=\nKEY=1\n")
    assert plan.notes == (
        "line 3: 'BARE' has no value, and is left out",
        "line 4: 'EMPTY' is empty, and is left out",
    )
    assert not plan.leaves_values


def test_what_has_no_value_is_not_to_be_selected() -> None:
    with pytest.raises(InvalidValue, match="line 1: 'EMPTY' is empty"):
        dotenv_import.plan(b"EMPTY=\nKEY=1\n", ["EMPTY"])


def test_the_last_of_a_variable_counts_and_that_is_said() -> None:
    plan = dotenv_import.plan(b"KEY=1\nKEY=2\n")
    assert [item.value for item in plan.items] == [b"2"]
    assert plan.notes == ("line 2: KEY is there again, and this one counts",)


def test_a_last_line_without_a_value_takes_the_value_away() -> None:
    assert values(b"KEY=1\nKEY=\nOTHER=2\n") == {"other": b"2"}


def test_variables_are_not_filled_in_and_that_is_said() -> None:
    plan = dotenv_import.plan(b"KEY=a${HOME}b\n")
    assert [item.value for item in plan.items] == [b"a${HOME}b"]
    assert plan.notes == ("line 1: KEY holds ${...}, which is kept as it is",)


@pytest.mark.parametrize(
    ("source", "line"), [(b'A=1\nB="open\n', 2), (b"A=1\n\n\n=2\n", 4), (b"A=1\nB=\xff\n", 2)]
)
def test_what_cannot_be_read_is_refused_by_its_line(source: bytes, line: int) -> None:
    with pytest.raises(InvalidValue, match=f"line {line} "):
        dotenv_import.plan(source)


def test_what_can_be_no_name_is_refused_by_its_line() -> None:
    with pytest.raises(InvalidValue, match="line 2: credential name 'my key' holds ' '"):
        dotenv_import.plan(b"A=1\n'my key'=2\n")


def test_two_variables_for_one_name_are_refused() -> None:
    with pytest.raises(InvalidValue, match="Key and KEY would both be the credential key"):
        dotenv_import.plan(b"Key=1\nKEY=2\n")


@pytest.mark.parametrize("source", [b"", b"# nothing\n", b"EMPTY=\n"])
def test_a_file_without_values_is_refused(source: bytes) -> None:
    with pytest.raises(InvalidValue, match="the file has no values"):
        dotenv_import.plan(source)


def test_no_value_is_in_the_representation() -> None:
    assert "sk-1234" not in repr(dotenv_import.plan(FILE))


@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_block_declares_what_was_imported(count: int) -> None:
    source = "".join(f"LONG_VARIABLE_NAME_{n}=value\n" for n in range(count)).encode()
    items = dotenv_import.plan(source).items
    block = dotenv_import.metadata_block(items)
    declared = metadata.declared(block.encode())
    assert not declared.credentials  # each has its variable
    assert declared.environment == {item.variable: item.name for item in items}
    assert max(map(len, block.splitlines())) <= 80


def test_a_variable_that_no_script_may_have_set_is_left_out_of_the_environment() -> None:
    items = dotenv_import.plan(b"PATH=/tmp\nmy.key2=x\n").items
    declared = metadata.declared(dotenv_import.metadata_block(items).encode())
    assert declared.credentials == ["path", "my.key2"]
    assert not declared.environment


def test_the_block_is_the_one_that_people_write() -> None:
    block = dotenv_import.metadata_block(dotenv_import.plan(b"API_KEY=1").items)
    assert block == (
        '# /// script\n# [tool.credhelper]\n# environment = { API_KEY = "api_key" }\n# ///\n'
    )
    tomllib.loads("".join(line[2:] + "\n" for line in block.splitlines()[1:-1]))


@given(st.binary() | st.text(alphabet="AB_=\"'\\\n #$'{}").map(str.encode))
def test_any_file_is_planned_or_refused(source: bytes) -> None:
    try:
        plan = dotenv_import.plan(source)
    except CredentialError:
        return
    assert plan.items
    assert all(item.value for item in plan.items)
    metadata.declared(dotenv_import.metadata_block(plan.items).encode())


SETTINGS = (
    b"DEBUG=true\nPORT=8080\nHOST=db.example.com\nAPI_KEY=sk-1234\nREF=op://vault/item/field\n"
)


def test_settings_and_references_are_left_out_and_named() -> None:
    plan = dotenv_import.plan(SETTINGS, only_secrets=True)
    assert [item.variable for item in plan.items] == ["API_KEY"]
    assert plan.settings == (
        ("DEBUG", "a boolean"),
        ("PORT", "a number"),
        ("HOST", "a host name"),
    )
    assert plan.references == (("REF", "op://"),)
    assert plan.leaves_values


def test_settings_are_taken_where_they_are_asked_for() -> None:
    assert len(dotenv_import.plan(SETTINGS).items) == 4
    (item,) = dotenv_import.plan(SETTINGS, ["DEBUG"], only_secrets=True).items
    assert item.value == b"true"


@pytest.mark.parametrize(
    ("source", "why", "hint"),
    [
        (b"DEBUG=true\n", "no secrets, but settings", "--all"),
        (b"KEY=op://a/b/c\n", "manager's: KEY", "op inject"),
    ],
)
def test_nothing_is_left(source: bytes, why: str, hint: str) -> None:
    with pytest.raises(InvalidValue, match=why) as caught:
        dotenv_import.plan(source, only_secrets=True)
    assert hint in caught.value.hint

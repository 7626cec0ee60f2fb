# SPDX-License-Identifier: MIT
"""A script's inline metadata."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credhelper.commands import metadata
from credhelper.errors import CredentialError, RunnerFailed


def block(*lines: str) -> bytes:
    """A script with these lines in its metadata block."""
    inner = "".join(f"# {line}\n" if line else "#\n" for line in lines)
    return f"#!/usr/bin/python3\n# /// script\n{inner}# ///\nprint()\n".encode()


def test_what_is_declared() -> None:
    said = metadata.declared(
        block(
            'requires-python = ">=3.11"',
            "dependencies = []",
            "",
            "[tool.other]",
            "anything = 1",
            "[tool.credhelper]",
            'credentials = ["my_api_key", "B"]',
            'environment = { OPENAI_API_KEY = "openai_key", _x1 = "my_api_key" }',
        )
    )
    assert said.credentials == ["my_api_key", "B"]
    assert said.environment == {"OPENAI_API_KEY": "openai_key", "_x1": "my_api_key"}


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"print()\n",
        block('requires-python = ">=3.11"'),
        block("[tool.credhelper]"),
        block("[tool]"),
        b"# /// other\n# [tool.credhelper]\n# credentials = 1\n# ///\n",
        b"x = '''\n # /// script\n# [tool.credhelper]\n'''\n",
        b'# /// other\n# /// script\n# [tool.credhelper]\n# credentials = ["a"]\n# ///\n',
        b"# /// script\n# never closed, and of no concern here\n",
        b"# /// script\n#none of it\n# ///\n",
    ],
)
def test_nothing_is_declared(source: bytes) -> None:
    said = metadata.declared(source)
    assert (said.credentials, said.environment) == ([], {})


def test_other_ends_of_lines() -> None:
    source = block("[tool.credhelper]", 'credentials = ["key"]').replace(b"\n", b"\r\n")
    assert metadata.declared(source).credentials == ["key"]


def test_a_closing_line_within_a_block_is_part_of_it() -> None:
    """The last one that is possible closes it, says the specification."""
    with pytest.raises(RunnerFailed, match="metadata block"):
        metadata.declared(block("[tool.credhelper]", "///", 'credentials = ["key"]'))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["[tool.credhelper]", "credentials = "], "the script's metadata block: Invalid value"),
        (["tool = 1"], "tool.credhelper is not a table"),
        (["[tool]", "credhelper = 1"], "tool.credhelper is not a table"),
        (["[tool.credhelper]", 'credential = ["a"]'], "unknown key 'credential'"),
        (["[tool.credhelper]", 'credentials = "a"'], "credentials is not a list"),
        (["[tool.credhelper]", "credentials = [1]"], "credentials holds 1, which is no name"),
        (["[tool.credhelper]", 'credentials = ["a", "a"]'], "credentials has a twice"),
        (["[tool.credhelper]", 'credentials = ["../a"]'], "../a"),
        (["[tool.credhelper]", 'credentials = [""]'], "empty"),
        (["[tool.credhelper]", 'environment = ["A"]'], "environment is not a table"),
        (["[tool.credhelper]", "environment = { A = 1 }"], "environment holds 1"),
        (["[tool.credhelper]", 'environment = { A = "a:b" }'], "a:b"),
        (["[tool.credhelper]", 'environment = { "A-B" = "a" }'], "'A-B' is no name of a variable"),
        (["[tool.credhelper]", 'environment = { "1A" = "a" }'], "'1A' is no name of a variable"),
        (["[tool.credhelper]", 'environment = { "Ä" = "a" }'], "is no name of a variable"),
        (["[tool.credhelper]", 'environment = { "" = "a" }'], "'' is no name of a variable"),
        (["[tool.credhelper]", 'environment = { "A=B" = "a" }'], "'A=B' is no name"),
        (["[tool.credhelper]", 'environment = { PATH = "a" }'], "PATH is not to be set"),
        (["[tool.credhelper]", 'environment = { LD_PRELOAD = "a" }'], "LD_PRELOAD is not to be"),
        (["[tool.credhelper]", 'environment = { PYTHONPATH = "a" }'], "PYTHONPATH is not to be"),
        (["[tool.credhelper]", "x = " + "[" * 5000], "nested too deeply"),
    ],
)
def test_what_is_wrong_in_a_block(lines: list[str], problem: str) -> None:
    with pytest.raises(RunnerFailed) as caught:
        metadata.declared(block(*lines))
    assert problem in caught.value.problem
    assert caught.value.exit_code == 125
    assert caught.value.hint


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(RunnerFailed, match="utf-8"):
        metadata.declared(b"# /// script\n# x = '\xff'\n# ///\n")


def test_two_blocks() -> None:
    with pytest.raises(RunnerFailed, match="there are two script metadata blocks"):
        metadata.declared(block("[tool.credhelper]") + block("[tool.credhelper]"))


def test_a_block_that_is_not_closed() -> None:
    with pytest.raises(RunnerFailed, match="it is not closed"):
        metadata.declared(b"# /// script\n# [tool.credhelper]\n# credentials = ['a']\nprint()\n")


@pytest.mark.parametrize(
    "lines",
    [
        ["credentials = []"],
        ['credentials=["a"]'],
        ['  credentials = [ "a" , "b", ]  '],
        [
            "# two:",
            "credentials = [",
            '    "a",',
            '    # and "c" no more',
            '    "b"',
            "]",
            "",
            "# x",
        ],
    ],
)
def test_the_usual_block_needs_no_parser(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(["[tool.credhelper]", *lines])
    expected = tomllib.loads(text)["tool"]["credhelper"]["credentials"]
    monkeypatch.delattr(tomllib, "loads")
    assert metadata.declared(block(*text.split("\n"))).credentials == expected


TOKENS = ['"a"', '"b"', ",", "\n", " ", "# x\n", '"', "]", "\\", "'", "\t", "é", "\x7f", "x = 1"]


@settings(max_examples=500)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=9).map("".join), st.sampled_from(["]", "]\n", ""])
)
@example('"a\n# x\nb"', "]")
@example('"a"]\ncredentials = ["b"', "]")
@example('"""a"""', "]")
@example(",", "]")
def test_the_list_is_what_a_parser_finds(inside: str, end: str) -> None:
    text = f"[tool.credhelper]\ncredentials = [{inside}{end}"
    found = metadata._plain(text.encode())
    if found is not None:
        assert tomllib.loads(text) == {"tool": {"credhelper": {"credentials": found[1]}}}


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*TOKENS, "=", "requires-python", ">=3"]), max_size=6).map("".join))
@example('requires-python=">=3"')
@example('requires-python = ">=3" # x')
@example('requires-python = """>=3"""')
@example('requires-python = ">=3""a"')
@example('requires-python = ">=3')
@example('requires-python = ">=3""')
def test_the_version_is_what_a_parser_finds(line: str) -> None:
    text = f'{line}\n[tool.credhelper]\ncredentials = ["a"]'
    found = metadata._plain(text.encode())
    if found is not None:
        assert tomllib.loads(text).get("requires-python", "") == found[0]


@pytest.mark.parametrize("sign", ["#", "//", "--", ";", ";;"])
def test_the_comments_of_other_languages(sign: str) -> None:
    source = block("[tool.credhelper]", "", 'credentials = ["key"]').replace(b"# /", b"#/")
    source = source.replace(b"#", sign.encode()).replace(sign.encode() + b"/", f"{sign} /".encode())
    assert metadata.declared(source[source.index(b"\n") + 1 :]).credentials == ["key"]


def test_a_block_in_comments_of_two_kinds_is_none() -> None:
    source = b"// /// script\n# [tool.credhelper]\n# credentials = ['a']\n// ///\n"
    assert metadata.declared(source).credentials == []
    with pytest.raises(RunnerFailed, match="it is not closed"):
        metadata.declared(b"// /// script\n// [tool.credhelper]\n# ///\n")


@given(st.text(st.sampled_from("# /script\nx[]=\"'.{}credhelper"), max_size=80))
def test_whatever_a_block_holds_is_understood_or_refused(text: str) -> None:
    source = "# /// script\n" + "".join(f"# {line}\n" for line in text.split("\n")) + "# ///\n"
    try:
        metadata.declared(source.encode())
    except CredentialError as error:
        assert error.exit_code == 125

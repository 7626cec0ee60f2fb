# SPDX-License-Identifier: MIT
"""A script as it was opened: its shebang and its inline metadata."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credhelper.commands import script
from credhelper.errors import CredentialError, RunnerFailed, Untrusted

OWNERS = (0, os.getuid())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"print()\n", None),
        (b"", None),
        (b" #!/bin/sh\n", None),
        (b"#!/bin/sh", ("/bin/sh", "")),
        (b"#!/bin/sh\n", ("/bin/sh", "")),
        (b"#! \t/bin/sh \t\nexit\n", ("/bin/sh", "")),
        (b"#!/bin/sh -e\n", ("/bin/sh", "-e")),
        (b"#!/usr/bin/env -S python3  -u \n", ("/usr/bin/env", "-S python3  -u")),
        (b"#!/bin/sh\0-e\n", ("/bin/sh", "")),
        (b"#!/bin/sh -e\0-x\n", ("/bin/sh", "-e")),
        (b"#!/bin/" + b"x" * 230 + b"\n", ("/bin/" + "x" * 230, "")),
        (b"#!/bin/sh " + b"x" * 300 + b"\n", ("/bin/sh", "x" * 245)),
        (b"#!/bin/sh\r\n", ("/bin/sh\r", "")),
    ],
)
def test_the_shebang_as_the_kernel_reads_it(
    source: bytes, expected: tuple[str, str] | None
) -> None:
    assert script.shebang(source) == expected


@pytest.mark.parametrize("source", [b"#!\n", b"#!   \n", b"#!", b"#!/bin/" + b"x" * 300])
def test_a_shebang_without_an_interpreter(source: bytes) -> None:
    with pytest.raises(RunnerFailed, match="names no interpreter"):
        script.shebang(source)


def block(*lines: str) -> bytes:
    """A script with these lines in its metadata block."""
    inner = "".join(f"# {line}\n" if line else "#\n" for line in lines)
    return f"#!/usr/bin/python3\n# /// script\n{inner}# ///\nprint()\n".encode()


def test_what_is_declared() -> None:
    said = script.declared(
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
    said = script.declared(source)
    assert (said.credentials, said.environment) == ([], {})


def test_other_ends_of_lines() -> None:
    source = block("[tool.credhelper]", 'credentials = ["key"]').replace(b"\n", b"\r\n")
    assert script.declared(source).credentials == ["key"]


def test_a_closing_line_within_a_block_is_part_of_it() -> None:
    """The last one that is possible closes it, says the specification."""
    with pytest.raises(RunnerFailed, match="metadata block"):
        script.declared(block("[tool.credhelper]", "///", 'credentials = ["key"]'))


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
        (["[tool.credhelper]", 'environment = { A = "a b" }'], "a b"),
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
        script.declared(block(*lines))
    assert problem in caught.value.problem
    assert caught.value.exit_code == 125
    assert caught.value.hint


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(RunnerFailed, match="utf-8"):
        script.declared(b"# /// script\n# x = '\xff'\n# ///\n")


def test_two_blocks() -> None:
    with pytest.raises(RunnerFailed, match="there are two script metadata blocks"):
        script.declared(block("[tool.credhelper]") + block("[tool.credhelper]"))


def test_a_block_that_is_not_closed() -> None:
    with pytest.raises(RunnerFailed, match="it is not closed"):
        script.declared(b"# /// script\n# [tool.credhelper]\n# credentials = ['a']\nprint()\n")


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
    assert script.declared(block(*text.split("\n"))).credentials == expected


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
    names = script._plain_list(text.encode())
    if names is not None:
        assert tomllib.loads(text) == {"tool": {"credhelper": {"credentials": names}}}


@given(st.text(st.sampled_from("# /script\nx[]=\"'.{}credhelper"), max_size=80))
def test_whatever_a_block_holds_is_understood_or_refused(text: str) -> None:
    source = "# /// script\n" + "".join(f"# {line}\n" for line in text.split("\n")) + "# ///\n"
    try:
        script.declared(source.encode())
    except CredentialError as error:
        assert error.exit_code == 125


def test_a_script_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path.resolve() / "script.py"
    path.write_bytes(b"print()\n")
    (tmp_path / "link.py").symlink_to(path)
    found = script.read("link.py", OWNERS)
    assert (found.path, found.real, found.source) == ("link.py", str(path), b"print()\n")
    assert found.sha256 == hashlib.sha256(b"print()\n").hexdigest()
    descriptor = found.descriptor
    found.close()
    found.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_script_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "script.py"
    path.touch(0o644)
    os.truncate(path, script.MAXIMUM_BYTES + 1)
    with pytest.raises(Untrusted, match="has 268435457 bytes"):
        script.read(str(path), OWNERS)


def test_a_script_that_cannot_be_read() -> None:
    with pytest.raises(Untrusted, match="/proc/self/mem cannot be read: Input/output error"):
        script.read("/proc/self/mem", OWNERS)

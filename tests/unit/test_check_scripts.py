# SPDX-License-Identifier: MIT
"""Keys in the source of scripts, and what scripts do not declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from credhelper.commands.check import scripts
from credhelper.errors import CredentialError

BLOCK = '# /// script\n# [tool.credhelper]\n# credentials = ["a"]\n# ///\n'


def found(path: Path, source: str | bytes, **values: bytes) -> list[str]:
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return [finding.rule for finding in scripts.findings(str(path), values, values)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "script.py"


@pytest.mark.parametrize(
    "source",
    [
        'x = "sk-proj-abcdefghijklmnopqrstuvwxyz"',
        'x = b"ghp_abcdefghijklmnopqrstuvwxyz0123456789"',
        'call(x="AKIAIOSFODNN7ABCDEFG")',
        'x = """-----BEGIN RSA PRIVATE KEY-----\nabc"""',
        'api_key = "abcdef123456"',
        'config["password"] = "Hunter2-and-more"',
        'self.token = "a1b2c3d4e5"',
        'connect(password="Hunter2-and-more")',
        'x = {"client_secret": "a1b2c3d4e5"}',
        'def f(a, api_key="a1b2c3d4e5"): ...',
        'def f(*, token="a1b2c3d4e5"): ...',
        'API_KEY: str = "a1b2c3d4e5"',
    ],
)
def test_keys_in_the_source(path: Path, source: str) -> None:
    assert found(path, source) == ["key-in-source"]


@pytest.mark.parametrize(
    "source",
    [
        'api_key = "my_api_key"',
        'api_key = "your-key-1234"',
        'token_url = "https://example.com/Token1"',
        'password = "<PASSWORD1>"',
        'password = ""',
        'api_key = load("Some_Name_1")',
        'key_name = "a1b2c3d4e5"',
        'x = "a1b2c3d4e5"',
        'token = os.environ["TOKEN_1"]',
        'prompt(password="Type it in 3 s")',
    ],
)
def test_no_keys(path: Path, source: str) -> None:
    assert found(path, source) == []


def test_a_value_of_the_store_is_told_by_its_name_and_line(path: Path) -> None:
    path.write_text("a = 1\nb = 'sk-1234-5678'\n")
    (finding,) = scripts.findings(str(path), ["mine"], {"mine": b"sk-1234-5678\n"})
    assert finding.rule == "value-in-source"
    assert finding.evidence.startswith("line 2: holds the value of mine")
    assert "sudo credhelper rotate mine" in finding.mend
    assert "sk-1234" not in repr(finding)


def test_short_values_say_nothing(path: Path) -> None:
    assert found(path, "print('on')\n", switch=b"on") == []


def test_other_languages_are_looked_at_line_by_line(path: Path) -> None:
    source = "#!/bin/sh\nKEY=ghp_abcdefghijklmnopqrstuvwxyz0123456789\n"
    assert found(path, source) == ["key-in-source"]
    assert found(path, "#!/bin/sh\nx=sk-1234-5678\n", a=b"sk-1234-5678") == ["value-in-source"]
    assert found(path.with_name("x.sh"), "echo 'not Python'\n") == []


def test_what_names_no_interpreter_is_python(path: Path) -> None:
    assert found(path.with_name("script"), "no Python at all\n") == ["syntax"]


def test_what_is_not_python_is_told(path: Path) -> None:
    assert found(path, "def f(:\n") == ["syntax"]
    assert found(path, b"x = '\0'\n") == ["syntax"]


def test_declared(path: Path) -> None:
    source = 'from credhelper import load\nload("a")\n'
    assert found(path, BLOCK + source, a=b"x") == []
    assert found(path, source, a=b"x") == ["undeclared"]
    assert found(path, BLOCK + source) == ["not-in-store"]
    assert found(path, BLOCK + source + 'load("b")\n', a=b"x") == ["undeclared"]
    assert found(path, source.replace("from", BLOCK[:-6] + "from"), a=b"x") == [
        "metadata",
        "undeclared",
    ]


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "no.py" if kind == "missing" else tmp_path
    with pytest.raises(CredentialError, match=str(path)):
        list(scripts.findings(str(path), [], {}))

# SPDX-License-Identifier: MIT
"""Keys in the source of scripts, values that they print, and what they do not declare."""

from __future__ import annotations

import argparse
import ast
import inspect
import time
from pathlib import Path
from textwrap import dedent

import pytest

from credhelper.commands.check import scripts
from credhelper.errors import CredentialError

BLOCK = '# /// script\n# [tool.credhelper]\n# credentials = ["a"]\n# ///\n'
IMPORTS = (
    f"{BLOCK}import logging, os, subprocess, sys\nimport credhelper\nfrom credhelper import load\n"
)


def found(path: Path, source: str | bytes, **values: bytes) -> list[str]:
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return [finding.rule for finding in scripts.findings(str(path), values, values)]


def printed(path: Path, source: str) -> list[str]:
    """What is said of each value that is shown."""
    path.write_text(IMPORTS + dedent(source))
    findings = scripts.findings(str(path), ["a"], {})
    return [one.evidence.partition(": ")[2] for one in findings if one.rule == "value-printed"]


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
        "# the old one: sk-proj-abcdefghijklmnopqrstuvwxyz",
        "#!/bin/sh\nKEY=ghp_abcdefghijklmnopqrstuvwxyz0123456789\n",
        'x = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"',
    ],
)
def test_keys_in_the_source(path: Path, source: str) -> None:
    assert found(path, source) == ["key-in-source"]


@pytest.mark.parametrize(
    "source",
    [
        'api_key = "my_api_key"',
        'api_key = "your-key-1234"',
        'x = "task-force-of-the-department-x"',
        'api_key = load("Some_Name_1")',
        "x = 'sk-short'",
    ],
)
def test_no_keys(path: Path, source: str) -> None:
    assert found(path, source) == []


def test_a_value_of_the_store_is_told_by_its_name_and_line(path: Path) -> None:
    path.write_text("a = 1\nb = 'sk-1234-5678'\n")
    (finding,) = scripts.findings(str(path), ["mine"], {"mine": b"sk-1234-5678\n"})
    assert finding.rule == "value-in-source"
    assert finding.evidence.startswith("line 2: holds the value of mine")
    assert "sudo credhelper rotate mine" in finding.fix
    assert "sk-1234" not in repr(finding)


def test_a_known_value_is_told_once(path: Path) -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz"
    assert found(path, f"x = '{key}'\n", mine=key.encode()) == ["value-in-source"]


def test_short_values_say_nothing(path: Path) -> None:
    assert found(path, "print('on')\n", switch=b"on") == []


def test_other_languages_are_not_python(path: Path) -> None:
    assert found(path, "#!/bin/sh\nx=sk-1234-5678\n", a=b"sk-1234-5678") == ["value-in-source"]
    assert found(path.with_name("x.sh"), "echo 'not Python'\n") == []


def test_what_names_no_interpreteris_python(path: Path) -> None:
    assert found(path.with_name("script"), "no Python at all\n") == ["syntax"]


def test_what_is_not_python_is_told(path: Path) -> None:
    assert found(path, "def f(:\n") == ["syntax"]
    assert found(path, b"x = '\0'\n") == ["syntax"]
    assert found(path, "# -*- coding: no-such-coding -*-\n") == ["syntax"]


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


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ('print(load("a"))', "prints"),
        ('print(credhelper.load_bytes("a"))', "prints"),
        ('key = load("a").strip()\nprint("k", key)', "prints"),
        ('key = load("a")\nprint(f"Bearer {key}")', "prints"),
        ('key = load("a")\nprint("Bearer %s" % key)', "prints"),
        ('key = load("a")\nprint("Bearer {}".format(key))', "prints"),
        ('key = load("a")\nprint(key[:4])', "prints"),
        ('key = load("a")\nother = key\nlast = other\nprint(last)', "prints"),
        ('if key := load("a"):\n    print(key)', "prints"),
        ('key = load("a")\ndef show():\n    print(key)', "prints"),
        ('key = load("a")\nsys.stdout.write(key)', "prints"),
        ('key = load("a")\nlogging.info("%s", key)', "logs"),
        ('self.log.error(load("a"))', "logs"),
        (
            'subprocess.run(["curl", "-H", load("a")])',
            "puts on a command line, for every user to see,",
        ),
    ],
)
def test_printed(path: Path, source: str, how: str) -> None:
    assert printed(path, source) == [f"{how} the value of a"]


@pytest.mark.parametrize(
    "source",
    [
        'key = load("a")\nprint("loaded", len(key), key.startswith("sk-"), key == "x")',
        'key = load("a")\nclient = Client(key)\nprint(client)',
        'def f():\n    key = load("a")\n    return key\ndef g():\n    key = 3\n    print(key)',
        'def f():\n    key = load("a")\ndef g(key):\n    print(key)',
        'key = load("a")\nsubprocess.run(["curl"], input=key)',
        "import pickle\nprint(pickle.load(file))",
        'print("a")',
    ],
)
def test_not_printed(path: Path, source: str) -> None:
    assert printed(path, source) == []


def test_a_name_that_is_not_written_out_is_unknown(path: Path) -> None:
    said = printed(path, "print(load(name))\nprint(secret.reveal())")
    assert said == ["prints the value of a credential"] * 2


def test_any_program_can_be_looked_at(path: Path) -> None:
    for module in (argparse, ast, scripts):
        assert found(path, inspect.getsource(module)) == []


DEEP = {
    "signs": "x = " + "-" * 200_000 + "1\n",
    "sum": "x = " + "+".join(["1"] * 100_000) + "\n",
    "attributes": "x = a" + ".b" * 50_000 + "\n",
    "parentheses": "(" * 5_000,
    "blocks": "if 1:\n" + "".join(" " * i + "if 1:\n" for i in range(1, 99)) + " " * 99 + "pass\n",
    "calls": "x = a" + "()" * 20_000 + "\n",
    "functions": "x = " + "lambda: " * 5_000 + "1\n",
    "metadata": "# /// script\n# [tool.credhelper]\n# credentials = ["
    + "[" * 100_000
    + "\n# ///\n",
    "tokens": "x = '" + "eyJaaaaaaaaaa" * 20_000 + "'\n",
    "key after key": "x = '" + "sk-" * 300_000 + "'\n",
    "chain": "from credhelper import load\n"
    + "".join(f"a{i} = a{i + 1}\n" for i in range(3_000))
    + "a3000 = load('k')\n",
}


@pytest.mark.parametrize("kind", DEEP)
def test_source_made_to_hurt_is_looked_at_in_time(path: Path, kind: str) -> None:
    """Deep nesting, and what was quadratic: each took up to a minute, or ended in a traceback."""
    began = time.process_time()
    assert len(found(path, DEEP[kind])) <= 1
    assert time.process_time() - began < 5

# SPDX-License-Identifier: MIT
"""Where the values of credentials go in a program."""

from __future__ import annotations

import argparse
import ast
import inspect
from textwrap import dedent

import pytest

from credhelper.commands.check import values

IMPORTS = "import logging, os, subprocess, sys\nimport credhelper\nfrom credhelper import load\n"


def uses(source: str) -> list[tuple[str, str]]:
    """Rule and credential of each use, in the order of the lines."""
    tree = ast.parse(IMPORTS + dedent(source))
    return [(use.rule, use.credential) for use in values.follow(tree).uses]


@pytest.mark.parametrize(
    "source",
    [
        'print(load("a"))',
        'print(credhelper.load_bytes("a"))',
        'key = load("a")\nprint(key)',
        'key = load("a").strip()\nprint("k", key)',
        'key = load("a")\nprint(f"Bearer {key}")',
        'key = load("a")\nprint("Bearer " + key)',
        'key = load("a")\nprint("Bearer %s" % key)',
        'key = load("a")\nprint("Bearer {}".format(key))',
        'key = load("a")\nheaders = {"X": key}\nprint(headers)',
        'key = load("a")\nparts = [key]\nprint(parts[0])',
        'key = load("a")\nprint(key[:4])',
        'key = load("a")\nprint(str(key), end="")',
        'key = load("a")\nother = key\nlast = other\nprint(last)',
        'if key := load("a"):\n    print(key)',
        'key: str = load("a")\nprint(key or "none")',
        'key = "x"\nkey += load("a")\nprint(key)',
        'key = load("a")\ndef show():\n    print(key)',
        'class C:\n    def f(self):\n        key = load("a")\n        print(key)',
        'key = load("a")\nsys.stdout.write(key)',
        'key = load("a")\nprint(*[key])',
        'key = load("a")\nprint("x" if key else "y", key if True else "")',
    ],
)
def test_printed(source: str) -> None:
    assert uses(source) == [("value-printed", "a")]


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('logging.info("%s", load("a"))', "value-logged"),
        ('logger = logging.getLogger()\nlogger.debug(load("a"))', "value-logged"),
        ('self.log.error(load("a"))', "value-logged"),
        ('raise ValueError(load("a"))', "value-raised"),
        ('subprocess.run(["curl", "-H", load("a")])', "value-in-arguments"),
        ('subprocess.check_output("curl " + load("a"), shell=True)', "value-in-arguments"),
        ('os.execv("/bin/x", ["x", load("a")])', "value-in-arguments"),
    ],
)
def test_shown_in_other_ways(source: str, rule: str) -> None:
    assert uses(source) == [(rule, "a")]


@pytest.mark.parametrize(
    "source",
    [
        'key = load("a")\nprint("loaded")',
        'key = load("a")\nprint(len(key))',
        'key = load("a")\nprint(key.startswith("sk-"))',
        'key = load("a")\nclient = Client(key)\nprint(client)',
        'def f():\n    key = load("a")\n    return key\ndef g():\n    key = 3\n    print(key)',
        'key = load("a")\nprint(key == "x")',
        'key = load("a")\nsubprocess.run(["curl"], input=key)',
        'key = load("a")\nrun(key)',
        "import pickle\nprint(pickle.load(file))",
        'print("a")',
    ],
)
def test_not_shown(source: str) -> None:
    assert uses(source) == []


def test_what_systemd_creds_decrypts_is_a_value() -> None:
    source = """
        found = subprocess.run(["systemd-creds", "decrypt", path, "-"], capture_output=True)
        print(found.stdout)
    """
    assert uses(source) == [("value-printed", "?")]


def test_a_name_that_is_not_written_out_is_unknown() -> None:
    assert uses("print(load(name))\nprint(secret.reveal())") == [("value-printed", "?")] * 2


def test_what_is_loaded_and_where() -> None:
    tree = ast.parse('from credhelper import load as get\nget("b")\nget("a")\nget("b")\nget(x)\n')
    assert values.follow(tree).loaded == {"b": 2, "a": 3}


def test_any_program_can_be_followed() -> None:
    for module in (argparse, ast, values):
        assert not values.follow(ast.parse(inspect.getsource(module))).uses

# SPDX-License-Identifier: MIT
"""What of a structured value is a secret by itself."""

from __future__ import annotations

import base64
import configparser
import io
import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands.ordinary import setting
from credhelper.commands.parts import parts

TOKEN = "tok-8c2b7f6de1a94c"
PASSWORD = "pa55word-Of-Db"
LINES = ["MIIEvQIBADANBgkq" * 4, "hkiG9w0BAQEFAASC" * 4, "c2hvcnQ="]
PEM = "\n".join(["-----BEGIN KEY-----", *LINES, "-----END KEY-----\n"])
CASES = {
    "JSON": (json.dumps({"type": "service_account", "token": TOKEN, "n": 1, "on": True}), [TOKEN]),
    "JSON in lines": (json.dumps({"a": {"b": [TOKEN, PASSWORD]}}, indent=2), [TOKEN, PASSWORD]),
    "JSON with a key": (json.dumps({"private_key": PEM}), [PEM.strip(), *LINES]),
    "JSON in JSON": (
        json.dumps({"inner": json.dumps({"token": TOKEN})}),
        [TOKEN, json.dumps({"token": TOKEN})],
    ),
    "JSON with escapes": (json.dumps({"k": 'ä"\\/\n😀 12345'}), ['ä"\\/\n😀 12345']),
    "TOML": (f'[db]\npassword = "{PASSWORD}"  # it is\ntoken = \'{TOKEN}\'\n', [PASSWORD, TOKEN]),
    "INI": (f"[db]\npassword = {PASSWORD}\nport: 5432\ntoken: {TOKEN}\n", [PASSWORD, TOKEN]),
    ".env": (f"export A_KEY={TOKEN}\nB_KEY=\"{PASSWORD}\"\n# no\nDEBUG=true\n", [TOKEN, PASSWORD]),
    "YAML": (f"user: svc\npassword: '{PASSWORD}'\n", [PASSWORD]),
    "netrc's kin": (f"{TOKEN}\n{PASSWORD}-of-more\n", [TOKEN, f"{PASSWORD}-of-more"]),
    "URL": (f"postgres://svc:{PASSWORD}@db.example/app?sslmode=require", [PASSWORD]),
    "URL, quoted": ("https://u:p%40ss%2Fword@h.example/", ["p%40ss%2Fword", "p@ss/word"]),
    "URL with a token": (f"https://{TOKEN}@h.example/?a=1&sig={PASSWORD}", [PASSWORD, TOKEN]),
    "user:password": (f"svc:{PASSWORD}", [PASSWORD]),
    "Bearer": (f"Bearer {TOKEN}", [TOKEN]),
    "header": (f"Authorization: Bearer {TOKEN}", [f"Bearer {TOKEN}", TOKEN]),
    "Basic": (
        "Basic " + base64.b64encode(f"svc:{PASSWORD}".encode()).decode(),
        [base64.b64encode(f"svc:{PASSWORD}".encode()).decode(), f"svc:{PASSWORD}", PASSWORD],
    ),
    "PEM": (PEM, LINES),
    "prose": ("# This file was made by hand\nand has words\n", []),
    "a key": ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", []),
    "base64": ("bW9yZSB0aGFuIGVub3VnaA==", []),
    "settings": (json.dumps({"level": "warning", "host": "db.example.com"}), []),
    "cut off": ('{"token": "tok-8c2b', []),
}  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), CASES.values(), ids=CASES)
def test_parts(value: str, expected: list[str]) -> None:
    assert sorted(parts(value.encode())) == sorted(part.encode() for part in expected)


@pytest.mark.parametrize("value", [b"", b"\xff\xfe{", b"{" * 2000, b'"' * 2001, b"x" * (1 << 20)])
def test_what_has_none(value: bytes) -> None:
    assert parts(value) == ()


LEAVES = st.text(min_size=8, max_size=30).filter(lambda s: len(s.strip().encode()) >= 8)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_string_of_a_json_document(document: object) -> None:
    def leaves(node: object) -> list[str]:
        if isinstance(node, str):
            return [node.strip()]
        below = node.values() if isinstance(node, dict) else node
        return [leaf for one in below for leaf in leaves(one)]  # type: ignore[attr-defined]

    if isinstance(document, str):
        return
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        found = parts(text.encode())
        for leaf in leaves(document):
            assert setting(leaf.encode()) or leaf.encode() in found


KEYS = st.text("abcXYZ_", min_size=1, max_size=8)
PLAIN = st.text("abcdefgh0123456789-./", min_size=8, max_size=30)


@given(st.dictionaries(KEYS, PLAIN, min_size=1))
def test_every_string_of_toml_and_ini(entries: dict[str, str]) -> None:
    toml = "".join(f'{key} = "{value}"\n' for key, value in entries.items())
    assert tomllib.loads(toml) == entries
    config = configparser.RawConfigParser()
    config["section"] = entries
    ini = io.StringIO()
    config.write(ini)
    for text in (toml, ini.getvalue()):
        found = parts(text.encode())
        for value in entries.values():
            assert setting(value.encode()) or value.encode() in found

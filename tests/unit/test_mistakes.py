# SPDX-License-Identifier: MIT
"""What was meant: close names, values in the place of names."""

from __future__ import annotations

import pytest

from credhelper import mistakes

KNOWN = ["my_api_key", "openai_key", "db_password", "tls"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("my_api_kye", "my_api_key"),
        ("MY_API_KEY", "my_api_key"),
        ("my-api-key", "my_api_key"),
        ("my_api_key.cred", "my_api_key"),
        ("openaikey", "openai_key"),
        ("db_pasword", "db_password"),
        ("stripe_key", ""),
        ("new_token", ""),
        ("x", ""),
        ("", ""),
    ],
)
def test_closest(word: str, meant: str) -> None:
    assert mistakes.closest(word, KNOWN) == meant


@pytest.mark.parametrize(
    "value",
    [
        "sk-live-ONLINE",
        "sk-proj-abc123def456",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-1234-5678-abcdefgh",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "0123456789abcdef0123456789abcdef",
        "d41d8cd9-8f00-b204-e980-0998ecf8427e0123456789ab",
        "AbCdEf123456GhIjKl",
        "postgres://user:pass@db/name",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1234567890",
    ],
)
def test_values(value: str) -> None:
    assert mistakes.is_value_like(value)


@pytest.mark.parametrize(
    "name",
    [
        "my_api_key",
        "OPENAI_API_KEY",
        "PRODUCTION_API_TOKEN_12",
        "sk-test-key",
        "aws_123456789012",
        "github_pat_main",
        "token-2026-11",
        "report.py",
        "db-0123456789abcdef",
        "VAR",
        "pk_rotation",
        "",
    ],
)
def test_names(name: str) -> None:
    assert not mistakes.is_value_like(name)


def test_missing() -> None:
    assert mistakes.missing(["my_api_kye"], KNOWN) == (
        "there is no credential my_api_kye",
        "did you mean my_api_key? to see them all: sudo credhelper list",
    )
    assert mistakes.missing(["a", "b"], KNOWN, "/etc/credstore.encrypted") == (
        "there is no credential a, b in /etc/credstore.encrypted",
        "add them: sudo credhelper add a && sudo credhelper add b; "
        "to see them all: sudo credhelper list",
    )


def test_a_value_is_not_repeated() -> None:
    value = "sk-live-0123456789"
    said = mistakes.missing([value], KNOWN)
    assert value not in "".join(said)
    assert "history" in said[1]

# SPDX-License-Identifier: MIT
"""What is too ordinary to be a secret, and what only looks so."""

from __future__ import annotations

import base64
import random
import string

import pytest

from credhelper.commands import ordinary

SETTINGS = {
    "a boolean": ["true", "False", "YES", "no\n", "on", "OFF", "enabled"],
    "no value": ["none", "null", "None", "nil"],
    "a level": ["debug", "INFO", "Warning", "critical"],
    "a number": [
        *("0", "8080", "-1", "3.14", "1_000_000", "30s", "512MB", "50%", "1.2.3", "v2.10.1"),
        *("2026-11-25", "12:30:00", "1763989200", "10ms"),
    ],
    "a common word": [
        "production",
        "Development",
        "STAGING",
        "postgres",
        "password",
        "default",
        "service_account",
    ],
    "a host name": [
        *("localhost", "db.example.com", "DB.EXAMPLE.COM", "10.0.0.1", "10.0.0.1:5432"),
        *("localhost:6379", "cache-1.internal:11211", "::1", "fe80::1", "[::1]:443", "heise.de"),
    ],
    "a URL without a password": [
        *("https://api.example.com", "http://localhost:8080/", "https://api.example.com/v1/items"),
        *("postgres://db:5432/app", "redis://cache", "file:///var/lib/app", "amqp://10.0.0.1/jobs"),
    ],
    "a path": ["/var/log/app.log", "/etc/ssl/certs/ca-bundle.crt", "/tmp", "/srv/my_app/"],
}
SECRETS = [
    "hunter2-Correct-Horse",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "4111111111111111",
    "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "postgres://svc:pa55word@db.example/app",
    "https://token@host.example/",
    "https://hooks.example.com/services/T0000000/B0000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "https://api.example.com/v1?key=0123456789abcdef",
    "https://api.example.com/#0123456789abcdef",
    "https://discuss.example/9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM",
    "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "/9f8e7d6c5b4a39281706f5e4",
    "/var/9f8e7d6c5b4a39281706f5e4",
    "correct.horse.battery",
    "PrOduCtion",
    "pässwörter",
    "true\nfalse\nsecret",
    "12345678 9",
    "1234-5678-abcd",
]


@pytest.mark.parametrize(
    ("what", "value"), [(what, value) for what, some in SETTINGS.items() for value in some]
)
def test_settings(what: str, value: str) -> None:
    assert ordinary.setting(value.encode()) == what
    assert ordinary.why(f" {value}\n".encode()) == what


@pytest.mark.parametrize("value", SECRETS)
def test_what_may_be_a_secret(value: str) -> None:
    assert ordinary.setting(value.encode()) == ""
    assert ordinary.why(value.encode()) == ""


@pytest.mark.parametrize("value", ["abc", "aB3$xyz", "\xe9"])
def test_short_ones_are_no_settings_but_ordinary(value: str) -> None:
    assert ordinary.setting(value.encode()) == ""
    assert ordinary.why(value.encode()) == "shorter than 8 bytes"


@pytest.mark.parametrize("value", [b"", b" \n"])
def test_nothing(value: bytes) -> None:
    assert ordinary.setting(value) == "empty"


def test_bytes_that_are_no_text() -> None:
    assert ordinary.why(bytes(range(256))) == ""
    assert ordinary.why(b"\xff\xfe") == "shorter than 8 bytes"


def test_what_is_made_by_chance_is_never_ordinary() -> None:
    chance = random.Random(3)  # noqa: S311 # the same in each run
    for size in range(16, 40):
        for _ in range(50):
            data = chance.randbytes(size)
            text = "".join(chance.choices(string.ascii_letters + string.digits, k=size))
            for value in (data.hex(), base64.b64encode(data).decode(), text, text.lower()):
                assert not ordinary.why(value.encode()), value

# SPDX-License-Identifier: MIT
"""The search for values: every form at every place and however it is read, and nothing else."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands.cli import leaks_report
from credhelper.commands.leaks import matching, vectorscan
from credhelper.commands.leaks.matching import Match, matcher
from credhelper.commands.leaks.provenance import date_of
from credhelper.commands.leaks.sought import LONGEST, needles, probes
from credhelper.commands.literals import Literals
from credhelper.commands.spellings import spellings

NAME = "my_api_key"
values = st.binary(min_size=8, max_size=300).filter(lambda v: len(v.rstrip(b"\r\n")) >= 8)


def matches(value: bytes, chunks: list[bytes]) -> list[Match]:
    return list(matcher({NAME: value}).matches(chunks))


def forms(value: bytes) -> list[bytes]:
    """A value's spellings, except for what an encoding has of it without its neighbours."""
    secret = value.rstrip(b"\r\n")
    cut = secret.hex("%").encode()
    found = spellings(secret).items()
    return [text for text, label in found if not label.startswith("base64") and text.lower() != cut]


@given(values, st.binary(max_size=100), st.binary(max_size=100), st.data())
def test_every_form_is_found_however_the_data_comes(
    value: bytes, before: bytes, after: bytes, data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(forms(value)))
    text = before + form + after
    size = data.draw(st.integers(1, len(text)))
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert before.count(b"\n") + 1 in {match.line for match in matches(value, chunks)}


@pytest.mark.parametrize("after", [b"r", b"\\r", b""])
@pytest.mark.parametrize("value", [b"12345678\n\\", b"\\\n12345678", b"a\\\nn12345678\\\nr"])
def test_a_backslash_before_or_after_a_break_is_told_from_a_break(
    value: bytes, after: bytes
) -> None:
    for end in (b"", b"\n", b"\\n", b"\r\n    "):
        assert matches(value, [b"\\t" + value.replace(b"\n", end) + after]), end


@given(values, st.integers(48, 76), st.sampled_from([b"\n", b"\r\n", b"\n    ", b"\\n"]))
def test_base64_and_hex_are_found_over_lines(value: bytes, width: int, end: bytes) -> None:
    padded = bytes(20) + value + bytes(20)
    for text in (base64.b64encode(padded), padded.hex().encode()):
        lines = [text[i : i + width] for i in range(0, len(text), width)]
        if len(value.rstrip(b"\r\n")) >= 13:  # what is shorter may be cut where it cannot be told
            assert matches(value, [end.join(lines)])


WRITTEN_OUT: dict[str, Callable[[bytes], bytes]] = {
    "backslash x": lambda value: "".join(f"\\x{byte:02x}" for byte in value).encode(),
    "octal": lambda value: "".join(f"\\{byte:03o}" for byte in value).encode(),
    "backslash u": lambda value: "".join(f"\\u{byte:04X}" for byte in value).encode(),
    "decimal references": lambda value: "".join(f"&#{byte};" for byte in value).encode(),
    "references": lambda value: "".join(f"&#x{byte:x};" for byte in value).encode(),
    "hex with blanks": lambda value: value.hex(" ").encode(),
    "hex with colons": lambda value: value.hex(":").upper().encode(),
    "an array in C": lambda value: ", ".join(f"0x{byte:02x}" for byte in value).encode(),
    "UTF-32": lambda value: value.decode().encode("utf-32"),
    "quoted-printable": lambda value: "".join(f"={byte:02X}" for byte in value).encode(),
}


@pytest.mark.parametrize("way", WRITTEN_OUT)
def test_a_value_with_every_character_escaped_is_found(way: str) -> None:
    value = b"sk_live_0123456789abcdef"
    assert len(matches(value, [b"a\n" + WRITTEN_OUT[way](value) + b"\n"])) == 1
    assert not matches(value, [WRITTEN_OUT[way](value[::-1])])


@given(values, st.binary(max_size=2000))
def test_nothing_is_found_where_nothing_is(value: bytes, data: bytes) -> None:
    if any(match.encoding == "as it is" for match in matches(value, [data])):
        assert value.rstrip(b"\r\n") in data


@given(values, st.binary(max_size=40), st.data())
def test_no_form_of_a_value_is_left_in_what_is_shown(
    value: bytes, other: bytes, data: st.DataObject
) -> None:
    search = matcher({NAME: value})
    form = data.draw(st.sampled_from(forms(value)))
    assert form not in search.redacted(other + form + other).replace(other, b"|")


def test_parts_of_a_value_are_found_by_their_names() -> None:
    value = json.dumps(
        {"installed": {"client_id": "1234-abcdefgh", "client_secret": "GOCSPX-abcdefgh12345678"}}
    ).encode()
    found = matches(value, [b"id=1234-abcdefgh\nsecret=GOCSPX-abcdefgh12345678\n"])
    assert [(match.credential, match.line) for match in found] == [(f"client_secret of {NAME}", 2)]
    assert [match.credential for match in matches(value, [value])] == [NAME]


@pytest.mark.parametrize("size", [0, 1, 7])
def test_values_too_short_to_search_for_are_named(size: int) -> None:
    assert matcher({NAME: b"x" * size + b"\n"}).skipped == (NAME,)


def test_of_a_large_value_a_part_is_enough() -> None:
    value = bytes(i * 7919 % 251 for i in range(1 << 20))
    assert matches(value, [value])
    (needle,), _ = needles({NAME: value})
    assert len(needle.value) == LONGEST


def test_the_certificate_next_to_a_key_is_no_secret() -> None:
    body = base64.encodebytes(bytes(range(200))).decode()
    certificate = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    key = f"-----BEGIN EC PRIVATE KEY-----\n{body[::-1].strip()}\n-----END EC PRIVATE KEY-----\n"
    value = (certificate + key).encode()
    assert not matches(value, [certificate.encode()])
    assert matches(value, [key.encode()])


def test_a_search_goes_without_vectorscan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectorscan, "_LIBRARY", "none.so")
    search = matcher({NAME: b"correct horse battery"})
    assert isinstance(search.literals, Literals)
    assert len(list(search.matches([b"a correct\\x20horse battery"]))) == 1


def test_nothing_shows_a_value() -> None:
    search = matcher({NAME: b"correct horse battery"})
    (needle,), _ = needles({NAME: b"correct horse battery"})
    for thing in (search, search.literals, needle, needle.units, *probes(needle)):
        assert "horse" not in repr(thing)


def test_overlapping_forms_are_one_match() -> None:
    text = "x" + "correct horse" + "y"
    assert len(matches(b"correct horse", [text.encode("utf-16-le")])) == 1
    twice = json.dumps({"a": "correct horse", "b": quote("correct horse")}).encode()
    assert len(matches(b"correct horse", [twice])) == 2


@pytest.mark.parametrize(
    ("line", "date"),
    [
        (b"A <a@b> 1700000000 +0000", "2023-11-14T22:13:20+00:00"),
        (b"A <a@b> 1700000000 -0330", "2023-11-14T22:13:20+00:00"),
        (b"A <a@b> 99999999999999999999 +0000", ""),
        (b"A <a@b> 1 +9999", "1970-01-01T00:00:01+00:00"),
        (b"A <a@b> x y", ""),
        (b"", ""),
    ],
)
def test_the_date_of_a_commit(line: bytes, date: str) -> None:
    assert date_of(line) == date


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_path_is_quoted_as_bash_reads_it(path: str) -> None:
    shown = leaks_report.quote(path)
    assert shown.isprintable()
    said = subprocess.run(
        ["/bin/bash", "-c", f"printf %s {shown}"], capture_output=True, check=True
    ).stdout
    assert said == path.encode()


def test_what_is_almost_a_value_holds_a_search_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who knows a value could have the rest of it looked for without end; that is told."""
    monkeypatch.setattr(matching, "ENOUGH", 0.001)
    value = b"sk_live_0123456789abcdef"
    search = matcher({NAME: value})
    almost = (value[:-1] + b"X\n") * 500
    found = search.matches([almost, value, b"\n", value.replace(b"_", b"%5F")])
    assert [match.encoding for match in found] == ["as it is"]
    assert search.effort.spent

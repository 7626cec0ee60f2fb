# SPDX-License-Identifier: MIT
"""Masking: no value shows, no other byte changes, and the streams stay what they were."""

from __future__ import annotations

import base64
import json
import os
import pprint
import random
import re
import select
import subprocess
import sys
import termios
import textwrap
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credhelper.commands.ordinary import setting
from credhelper.commands.parts import parts
from credhelper.commands.run import masking
from credhelper.commands.run.masking import Masker, gaps, left_alone
from credhelper.commands.run.masking.forms import HEAD, spelled, stripped

SOURCE = Path(masking.__file__).parents[4]
KEY = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc"
AWKWARD = "pä ss\\'w\"o/rd=+%&?\n\t😀x\x7f<>".encode()
PEM = (
    b"-----BEGIN PRIVATE KEY-----\n"
    + base64.encodebytes(bytes(range(7, 250)))
    + b"-----END PRIVATE KEY-----\n"
)
NOISE = random.Random(1).randbytes(1 << 20)  # noqa: S311 # the same in each run


def forms(value: bytes, encoding: str = "utf-8") -> set[bytes]:
    """The forms of a value that are replaced."""
    return set() if left_alone(value) else spelled(stripped(value), encoding)[0]


def mask(data: bytes, values: Mapping[str, bytes], encoding: str = "utf-8") -> bytes:
    masker = Masker(values, encoding)
    return masker.feed(data) + masker.finish()


# of the long profile, more in the same proportion
FEWER = settings(max_examples=settings.default.max_examples * 2 // 5)  # type: ignore[union-attr]


# --- which spellings are found: each made by what really makes it


EMITTERS: dict[str, Callable[[str], str]] = {
    "print": str,
    "json": json.dumps,
    "json, not ASCII": lambda text: json.dumps({"key": text}, ensure_ascii=False),
    "json with \\/": lambda text: json.dumps(text).replace("/", "\\/"),
    "quote": urllib.parse.quote,
    "quote everything": lambda text: urllib.parse.quote(text, safe=""),
    "quote_plus": urllib.parse.quote_plus,
    "encodeURIComponent": lambda text: urllib.parse.quote(text, safe="!*'()"),
    "lower-case quote": lambda text: re.sub(
        "%..", lambda code: code[0].lower(), urllib.parse.quote(text, safe="")
    ),
    "query": lambda text: urllib.parse.urlencode({"key": text, "x": "1"}),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, URL-safe": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64, no padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "basic authentication": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "base64 after 1": lambda text: base64.b64encode(f":{text}:".encode()).decode(),
    "base64 after 2": lambda text: base64.b64encode(f"::{text}::".encode()).decode(),
    "base64 after 3": lambda text: base64.b64encode(f":::{text}:::".encode()).decode(),
    "repr": repr,
    "repr within more": lambda text: repr(f'key="{text}"'),
    "repr within more of the other": lambda text: repr(f"key='{text}'"),
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "traceback": lambda text: "".join(traceback.format_exception(ValueError(text))),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "backslashreplace": lambda text: text.encode("ascii", "backslashreplace").decode(),
}


@pytest.mark.parametrize("emit", EMITTERS.values(), ids=EMITTERS)
@pytest.mark.parametrize(
    "value", [KEY, AWKWARD, PEM, b"t\xc3\xa4st-123"], ids=["key", "odd", "pem", "9"]
)
def test_every_spelling_is_masked(emit: Callable[[str], str], value: bytes) -> None:
    text = emit(value.decode().strip())
    masked = mask(f"before {text} after".encode(), {"key": value}).decode()
    assert "[credential key]" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    # of base64 within more, at most the characters that share bits with what is around
    assert len(masked) - len("before [credential key] after") <= len(emit("")) + 8


@pytest.mark.parametrize(("before", "start"), [(0, 0), (1, 2), (2, 3), (3, 4), (4, 6)])
def test_of_base64_only_what_encodes_neighbours_too_is_left(before: int, start: int) -> None:
    code = base64.b64encode(b"~" * before + KEY + b"~~")
    end = (before + len(KEY)) * 8 // 6
    assert mask(code, {"key": KEY}) == code[:start] + b"[credential key]" + code[end:]


@pytest.mark.parametrize("value", [KEY + b"\n", b"  " + KEY + b"\t\r\n"])
def test_blanks_around_a_value_stay(value: bytes) -> None:
    assert mask(b"<" + KEY + b">\n", {"key": value}) == b"<[credential key]>\n"
    assert mask(value, {"key": value}) == value.replace(KEY, b"[credential key]")


def test_the_lines_of_a_key_are_masked_by_themselves() -> None:
    assert mask(PEM, {"pem": PEM}) == b"[credential pem]\n"
    indented = textwrap.indent(PEM.decode(), "    ").encode()
    assert mask(indented, {"pem": PEM}).strip() == b"[credential pem]"
    for text in (PEM.replace(b"BEGIN", b"begin"), PEM.replace(b"\n", b"\n# ")):
        masked = [line.removeprefix(b"# ") for line in mask(text, {"pem": PEM}).splitlines()]
        assert masked[0].upper() == b"-----BEGIN PRIVATE KEY-----"
        assert set(masked[1:]) <= {b"[credential pem]", b"", b"-----END PRIVATE KEY-----"}
    short = mask(b"c2hvcnQ=", {"pem": PEM.replace(b"-----END", b"c2hvcnQ=\n-----END")})
    assert short == b"[credential pem]"


def test_the_lines_of_a_key_within_json_are_masked() -> None:
    account = json.dumps({"type": "service_account", "private_key": PEM.decode()}, indent=2)
    masked = mask(PEM[:-3], {"account": account.encode()}).splitlines()
    assert masked[0] == b"-----BEGIN PRIVATE KEY-----"
    assert set(masked[1:-1]) == {b"[credential account]"}
    assert mask(PEM, {"account": account.encode()}) == b"[credential account]\n"


def test_prose_within_a_value_is_no_secret() -> None:
    value = b"# This file was made by hand\nthe-token-itself-0123456789\n"
    masked = mask(b"# This file was made by hand\n", {"token": value}) + mask(
        b"the-token-itself-0123456789", {"token": value}
    )
    assert masked == b"# This file was made by hand\n[credential token]"


def test_a_value_that_is_no_text() -> None:
    value = bytes(range(256))
    assert mask(value[128:], {"blob": value}) == value[128:]  # it has no lines
    for data in (value, repr(value).encode(), base64.b64encode(value)):
        assert mask(b"<%b>" % data, {"blob": value}) in (
            b"<[credential blob]>",
            b"<b'[credential blob]'>",
        )


def test_the_longest_comes_first() -> None:
    values = {"short": b"seekret1", "long": b"myseekret1key", "longer": b"myseekret1key2"}
    assert (
        mask(b"seekret1 myseekret1key myseekret1key2 myseekret1ke", values)
        == b"[credential short] [credential long] [credential longer] my[credential short]ke"
    )


def test_a_replacement_is_not_masked() -> None:
    values = {"a": b"credentials2", "b": b"[credential a]", "c": b"dential b", "d": b"edential"}
    assert mask(b"credentials2", values) == b"[credential a]"
    assert mask(b"[credential a]", values) == b"[credential b]"
    masker = Masker(values)
    written = b"".join(masker.feed(bytes([byte])) for byte in b"credentials2 credentials2")
    assert written + masker.finish() == b"[credential a] [credential a]"


def test_values_that_are_too_short_or_settings_are_named_and_left_alone() -> None:
    values = {"pin": b"12\n", "none": b"", "debug": b"true", "port": b"5432", "key": KEY}
    reasons = {name: left_alone(value) for name, value in values.items()}
    assert reasons == {
        "pin": "a number",
        "none": "",
        "debug": "a boolean",
        "port": "a number",
        "key": "",
    }
    assert left_alone(b"xY3") == "shorter than 4 bytes"
    text = json.dumps({"debug": True, "port": 5432, "key": KEY.decode()})
    masked = json.loads(mask(text.encode(), values))
    assert masked == {"debug": True, "port": 5432, "key": "[credential key]"}


def test_a_short_value_is_masked_as_a_word() -> None:
    values = {"pin": b"xY3w"}
    assert mask(b"xY3w axY3w xY3w1 (xY3w) _xY3w\nxY3w", values) == (
        b"[credential pin] axY3w xY3w1 ([credential pin]) _xY3w\n[credential pin]"
    )
    masker = Masker(values)
    assert masker.feed(b"the xY3w") == b"the "
    assert masker.feed(b"s xY3w") == b"xY3ws "
    assert masker.feed(b".") == b"[credential pin]."
    assert masker.feed(b"x") + masker.feed(b"xY3w\n") == b"xxY3w\n"


# --- the stream


@pytest.mark.parametrize(
    "prompt", [b"Password: ", b"? ", b">>> ", b"\r 50% [###   ]", b"Continue [y/N] ", b"\x1b[0m"]
)
def test_a_prompt_appears_at_once(prompt: bytes) -> None:
    assert Masker({"key": KEY, "pem": PEM}).feed(prompt) == prompt


def test_only_what_could_become_a_value_is_held_back() -> None:
    masker = Masker({"key": KEY})
    assert masker.feed(b"the key is sk_liv") == b"the key is "
    assert masker.feed(b"e_") == b""
    assert masker.feed(b"long and prosper s") == b"sk_live_long and prosper "
    assert masker.finish() == b"s"
    assert masker.finish() == b""


def test_a_line_that_ends_with_a_value_is_not_held_back() -> None:
    """Whoever reads lines would wait, though another form may go on after signs like a gap's."""
    for value in (b"sk-secret/value+1234567890==", b"it's 'quoted' with blanks '", KEY + b"\\"):
        for end in (b"\n", b"\r\n"):
            assert Masker({"key": value}).feed(value + end) == b"[credential key]" + end
    both = Masker({"short": KEY, "long": KEY + b"-and-more"})
    assert both.feed(KEY + b"\n") == b""
    assert both.feed(b"   -and-more\n") == b"[credential long]\n   \n"


def test_a_value_cut_anywhere() -> None:
    for size in range(4, 90):
        value = (KEY * 3)[-size:]
        masker = Masker({"key": value})
        for cut in range(1, size):
            assert masker.feed(b"<" + value[:cut]) == b"<"
            assert masker.feed(value[cut:] + b">") == b"[credential key]>"


@pytest.mark.parametrize("others", [{}, {"pem": PEM}], ids=["alone", "with lines"])
@pytest.mark.parametrize("spelled_as", [KEY, KEY.hex().encode(), base64.b64encode(KEY)])
def test_a_value_cut_at_the_end_of_much_text(others: dict[str, bytes], spelled_as: bytes) -> None:
    masker = Masker({"key": KEY, **others})
    for text in (b"an ordinary line of 7\n", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ%&|~`\n", b"0a1b2c\n"):
        filler = text * 300
        for cut in range(1, len(spelled_as)):
            assert masker.feed(filler + spelled_as[:cut]) == filler
            assert masker.feed(spelled_as[cut:] + b" ,\n") == b"[credential key] ,\n"
        assert masker.feed(filler + spelled_as + filler) == filler + b"[credential key]" + filler
    for cut in range(8, len(KEY)):
        filler = b"[%d] worked\n" % cut * 300
        assert masker.feed(filler + KEY[:cut] + b"\n") == filler
        assert masker.feed(b"    " + KEY[cut:] + b"\n") == b"[credential key]\n    \n"


def test_once_python_ends_nothing_is_held_back() -> None:
    masker = Masker({"key": KEY})
    masker.end()
    assert masker.feed(KEY[:20]) == KEY[:20]
    filler = b"." * ((1 << 18) - 5)
    assert masker.feed(filler + KEY + filler) == filler + b"[credential key]" + filler
    masker.add("long", NOISE)
    assert masker.feed(NOISE[:5000]) == b"[credential long]"
    assert masker.feed(NOISE[5000:5020]) == NOISE[5000:5020]


def test_a_value_can_be_added() -> None:
    masker = Masker({})
    assert masker.feed(KEY) == KEY
    masker.add("key", KEY)
    assert masker.feed(KEY) == b"[credential key]"


def test_the_first_name_of_a_value_counts() -> None:
    assert mask(KEY, {"a": KEY, "b": KEY}) == b"[credential a]"


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        *(("random", 1 << 20), ("same", 1 << 16), ("period", 1 << 16), ("text", 1 << 16)),
        *((kind, 1000) for kind in ("random", "same", "period", "text")),
    ],
)
def test_a_long_value(kind: str, size: int) -> None:
    value = {
        "random": NOISE[:size],
        "same": b"x" * (size - 1) + b"y",
        "period": b"xy" * (size // 2),
        "text": b'{"id": "\xc3\xa4/", "n": 17},\n' * (size // 26),
    }[kind].strip()
    masker = Masker({"long": value})
    data = b"before " + value + b" after"
    step = 7777
    written = [masker.feed(data[at : at + step]) for at in range(0, len(data), step)]
    assert b"".join(written) + masker.finish() == b"before [credential long] after"
    assert mask(data, {"long": value}) == b"before [credential long] after"


def test_of_a_long_value_the_beginning_is_enough() -> None:
    value = NOISE[: 1 << 16]
    cut = 10_000
    assert mask(value[:cut] + b"...", {"long": value}) == b"[credential long]..."
    masker = Masker({"long": value})
    assert masker.feed(value[:cut]) == b"[credential long]"
    assert masker.feed(value[cut:-1]) == b""
    assert masker.feed(b"\0\1\2") == b"\0\1\2"
    assert masker.feed(value[:cut]) + masker.finish() == b"[credential long]"
    assert masker.feed(value[cut : 2 * cut]) + masker.finish() == value[cut : 2 * cut]


def test_many_values() -> None:
    values = {f"key_{number}": b"%d" % 7**30 + b"-%d" % number for number in range(100)}
    data = b"".join(b"line %b\n" % value for value in values.values())
    assert mask(data, values) == b"".join(b"line [credential %b]\n" % n.encode() for n in values)


# --- the same against a plain definition of what masking is


def reference(data: bytes, values: Mapping[str, bytes], encoding: str) -> list[bytes]:
    """What is written of data without gaps, split so that every second part is a replacement."""
    names: dict[bytes, str] = {}
    longer: dict[bytes, list[bytes]] = {}
    wanted = {name: stripped(value) for name, value in values.items() if not left_alone(value)}
    pairs = [*wanted.items()]
    pairs += [(name, part) for name, value in pairs for part in parts(value)]
    for name, value in pairs:
        for form in spelled(value, encoding)[0]:
            names.setdefault(form[:HEAD], name)
            longer.setdefault(form[:HEAD], []).append(form)
    parts_: list[bytes] = []
    literal, at = bytearray(), 0
    while at < len(data):
        here = [form for form in names if data.startswith(form, at)]
        last = bytes(literal[-1:]) if literal or not parts_ else b"]"
        here = [f for f in here if len(f) >= 8 or is_word(last, data[at + len(f) :][:1])]
        found = max(here, key=len, default=None)
        if found is None:
            literal.append(data[at])
            at += 1
            continue
        label = f"\n[credential {names[found]}]".encode(encoding)
        parts_ += [bytes(literal), label[len("\n".encode(encoding)) :]]
        literal.clear()
        at += max(gaps.common(form, data[at:]) for form in longer[found])
    return [*parts_, bytes(literal)]


def is_word(before: bytes, after: bytes) -> bool:
    return not any(chr(b).isalnum() or b == 95 or b >= 128 for b in before + after)


TEXTS = (
    st.text("ab", min_size=4, max_size=12)
    | st.text("ab /+%é😀=&", min_size=4, max_size=18)
    | st.text(
        st.characters(codec="utf-8", exclude_characters="\n\x1b\r.'"), min_size=4, max_size=18
    )
)
VALUES = st.dictionaries(
    st.sampled_from(["a", "my_key", "z-9.x"]), TEXTS.map(str.encode), max_size=3
)
ENCODINGS = st.sampled_from(
    ["utf-8", "latin-1", "ascii", "cp1252", "utf-16", "utf-32-be", "koi8-r"]
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[str, bytes], str, bytes, list[int]]:
    """Values, an encoding, what is written, and the sizes of the writes."""
    values, encoding = draw(VALUES), draw(ENCODINGS)
    known = sorted(
        form
        for value in values.values()
        for form in forms(value, encoding)
        if b"\n" not in form and b"\x1b" not in form
    )
    pieces = st.sampled_from([b" ", b"a", b"b", b"ab", b"[credential a]", b"\0\0\0a"])
    if known:
        form = st.sampled_from(known)
        pieces |= form
        pieces |= st.builds(lambda form, cut: form[:cut], form, st.integers(0, 60))
        pieces |= st.builds(lambda form, cut: form[cut:], form, st.integers(0, 60))
    data = b"".join(draw(st.lists(pieces, max_size=20)))
    return values, encoding, data, draw(st.lists(st.integers(0, 30), min_size=1, max_size=50))


def in_pieces(masker: Masker, data: bytes, sizes: list[int]) -> bytes:
    written: list[bytes] = []
    blocks: list[bytes] = []
    for place, size in enumerate(sizes):
        blocks.append(data[:size])
        masker.write(blocks, written.append, more=place % 2 == 1)
        data = data[size:]
    return b"".join(written) + masker.feed(b"".join(blocks) + data) + masker.finish()


FACES = "😀" * 12
LONGEST = max(forms(FACES.encode(), "utf-32-be"), key=len)  # longer than HEAD


@FEWER
@example(({"a": FACES.encode()}, "utf-32-be", LONGEST + b"a", [0]))
@example(({"a": FACES.encode()}, "utf-32-be", LONGEST[:-9] + LONGEST, [HEAD + 7, 2, 50]))
@given(streams())
def test_no_form_is_written_and_no_other_byte_changes(
    stream: tuple[dict[str, bytes], str, bytes, list[int]],
) -> None:
    values, encoding, data, sizes = stream
    expected = reference(data, values, encoding)
    assert in_pieces(Masker(values, encoding), data, sizes) == b"".join(expected)
    for literal in expected[::2]:
        for value in values.values():
            assert not any(len(f) >= 8 and f in literal for f in forms(value, encoding))


@FEWER
@example(({"a": "/=a=====é".encode()}, "utf-8", b"a", [0]))  # with a part
@given(streams())
def test_no_more_is_held_back_than_a_form_could_go_on_from(
    stream: tuple[dict[str, bytes], str, bytes, list[int]],
) -> None:
    values, encoding, data, _ = stream
    known = [
        form
        for value in values.values()
        for text in (stripped(value), *parts(stripped(value)))
        for form in (forms(value, encoding) and spelled(text, encoding)[0])
    ]
    masker = Masker(values, encoding)
    masker.feed(data)
    held = masker._state[0]
    rest = held.translate(None, gaps.SQUEEZED)  # what it is without what may be a gap's beginning
    assert not held or any(form.translate(None, gaps.SQUEEZED).startswith(rest) for form in known)


@FEWER
@given(
    st.text(min_size=8, max_size=40).filter(
        lambda text: len(text.strip().encode()) >= 8 and not setting(text.encode())
    ),
    st.sampled_from([*EMITTERS]),
    st.lists(st.integers(1, 20), min_size=1, max_size=20),
)
def test_whatever_the_text(text: str, emitter: str, sizes: list[int]) -> None:
    emitted = EMITTERS[emitter](text.strip())
    data = f"<{emitted}>".encode()
    assert b"[credential key]" in in_pieces(Masker({"key": text.encode()}), data, sizes)


# --- values with breaks and colours within: each case is made with what it has to become


GAPS = [
    *("\n", "\r\n", "\n    ", "  \n", "'\n  '", "'\n b'", '"\n  "', "=\n", "\\\n  \\"),
    *(" │\n│ ", "   |\n| ", " ┃\n┃   ┃ ", " \n \n "),
]
COLOURS = ["\x1b[1;36m", "\x1b[0m", "\x1b[m", "\x1b[38;5;196m", "\x1b[38:2::1:2:3m"]
SIGNS = "aXyZ0189-_./+"


@st.composite
def layouts(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A value, how it is written with gaps and colours in it, and what has to become of that."""
    value = draw(st.text(SIGNS, min_size=20, max_size=150).filter(lambda v: len(set(v)) > 4))
    before = draw(st.sampled_from(["", "the key is ", "{'k': '", "│ k │ ", "\n\n", "\x1b[1m"]))
    after = draw(st.sampled_from(["", ".", "\n", " and more\n", "'}\n", " │\n", "\x1b[0m\n"]))
    written, left = before, before + "[credential key]"
    column = draw(st.integers(8, 60))
    for place, sign in enumerate(value):
        if place == column:
            gap = draw(st.sampled_from(GAPS))
            written, left = written + gap, left + gap
            column += draw(st.integers(20, 60))
        if place and draw(st.integers(0, 15)) == 0:
            colour = draw(st.sampled_from(COLOURS))
            written, left = written + colour, left + colour
        written += sign
    return value.encode(), f"{written}{after}".encode(), f"{left}{after}".encode()


@FEWER
@given(layouts(), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_breaks_and_colours_within_a_value(
    layout: tuple[bytes, bytes, bytes], sizes: list[int]
) -> None:
    value, data, expected = layout
    if setting(value):
        return
    assert mask(data, {"key": value}) == expected
    assert in_pieces(Masker({"key": value}), data, sizes) == expected


def test_beginnings_and_ends_beside_rows_of_dots() -> None:
    for before, row, after in product((b"", KEY[:9]), (7, 18, 19, 20, 60, 9000), (b"", KEY[-9:])):
        left = [b"[credential key]" if part else b"" for part in (before, after)]
        written = b" %b%b%b " % (before, b"." * row, after)
        assert mask(written, {"key": KEY}) == b" %b%b%b " % (left[0], b"." * row, left[1])


def test_breaks_at_every_cut() -> None:
    key = "sk-proj-Ab3dEf-12345678-gHiJkLmNoP_QrStUvWxYz0-987654321-aBcDeFgHiJkLmNoPqRsTuVwXyZ-42"
    cases = [
        textwrap.fill(f"the key in use is now {key} as of today", 60),
        textwrap.fill(f"(default: {key})", 40, subsequent_indent="        "),
        pprint.pformat({"key": key.encode()}),
        f"│ k │ {key[:40]} │\n│   │ {key[40:]} │\n",
        f"'{key[:12]}...{key[-13:]}' '{key[:30]}'+60, {key[:20]}… ",
        f"x\x1b[1m{key[:9]}\x1b[36m{key[9:30]}\n  {key[30:]}\x1b[0m\n",
    ]
    late, much = Masker({"key": key.encode()}), b"an ordinary line of 7\n" * 100
    for text in cases:
        data = text.encode()
        whole = mask(data, {"key": key.encode()})
        for size in (8, 12, 20):
            assert not any(
                key[at : at + size].encode() in whole for at in range(len(key) - size + 1)
            )
        for cut in range(1, len(data)):
            assert in_pieces(Masker({"key": key.encode()}), data, [cut]) == whole
            assert in_pieces(late, much + data, [len(much) + cut]) == much + whole
        assert in_pieces(Masker({"key": key.encode()}), data, [1] * len(data)) == whole


SIGNS_OF_KEYS = sorted({*KEY.decode(), *base64.b64encode(KEY).decode()} - {"="})


@pytest.mark.parametrize("known", [8, 9, 12, 15, 20, 23])
@pytest.mark.parametrize(
    "shown", ["%s...", "...%s", "%s…", "'%s'+9", "no %s\n", "no\n%s\n", "%s", "a %s"]
)
def test_a_guess_of_the_next_character_tells_nothing(known: int, shown: str) -> None:
    """Neither by what is masked, nor by what is written at once: who calls sees both."""
    for secret in (KEY, base64.b64encode(KEY)):
        text = secret.decode()
        outcomes = set()
        for sign in SIGNS_OF_KEYS:
            at_end = shown.startswith("...")
            guess = sign + text[-known:] if at_end else text[:known] + sign
            right = guess in text
            masker, writes = Masker({"key": KEY}), list[bytes]()
            masker.write([(shown % guess).encode()], writes.append)
            now = b"".join(writes)
            whole = now + masker.finish()
            outcomes.add((now.replace(guess.encode(), b"?"), whole.replace(guess.encode(), b"?")))
            assert right or len(guess) == known + 1
        # every eighth byte, and the first ones of a line without its end, are told apart
        assert len(outcomes) == 1 or (known + 1) % 8 == 0


# --- the streams of a real Python, against the plain ones of the same Python


INSTALL = f"""
import sys, types; profiled = sys.setprofile
# nothing but masking itself
for name in "credhelper", "credhelper.commands", "credhelper.commands.run":
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [{str(SOURCE)!r} + "/" + name.replace(".", "/")]
from credhelper.commands.run import masking
maskers = masking.install({{"key": {KEY!r}}})
del name, package
"""
PLAIN = "import sys" + "\n" * INSTALL.count("\n")  # the lines have the same numbers

# buffers as Python 3.14 has them: in place of "import sys" with "-X large"
LARGE = """\
import io, sys
for name in filter(sys.__dict__.get, ("stdout", "stderr")):
    old = getattr(sys, name)
    file = io.FileIO(old.fileno(), "wb", closefd=False)
    file.name = old.name
    new = io.TextIOWrapper(
        io.BufferedWriter(file, 1 << 17), old.encoding, old.errors, newline="\\n",
        line_buffering=old.line_buffering, write_through=old.write_through,
    )
    new.mode = "w"
    setattr(sys, name, new)
    setattr(sys, f"__{name}__", new)
del file, name, new, old
"""
LARGELY = "masking._buffer_size = dict.fromkeys((1, 2), 1 << 17).get"


def start(script: str, masked: bool, *options: str, **streams: Any) -> subprocess.Popen[bytes]:
    """A child Python that runs ``script``, in which KEY stands for the value."""
    install, plain = INSTALL, PLAIN
    if "large" in options and sys.version_info < (3, 14):
        install = INSTALL.replace("maskers =", f"{LARGELY}; maskers =")
        plain = f"exec({LARGE!r})" + PLAIN.removeprefix("import sys")
    program = f"{install if masked else plain}\nKEY = {KEY.decode()!r}\n{script}"
    environment = {
        name: value
        for name, value in os.environ.items()
        if masked or not name.startswith("COVERAGE_")
    }
    command = [sys.executable, "-I", *options, "-c", program]
    return subprocess.Popen(command, env=environment, **streams)


def run(script: str, masked: bool = True, *options: str) -> tuple[int, bytes, bytes]:
    """The exit code of ``script``, and what it wrote to pipes."""
    pipe = subprocess.PIPE
    with start(script, masked, *options, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            out, err = child.communicate(b"from stdin\n", timeout=120)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
    return child.returncode, out, err


def on_terminal(script: str, masked: bool, *options: str, answers: Mapping[bytes, bytes]) -> bytes:
    """What ``script`` shows on a terminal on which each prompt is answered when it appears."""
    ours, theirs = os.openpty()
    modes = termios.tcgetattr(theirs)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    with start(script, masked, *options, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        shown, waiting = b"", dict(answers)
        while True:
            if not select.select([ours], [], [], 20)[0]:
                child.kill()
                pytest.fail(f"it waits after {shown!r}")
            try:
                shown += os.read(ours, 4096)
            except OSError:  # EIO: no one has the terminal open any more
                break
            for prompt in [prompt for prompt in waiting if shown.endswith(prompt)]:
                os.write(ours, waiting.pop(prompt))
        child.wait(30)
    os.close(ours)
    assert not waiting, shown
    return shown


DESCRIPTION = """
import io
for stream in sys.stdout, sys.stderr:
    for one in stream, stream.buffer:
        print(*(getattr(one, name)() for name in (
            "isatty", "fileno", "seekable", "readable", "writable")), one.name, one.mode)
    print(stream.closed, stream.buffer.closed)
    print(stream.encoding, stream.errors, stream.newlines, stream.line_buffering,
        stream.write_through, isinstance(stream.buffer, io.BufferedWriter), repr(stream))
    raw = getattr(stream.buffer, "raw", stream.buffer)
    print(raw.isatty(), raw.fileno(), raw.name, raw.mode, raw.closefd, isinstance(raw, io.FileIO))
    print(stream is getattr(sys, f"__{stream.name[1:-1]}__"), isinstance(stream, io.TextIOWrapper))
"""

# "|" goes to the descriptor itself: what stands before it had been written by then
VISIBLE = """
import os, warnings, logging
mark = lambda: os.write(1, b"|")
print("no newline", end=""); mark()
print(" flushed", end="", flush=True); mark()
print("newline"); mark()
for step in range(3):
    print(f"\\r{step} %", end="", flush=True); mark()
sys.stdout.write("\\r"); mark()
sys.stdout.writelines(["a\\n", "b", "c\\n"]); mark()
sys.stdout.buffer.write(b"binary\\n"); mark()
sys.stdout.buffer.write(bytearray(b"array")); mark()
print("text after binary"); mark()
sys.stdout.flush(); mark()
print("x" * 3000, end=""); mark()
print("y" * 3000, end=""); mark()
print("-" * 20000, end=""); mark()
sys.stdout.reconfigure(line_buffering=True)
print("reconfigured\\nno newline", end=""); mark()
sys.stdout.reconfigure(write_through=True)
print("through", end=""); mark()
sys.stdout.reconfigure(encoding="latin-1", errors="replace", newline="\\r\\n")
print("\\xe4\\u20ac"); mark()
getattr(sys.stdout.buffer, "raw", sys.stdout.buffer).write(b"raw"); mark()
print(sys.stdout.tell() if sys.stdout.seekable() else "no place"); mark()
try:
    sys.stdout.write(b"bytes")
except TypeError as error:
    print(error); mark()
try:
    sys.stdout.buffer.write("text")
except TypeError as error:
    print(error); mark()
"""
ERRORS = """
import os, warnings, logging
mark = lambda: os.write(2, b"|")
print("no newline", end="", file=sys.stderr); mark()
print("newline", file=sys.stderr); mark()
sys.stderr.write("\\ud800\\n"); mark()
warnings.warn("warned", stacklevel=1); mark()
logging.error("logged"); mark()
"""
SCRIPTS = {"description": DESCRIPTION, "what is visible": VISIBLE, "errors": ERRORS}
OPTIONS = pytest.mark.parametrize(
    "options", [(), ("-u",), ("-X", "large")], ids=["buffered", "unbuffered", "large"]
)


@OPTIONS
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_streams_are_those_of_python_on_pipes(script: str, options: tuple[str, ...]) -> None:
    plain = run(script, False, *options)
    assert plain[0] == 0
    assert run(script, True, *options) == plain


@OPTIONS
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_streams_are_those_of_python_on_a_terminal(
    script: str, options: tuple[str, ...]
) -> None:
    plain = on_terminal(script, False, *options, answers={})
    assert plain
    assert on_terminal(script, True, *options, answers={}) == plain


@pytest.mark.unmeasured
@OPTIONS
@pytest.mark.parametrize(
    ("script", "answers"),
    [
        ("print('got', input('name? '))", {b"name? ": b"bob\n"}),
        ("import readline; print('got', input('name? '))", {b"name? ": b"bob\n"}),
        ("print('name?'); print('got', input())", {b"name?\r\n": b"bob\n"}),
        ("print('name? ', end='', flush=True); print(input())", {b"name? ": b"bob\n"}),
        ("sys.stdout.write('name? '); sys.stdout.flush(); print(sys.stdin.readline())",
         {b"name? ": b"bob\n"}),
        ("sys.stderr.write('name? '); sys.stderr.flush(); print(input())", {b"name? ": b"bob\n"}),
        ("import getpass; print(getpass.getpass('password: ', sys.stdout))",
         {b"password: ": b"pw\n"}),
        ("print(f'{KEY} ok? ', end='', flush=True); print(input(), KEY)", {b" ok? ": b"y\n"}),
        ("print('what is', end=' s', flush=True); print(input())", {b" s": b"1\n"}),
        ("print(end='sk_live', flush=True); print(input(), KEY)", {b"sk_live": b"s\n"}),
        ("import code; code.interact('', exitmsg='')",
         {b">>> ": b"1 + 1\n", b"2\r\n>>> ": b"raise SystemExit(3)\n"}),
    ],
)  # fmt: skip
def test_prompts_appear_before_the_answer(
    script: str, answers: dict[bytes, bytes], options: tuple[str, ...]
) -> None:
    plain = on_terminal(script, False, *options, answers=answers)
    masked = on_terminal(script, True, *options, answers=answers)
    assert masked == plain.replace(KEY, b"[credential key]")


@OPTIONS
def test_a_value_that_is_typed_slowly_is_masked(options: tuple[str, ...]) -> None:
    script = """
import time
for place, sign in enumerate(f"<{KEY}><{KEY[:4]}"):
    print(sign, end="", flush=True)
    if place < 12:
        time.sleep(0.06)
print(input("done"))
"""
    shown = on_terminal(script, True, *options, answers={b"done": b"x\n"})
    assert re.fullmatch(
        rb"<s?k?_?l?i?v?e?\[credential key\]><sk_lx\r\n", shown.replace(b"done", b"")
    )


PART = KEY[:20].decode()
ENDINGS = {
    "end": "print('part', PART, end='')",
    "exit": "print('part', PART, end=''); sys.exit(3)",
    "exit with a message": "print('part', PART, end=''); sys.exit('the key is ' + PART)",
    "exception": "print('part', PART, end=''); raise ValueError(KEY)",
    "interrupt": "print('part', PART, end=''); raise KeyboardInterrupt",
    "atexit": "import atexit; atexit.register(print, 'x', KEY); print(KEY, PART, end='')",
    "atexit goes on": "import atexit; atexit.register(print, KEY[20:]); print(PART, end='')",
    "_exit": "import os; print(KEY, PART, end='!\\n', flush=True); os._exit(4)",
    "closed": "print('part', PART, end=''); sys.stdout.close()",
    "closed twice": "print(KEY); sys.stdout.close(); sys.stdout.close(); print('x')",
    "none": "print('part', PART, end=''); sys.stdout = None; print('x')",
    "redirected": "import io; print('part', PART, end=''); sys.stdout = io.StringIO(); print('x')",
    "context": "import contextlib, io\nprint(PART, end='')\n"
    "with contextlib.redirect_stdout(io.StringIO()) as file: print(KEY)\n"
    "print('', file.getvalue() == KEY + '\\n')",
    "same buffer": "import io; print('part', PART, end='')\n"
    "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8'); print(KEY, PART, end='')",
    "detached": "import io; print('part', PART, end='')\n"
    "sys.stdout = io.TextIOWrapper(sys.stdout.detach()); print(KEY, PART, end='')",
    "codecs": "import codecs; print(PART, end='')\n"
    "sys.stdout = codecs.getwriter('utf-8')(sys.stdout.detach()); print('', KEY, PART, end='')",
    "raw": "raw = sys.stdout.detach(); raw = raw.detach() if hasattr(raw, 'detach') else raw\n"
    "raw.write(KEY.encode()); raw.write(PART.encode()); sys.stdout = None",
    "finalizer": "class Last:\n    def __del__(self): print(KEY, PART, end='')\nlast = Last()",
    "finalizer's error": "class Last:\n    def __del__(self): raise ValueError(KEY)\nlast = Last()",
    "daemon thread": "import threading, time\nprint(PART, end='')\n"
    "def wait(out): time.sleep(60)\n"
    "threading.Thread(target=wait, args=(sys.stdout,), daemon=True).start()",
    "thread": "import threading\nprint(PART, end='')\n"
    "threading.Thread(target=lambda: print('', KEY)).start()",
    "stderr": "sys.stderr.write(KEY + PART)",
    "closed stdin": "sys.stdin.close(); print(KEY)",
    "two streams": "print('out', PART, end=''); print('err', KEY[20:], file=sys.stderr)",
    "no output": "pass",
}  # fmt: skip


@pytest.mark.unmeasured
@OPTIONS
@pytest.mark.parametrize("script", ENDINGS.values(), ids=ENDINGS)
def test_nothing_is_lost_or_shown_when_python_ends(script: str, options: tuple[str, ...]) -> None:
    script = f"PART = {PART!r}\n{script}"
    code, out, err = run(script, False, *options)
    out, err = (data.replace(KEY, b"[credential key]") for data in (out, err))
    masked = run(script, True, *options)
    assert masked[:2] == (code, out)
    addresses = re.compile(rb"0x[0-9a-f]+")
    assert addresses.sub(b"", masked[2]) == addresses.sub(b"", err)


@pytest.mark.unmeasured
@OPTIONS
@pytest.mark.parametrize(
    "script",
    [
        "print('x', PART)",
        "print('x' * 100000)",
        "[print('line', number) for number in range(100000)]",
        "print('x', flush=True)",
        "try:\n    print('x' * 9999, flush=True)\nexcept OSError as error: sys.exit(repr(error))",
        "sys.stderr.write('err'); print('x'); sys.exit(3)",
    ],
)
@pytest.mark.parametrize("where", ["broken pipe", "full disk"])
def test_what_cannot_be_written(script: str, where: str, options: tuple[str, ...]) -> None:
    def outcome(masked: bool) -> tuple[int, bytes]:
        if where == "full disk":
            out = os.open("/dev/full", os.O_WRONLY)
        else:
            reader, out = os.pipe()
            os.close(reader)
        program = f"PART = {PART!r}\n{PRUNE if masked else ''}\n{script}"
        with start(program, masked, *options, stdout=out, stderr=subprocess.PIPE) as child:
            os.close(out)
            err = child.communicate(timeout=120)[1]
        return child.returncode, err

    assert outcome(True) == outcome(False)


# as the runner does; the exception of a stream that Python flushes at the end passes no frame
PRUNE = "sys.excepthook = lambda *a: (masking.prune(a[2]), sys.__excepthook__(*a))"


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_closed_descriptors(closed: tuple[int, ...]) -> None:
    script = "import os; print(KEY, 'out'); print(KEY, 'err', file=sys.stderr); sys.exit(3)"

    def outcome(masked: bool) -> tuple[int, bytes, bytes]:
        prologue = "import os, sys\n" + "".join(f"os.close({number})\n" for number in closed)
        program = f"{INSTALL if masked else PLAIN}\nKEY = {KEY.decode()!r}\n{script}"
        command = f"{prologue}os.execv(sys.executable, [sys.executable, '-I', '-c', {program!r}])"
        child = subprocess.run([sys.executable, "-c", command], capture_output=True, timeout=120)
        return child.returncode, child.stdout, child.stderr

    code, out, err = outcome(False)
    label = b"[credential key]"
    assert outcome(True) == (code, out.replace(KEY, label), err.replace(KEY, label))


@OPTIONS
def test_places_in_a_file(options: tuple[str, ...], tmp_path: Path) -> None:
    script = f"""
PART = {PART!r}
print("0123456789", end=""); place = sys.stdout.tell()
print("a" * 50000); far = sys.stdout.tell()
print("x", PART, end=""); sys.stdout.seek(3); print(PART, end="")
sys.stdout.flush(); sys.stdout.truncate(20000); sys.stdout.seek(0, 2)
print(PART, end=""); sys.stdout.truncate()
print(place, far, sys.stdout.tell())
"""
    files = [tmp_path / "plain", tmp_path / "masked"]
    for masked, file in enumerate(files):
        with file.open("wb") as out, start(script, bool(masked), *options, stdout=out) as child:
            assert child.wait(30) == 0
    assert files[0].read_bytes() == files[1].read_bytes()


ENCODED = {
    "reconfigure": "sys.stdout.reconfigure(encoding={0!r}); print('<' + KEY + '>', end='')",
    "wrapper": "import io; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, {0!r})\n"
    "print('<' + KEY + '>', end='')",
    "in turn": "print(KEY, end='', flush=True)\nfor _ in 1, 2:\n"
    "    sys.stdout.reconfigure(encoding={0!r}); print('<' + KEY + '>', end='', flush=True)\n"
    "    sys.stdout.reconfigure(encoding='utf-8'); print(KEY, end='', flush=True)",
    # in this one alone, once Python has emptied the modules of other codecs
    "finalizer": "sys.stdout.reconfigure(encoding='utf-16')\nclass Last:\n"
    "    def __del__(self): print('<' + KEY + '>', end='')\nlast = Last()",
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("encoding", ["utf-32", "cp037"])
@pytest.mark.parametrize("script", ENCODED.values(), ids=ENCODED)
def test_a_stream_may_change_its_encoding(script: str, encoding: str) -> None:
    plain = run(script.format(encoding), False)
    masked = run(script.format(encoding), True)
    for written_in in ("utf-8", "utf-16", encoding):
        value, label = (f"\n{v}".encode(written_in) for v in (KEY.decode(), "[credential key]"))
        start = len("\n".encode(written_in))
        plain = (plain[0], plain[1].replace(value[start:], label[start:]), plain[2])
    assert masked == plain


@OPTIONS
def test_after_a_fork_nothing_comes_twice(options: tuple[str, ...]) -> None:
    script = """
import os
print("before", KEY[:20], end="", flush=True)
if not (child := os.fork()):
    print("child", KEY, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(KEY[20:], "parent")
"""
    told = b"before child [credential key]\n[credential key] parent\n"
    assert run(script, True, *options)[:2] == (0, told)


@OPTIONS
def test_after_a_fork_both_write_what_python_buffers(options: tuple[str, ...]) -> None:
    script = "import os; print('x', end=''); os.fork() and os.wait(); print('y', end='')"
    plain = run(script, False, *options)
    assert run(script, True, *options) == plain
    assert plain[1] in (b"xyxy", b"xyy")


@OPTIONS
def test_threads_write_whole_lines(options: tuple[str, ...]) -> None:
    script = """
import threading
sys.setswitchinterval(1e-5)
def work(number):
    for line in range(300):
        sys.stdout.write(f"{number} {line} {KEY} end\\n")
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    code, out, _ = run(script, True, *options)
    assert code == 0
    expected = [b"%d %d [credential key] end" % (n, line) for n in range(6) for line in range(300)]
    assert sorted(out.splitlines()) == sorted(expected)


@OPTIONS
def test_values_added_by_threads(options: tuple[str, ...]) -> None:
    script = """
import threading
def work(number):
    key = f"{number}-added-{number}"
    maskers[0].add(f"key_{number}", key.encode())
    for _ in range(50):
        sys.stdout.write(f"{key}\\n")
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    out = run(script, True, *options)[1]
    assert sorted(out.splitlines()) == sorted([b"[credential key_%d]" % n for n in range(6)] * 50)


@pytest.mark.unmeasured  # an exception in its own code would leave its lock taken for good
@OPTIONS
@pytest.mark.parametrize("action", ["raise Alarm", "print('handler', KEY)"])
def test_signal_handlers(action: str, options: tuple[str, ...]) -> None:
    count = 4000 if options else 20000  # as many signals: each write is a system call, or not
    script = f"""
import signal
class Alarm(Exception): pass
def handler(*_):
    if writing: {action}
writing = False
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for number in range({count}):
    try:
        writing = True
        sys.stdout.write(f"line {{number}} {{KEY}}\\n")
        writing = False
    except Alarm:
        writing = False
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    code, out, err = run(script, True, *options)
    assert (code, err) == (0, b"")
    assert KEY[:8] not in out
    assert KEY[-8:] not in out
    lines = [line for line in out.split(b"\n") if line.startswith(b"line")]
    whole = [line for line in lines if re.fullmatch(rb"line \d+ \[credential key\]", line)]
    numbers = [int(line.split()[1]) for line in whole]
    assert numbers == sorted(set(numbers))  # none doubled or out of order
    # a handler that raises while a full pipe takes a part tears lines of Python's own streams too
    if "raise" not in action:
        assert (len(numbers), whole) == (count, lines)


@OPTIONS
def test_a_write_as_another_one_begins(options: tuple[str, ...]) -> None:
    # the profiler gets in where a signal handler or another thread rarely does
    script = """
def profile(frame, event, _):
    if event == "call" and frame.f_code.co_name == "write":
        profiled(None)
        sys.stdout.write("nested\\n")
profiled(profile)
for number in range(500):
    sys.stdout.write(f"line {number} {KEY}\\n")
"""
    code, out, err = run(script, True, *options)
    lines = [b"line %d [credential key]" % number for number in range(500)]
    assert (code, err) == (0, b"")
    assert [line for line in out.splitlines() if line != b"nested"] == lines
    assert out.count(b"nested\n") == 1


@OPTIONS
def test_a_descriptor_that_does_not_block(options: tuple[str, ...]) -> None:
    script = """
import os
has = lambda number: b"nothing" if number < 15000 else KEY.encode()
data = b"".join(b"%d %b line\\n" % (number, has(number)) for number in range(20000))
while data:
    try:
        count = sys.stdout.buffer.write(data[:50000])
    except BlockingIOError as error:
        count = error.characters_written
        os.write(2, b"x")
    if not count:
        os.write(2, b"x")
    data = data[count or 0:]
os.set_blocking(1, True)
"""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with start(script, True, *options, stdout=writer, stderr=subprocess.PIPE) as child:
        os.close(writer)
        assert child.stderr
        full = child.stderr.read(1)  # the pipe is full: from now on it is read
        drain = threading.Thread(target=child.stderr.read)
        drain.start()
        with open(reader, "rb") as file:
            out = file.read()
        drain.join()
    assert (child.returncode, full) == (0, b"x")
    lines = [b"%d nothing line" % number for number in range(15000)]
    lines += [b"%d [credential key] line" % number for number in range(15000, 20000)]
    assert out.splitlines() == lines


@pytest.mark.parametrize("options", [(), ("-X", "large")], ids=["buffered", "large"])
def test_a_full_descriptor_that_does_not_block_is_an_error(options: tuple[str, ...]) -> None:
    script = """
import os
try:
    print("x" * 10**6, flush=True)
except BlockingIOError as error:
    print(error, file=sys.stderr)
os._exit(0)
"""

    def outcome(masked: bool) -> bytes:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with start(script, masked, *options, stdout=writer, stderr=subprocess.PIPE) as child:
            os.close(writer)
            err = child.communicate(timeout=120)[1]
        os.close(reader)
        return err

    assert outcome(True) == outcome(False) != b""


def test_nothing_slow_is_imported() -> None:
    script = "print(*sorted(name for name in sys.modules if name not in before))"
    program = f"import sys; before = set(sys.modules)\n{INSTALL}\n{script}"
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, timeout=30
    )
    assert set(child.stdout.decode().split()) <= {
        *("__future__", "_bisect", "atexit", "binascii", "itertools", "types"),
        *("credhelper", "credhelper.commands", "credhelper.commands.run", masking.__name__),
        *(f"credhelper.commands.{name}" for name in ("literals", "ordinary", "parts")),
        *(f"credhelper.commands.{name}" for name in ("escapers", "spellings")),
        *(f"{masking.__name__}.{name}" for name in ("forms", "gaps", "masker", "openings")),
        *(f"{masking.__name__}.{name}" for name in ("shortened", "tracers", "vocabulary")),
        f"{masking.__name__}.nested_writes",
        # what Python has anyway, from 3.14 on only where it is asked for
        *("io", "abc", "_abc", "errno", "_types"),
        # what Python has anyway where it loads its site
        *(
            "os",
            "stat",
            "_stat",
            "os.path",
            "posixpath",
            "genericpath",
            "_collections_abc",
            "_sitebuiltins",
        ),
    }

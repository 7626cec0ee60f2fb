# SPDX-License-Identifier: MIT
"""Any value comes back, any name is refused or works: hypothesis with the real systemd-creds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import credhelper
from credhelper import loading
from credhelper.commands import installing, sealing
from credhelper.commands.cli import storing
from credhelper.commands.cli.binding import Bound
from credhelper.name import CredentialName
from tests.real.conftest import STORE, SYSTEMD_CREDS, Runs

MOST: Final = 64 << 10
# each example sweeps up after itself
ROOMY: Final = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# hypothesis alone rarely makes large values: a short pattern, repeated
VALUES: Final = st.binary(min_size=1, max_size=300) | st.builds(
    lambda pattern, size: (pattern * (size // len(pattern) + 1))[:size],
    st.binary(min_size=1, max_size=32),
    st.integers(1, MOST),
)


def store(name: str, value: bytes) -> None:
    storing.put([storing.Item(CredentialName(name), value, Bound(), "add")])


@given(st.lists(VALUES, min_size=1, max_size=6))
@example([b"\n", b"\0", b"\r\n", b" ", b"x" * MOST])
@ROOMY
def test_any_bytes_come_back_through_the_library(values: list[bytes]) -> None:
    for n, value in enumerate(values):
        store(f"key_{n}", value)
    loading.forget()
    names = [f"key_{n}" for n in range(len(values))]
    credhelper.preload(names)
    assert [credhelper.load_bytes(name) for name in names] == values
    for name in names:
        installing.remove(name)


@given(VALUES)
@example(b"\n")
@example(b"x" * MOST)
@settings(ROOMY, max_examples=25)
def test_any_bytes_come_back_through_the_command(credhelper: Runs, value: bytes) -> None:
    finished = credhelper("add", "my_api_key", "--exact", input=value)
    assert (finished.status, finished.err) == (0, "")
    loading.forget()
    assert loading.load_bytes("my_api_key") == value
    (STORE / "my_api_key").unlink()


NAMES: Final = (
    st.text(min_size=1, max_size=12)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=260)
    | st.text("ab._-@", min_size=1, max_size=255)
)


@given(NAMES)
@example("a" * 255)
@example("a.service")
@example("@")
@example("a..b")
@ROOMY
def test_any_name_is_refused_or_works(name: str) -> None:
    try:
        CredentialName(name)
    except credhelper.InvalidName:
        return
    store(name, b"value")
    loading.forget()
    assert credhelper.load(name) == "value"
    assert (STORE / name).read_bytes()
    installing.remove(name)


@given(NAMES.filter(lambda name: "\0" not in name))
@example("a" * 256)
@example("a/b")
@example("a:b")
@example("..")
@example("ü")
@ROOMY
def test_what_systemd_refuses_is_refused_here(name: str) -> None:
    finished = subprocess.run(
        [SYSTEMD_CREDS, "encrypt", f"--name={name}", "-", "-"],
        input=b"x",
        capture_output=True,
        check=False,
    )
    if finished.returncode:
        with pytest.raises(credhelper.InvalidName):
            CredentialName(name)


@given(st.binary(max_size=400), st.integers(0, 200), st.binary(max_size=8))
@ROOMY
def test_no_file_in_the_store_does_worse_than_failing(
    sealed: Callable[..., Path], data: bytes, at: int, inserted: bytes
) -> None:
    path = STORE / "my_api_key"
    blob = path.read_bytes() if path.exists() else sealed("my_api_key", "value").read_bytes()
    for damaged in (data, blob[:at] + inserted + blob[at:], blob[:at] + inserted):
        try:
            assert sealing.unseal("my_api_key", damaged) == b"value"
        except credhelper.CredentialError as error:
            assert error.problem.isprintable()
            assert error.hint

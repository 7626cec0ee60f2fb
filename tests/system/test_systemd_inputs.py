# SPDX-License-Identifier: MIT
"""What systemd-creds takes, credhelper takes, and finds what a unit would: 252, 257 and 262."""

from __future__ import annotations

import pytest

from tests.machines.fixtures import EVERY_SYSTEMD
from tests.machines.machine import Machine
from tests.system import library

pytestmark = pytest.mark.parametrize("booted", EVERY_SYSTEMD, indirect=True)

SYSTEMD_CREDS = "/usr/bin/systemd-creds"
CREDHELPER = "/usr/bin/credhelper"
STORE = "/etc/credstore.encrypted"
# in systemd.exec(5)'s order
SEARCHED = (
    STORE,
    "/run/credstore.encrypted",
    "/usr/local/lib/credstore.encrypted",
    "/usr/lib/credstore.encrypted",
)
NAMES = (
    "a",
    "A",
    "0",
    "_",
    "-",
    "my_api_key",
    "my-api-key",
    "tls.key",
    "a+b",
    "a@b",
    "a=b",
    "a,b",
    "~",
    "a b",
    ".hidden",
    "..a",
    "100%",
    "$HOME",
    "a'b",
    'a"b',
    "a\\b",
    "#a",
    "x" * 100,
    "x" * 255,
)
NOT_NAMES = ("..", "x" * 256, "a:b", "\N{LATIN SMALL LETTER E WITH ACUTE}", "a\tb", "a\x7fb")


def sealed(machine: Machine, name: str, value: bytes, *options: str) -> bytes | None:
    """What systemd-creds makes of it; None where it refuses."""
    argv = [SYSTEMD_CREDS, "encrypt", f"--name={name}", *options, "-", "-"]
    done = machine.run(argv, input=value)
    return done.stdout.encode() if done.returncode == 0 else None


def keep(machine: Machine, name: str, blob: bytes, directory: str = STORE) -> None:
    machine.run(["/usr/bin/install", "-d", "-m", "0700", directory], check=True)
    machine.write(f"{directory}/{name}", blob, mode=0o600)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_systemd_takes_is_loaded(machine: Machine, name: str) -> None:
    blob = sealed(machine, name, b"value", "--with-key=host")
    assert blob, f"systemd-creds refuses {name!r}"
    keep(machine, name, blob)
    loaded = library.load(machine, name)
    assert loaded.value == b"value", (loaded.problem, loaded.hint)


@pytest.mark.parametrize("name", NOT_NAMES)
def test_a_name_that_systemd_refuses_is_refused(machine: Machine, name: str) -> None:
    assert sealed(machine, name, b"value", "--with-key=host") is None
    added = machine.run([CREDHELPER, "add", "--with-key=host", "--", name], input="value")
    assert added.returncode == 2
    assert "Traceback" not in added.stderr


@pytest.mark.parametrize("size", [0, 1, 16, 4095, 4096, 4097, 65536, 870_000])
def test_a_size_that_systemd_takes_is_loaded(machine: Machine, size: int) -> None:
    value = bytes(n % 251 for n in range(size))
    blob = sealed(machine, "sized", value, "--with-key=host")
    assert blob
    keep(machine, "sized", blob)
    assert library.load(machine, "sized").value == value


@pytest.mark.parametrize("width", [1, 40, 69, 76, 100_000])
def test_lines_of_any_width_are_read(machine: Machine, width: int) -> None:
    """systemd skips white space in the text, wherever it is."""
    blob = sealed(machine, "folded", b"value", "--with-key=host")
    assert blob
    text = b"".join(blob.split())
    lines = [text[n : n + width] for n in range(0, len(text), width)]
    keep(machine, "folded", b"\n".join(lines) + b"\n")
    argv = [SYSTEMD_CREDS, "decrypt", f"{STORE}/folded", "-"]
    assert machine.run(argv, check=True).stdout == "value"
    assert library.load(machine, "folded").value == b"value"


@pytest.mark.parametrize("key", ["host", "auto"])
def test_each_key_is_shown_as_systemd_made_it(machine: Machine, key: str) -> None:
    blob = sealed(machine, "keyed", b"value", f"--with-key={key}")
    assert blob
    keep(machine, "keyed", blob)
    assert library.load(machine, "keyed").value == b"value"
    [line] = [
        line for line in machine.run([CREDHELPER, "list"]).stdout.splitlines() if "keyed" in line
    ]
    assert " host " in line


def test_the_null_key_is_refused(machine: Machine) -> None:
    null = sealed(machine, "empty", b"value", "--with-key=null") or sealed(
        machine, "empty", b"value", "--with-key=tpm2-absent"
    )
    assert null
    keep(machine, "empty", null)
    assert library.load(machine, "empty").error == "NullKeyRefused"


def test_the_first_directory_in_systemds_order_is_taken(machine: Machine) -> None:
    for directory in SEARCHED:
        blob = sealed(machine, "ordered", directory.encode(), "--with-key=host")
        assert blob
        keep(machine, "ordered", blob, directory)
    for directory in SEARCHED:
        assert library.load(machine, "ordered").value == directory.encode()
        machine.run(["/usr/bin/rm", f"{directory}/ordered"], check=True)
    assert library.load(machine, "ordered").error == "CredentialNotFound"


def test_what_is_sealed_for_a_user_is_no_ones_else(machine: Machine) -> None:
    if int(machine.systemd) < 256:
        assert sealed(machine, "scoped", b"value", "--uid=alice") is None  # it knows no scopes
        return
    blob = sealed(machine, "scoped", b"value", "--uid=alice", "--with-key=host")
    assert blob
    keep(machine, "scoped", blob)
    refused = library.load(machine, "scoped")
    assert refused.error
    assert not refused.value

# SPDX-License-Identifier: MIT
"""``credhelper list``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real import tracing
from tests.real.conftest import OTHER_STORES, STORE, SYSTEMD_CREDS, Runs, launcher


@pytest.mark.usefixtures("nothing_written")
def test_nothing_there(credhelper: Runs) -> None:
    finished = credhelper("list")
    assert (finished.status, finished.out) == (0, "")
    assert finished.err == (
        "credhelper: note: there are no credentials\n"
        "credhelper: hint: add one: sudo credhelper add my_api_key\n"
    )
    said = json.loads(credhelper("list", "--json").out)
    assert said == {"format": 1, "verb": "list", "credentials": []}


def test_the_table(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    now = time.time()
    for name, age in (("b", 34 * 86400), ("a", 0)):
        path = sealed(name, "x")
        os.utime(path, (now - age, now - age))
    sealed("null_one", "x", "--with-key=null").chmod(0o644)
    assert credhelper("list").out.splitlines() == [
        "NAME      BOUND TO  ROTATED  LAST USED  PROBLEMS",
        "a         host         0min",
        "b         host          34d",
        "null_one  null         0min             may be read by others (mode 0644)",
    ]
    assert credhelper("list", "--names").out == "a\nb\nnull_one\n"


def problems(credhelper: Runs, *options: str) -> dict[str, list[str]]:
    finished = credhelper("list", "--json", *options)
    assert finished.status == 0, finished.err
    return {entry["name"]: entry["problems"] for entry in json.loads(finished.out)["credentials"]}


def test_what_is_wrong_with_files(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("fine", "x")
    os.chown(sealed("others", "x"), 1000, 0)
    sealed("writable", "x").chmod(0o620)
    sealed("readable", "x").chmod(0o640)
    sealed("empty", "x").write_bytes(b"")
    sealed("text", "x").write_bytes(b"sk-1234!")
    sealed("short", "x").write_bytes(b"AAAA")
    sealed("large", "x").write_bytes(bytes(1_179_649))
    (STORE / "link").symlink_to("fine")
    os.mkfifo(STORE / "fifo")
    (STORE / "directory").mkdir()
    (STORE / "fine").rename(STORE / "with space.cred")
    (STORE / "it's").write_bytes((STORE / "with space.cred").read_bytes())
    (STORE / "it's").chmod(0o600)
    (STORE / ".hidden").touch()
    assert problems(credhelper) == {
        "others": ["belongs to user id 1000, not to root"],
        "writable": ["may be written by others (mode 0620)"],
        "readable": ["may be read by others (mode 0640)"],
        "empty": ["is empty"],
        "text": ["is not base64, as a sealed credential is"],
        "short": ["is too short for a sealed credential"],
        "large": ["is larger than any credential"],
        "link": ["is a symbolic link"],
        "fifo": ["is not a regular file"],
        "directory": ["is not a regular file"],
        "with space.cred": ["holds ' '"],
        ".hidden": ["begins with '.'", "may be read by others (mode 0644)", "is empty"],
        "it's": ['holds "\'"'],
    }


def test_json(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "x")
    os.utime(path, (1767225600, 1767225600))
    (entry,) = json.loads(credhelper("list", "--json").out)["credentials"]
    assert entry == {
        "name": "my_api_key",
        "path": "/etc/credstore.encrypted/my_api_key",
        "bound_to": "host",
        "size": path.stat().st_size,
        "modified": "2026-01-01T00:00:00+00:00",
        "mode": "0600",
        "uid": 0,
        "gid": 0,
        "problems": [],
        "replaced_values": 0,
    }


def test_verify_shows_when_each_expires(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("always", "x")
    sealed("some_time", "x", "--not-after=2039-02-03 04:05 UTC")
    finished = credhelper("list", "--verify")
    assert finished.out.splitlines() == [
        "NAME       BOUND TO  EXPIRES     ROTATED  LAST USED  PROBLEMS",
        "always     host      never          0min",
        "some_time  host      2039-02-03     0min",
    ]
    assert finished.err == "credhelper: note: verified: 2 of 2 unseal\n"
    always, some_time = json.loads(credhelper("list", "--verify", "--json").out)["credentials"]
    assert "expires" not in always
    assert some_time["expires"] == "2039-02-03T04:05:00+00:00"


def test_the_first_directory_of_the_search_path_wins(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    blob = sealed("everywhere", "x").read_bytes()
    for directory in OTHER_STORES:
        directory.mkdir(0o755)
        for name in ("everywhere", directory.parent.name):
            (directory / name).write_bytes(blob)
            (directory / name).chmod(0o600)
    table = credhelper("list").out
    assert "everywhere  host" in table
    assert "in /run/credstore.encrypted" in table
    assert "in /usr/local/lib/credstore.encrypted" in table
    listed = json.loads(credhelper("list", "--json").out)["credentials"]
    paths = [entry["path"] for entry in listed]
    assert paths == [
        "/etc/credstore.encrypted/everywhere",
        "/usr/local/lib/credstore.encrypted/lib",
        "/run/credstore.encrypted/run",
    ]


def test_verify(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    good = sealed("good", "x").read_bytes()
    (STORE / "copied").write_bytes(good)
    (STORE / "copied").chmod(0o600)
    sealed("null_one", "x", "--with-key=null")
    sealed("bitten", "x").write_bytes(good[:-20] + b"AAAAAAAAAAAAAAAAAAA\n")
    subprocess.run(
        [
            *(SYSTEMD_CREDS, "encrypt", "--name=expired", "--timestamp=2020-01-01"),
            *("--not-after=2020-01-02", "-", str(STORE / "expired")),
        ],
        check=True,
        input=b"x",
        capture_output=True,
    )
    (STORE / "expired").chmod(0o600)
    (STORE / "empty").touch(0o600)
    assert credhelper("list").status == 0
    finished = credhelper("list", "--verify")
    assert finished.status == 1
    lines = {line.split()[0]: line for line in finished.out.splitlines()}
    assert lines["good"].rstrip().endswith("0min")
    assert lines["copied"].endswith("was sealed under another name")
    assert lines["expired"].endswith("has expired")
    assert lines["null_one"].endswith("is sealed with the null key, which protects nothing")
    assert "altered since" in lines["bitten"]
    assert lines["empty"].endswith("is empty")
    entries = json.loads(credhelper("list", "--verify", "--json").out)["credentials"]
    assert {entry["name"]: entry.get("unsealing", {}).get("error") for entry in entries} == {
        "good": None,
        "copied": "NameMismatch",
        "expired": "CredentialExpired",
        "null_one": "NullKeyRefused",
        "bitten": "WrongMachine",
        "empty": "DecryptionFailed",
    }


def test_verify_with_the_null_key_allowed(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("null_one", "x", "--with-key=null")
    assert credhelper("list", "--verify").status == 1
    assert credhelper("list", "--verify", "--allow-null").status == 0


def test_verify_fails_where_a_file_cannot_even_be_read(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("good", "x")
    (STORE / "link").symlink_to("good")
    assert credhelper("list", "--verify").status == 1


def test_on_a_terminal_it_fits(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("a" * 60, "x").chmod(0o666)
    finished = credhelper("list", tty=[], env={"COLUMNS": "80"})
    assert finished.status == 0
    plain = re.sub("\x1b\\[[0-9;]*m", "", finished.out)
    assert all(len(line) <= 80 for line in plain.splitlines())
    assert plain.count("a" * 20) >= 1


def test_an_early_end_of_the_reader_is_quiet(
    environment: dict[str, str], sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", "x")
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run(
        [*launcher("credhelper"), "list"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (1, b"")


def test_a_full_output_is_told(environment: dict[str, str], sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", "x")
    with open("/dev/full", "wb") as full:
        finished = subprocess.run(
            [*launcher("credhelper"), "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    assert finished.returncode == 1
    assert finished.stderr.startswith(
        b"credhelper: error: standard output: No space left on device\n"
    )
    assert finished.stderr.count(b"\n") == 2


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1", "nowhere.UTF-8"])
def test_names_that_the_locale_cannot_show(credhelper: Runs, locale: str) -> None:
    STORE.mkdir(0o700)
    for name in ("日本", "\udcff"):
        (STORE / name).touch(0o600)
    finished = credhelper("list", env={"LC_ALL": locale, "PYTHONIOENCODING": "ascii"})
    assert finished.status == 0, finished.err
    listed = json.loads(credhelper("list", "--json", env={"LC_ALL": locale}).out)
    assert len(listed["credentials"]) == 2


def test_a_directory_that_cannot_be_listed_is_told(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", "x")
    # the sweep lists it as well, and is not kept from its work by that
    failing = "--inject=getdents64:error=EIO:when=1+"
    before = [tracing.STRACE, "-P", str(STORE), "-o/dev/null", "--trace=getdents64", failing]
    finished = credhelper("list", before=before, measured=False)
    assert finished.status == 1
    assert finished.err.splitlines()[0] == (
        "credhelper: error: /etc/credstore.encrypted cannot be used: Input/output error"
    )

# SPDX-License-Identifier: MIT
"""``credhelper leaks`` beyond trees: replaced values, a given value, streams, the machine."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from credhelper.commands.leaks.findings import Place
from credhelper.commands.leaks.machine import AREAS, journal_hits
from credhelper.commands.leaks.matching import matcher
from tests.real.conftest import STORE, Runs

KEY = b"sk_live_0123456789abcdefghijklmn"
NEW = b"sk_live_zyxwvutsrqponmlkjihgfedc"
RETIRED = Path("/var/lib/credhelper/retired")


def test_a_replaced_value_is_searched_for_until_it_is_forgotten(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    (scratch / "file").write_bytes(KEY)
    assert credhelper("rotate", "my_api_key", input=NEW).status == 0
    (kept,) = RETIRED.iterdir()
    assert (RETIRED.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)
    assert not [path for path in STORE.iterdir() if path.name != "my_api_key"]
    found = credhelper("leaks", str(scratch))
    assert found.status == 1
    assert "my_api_key, replaced 20" in found.out
    assert "credhelper rotate" not in found.out
    listed = credhelper("list")
    assert "1 replaced value kept sealed" in listed.err
    (entry,) = json.loads(credhelper("list", "--json").stdout)["credentials"]
    assert entry["replaced_values"] == 1
    assert credhelper("leaks", "--forget", "my_api_key").status == 0
    assert credhelper("leaks", str(scratch)).status == 0
    assert credhelper("leaks", "--forget", "my_api_key").status == 1


def test_a_replaced_value_goes_with_time_with_the_credential_and_on_demand(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    assert credhelper("rotate", "my_api_key", "--forget", input=NEW).status == 0
    assert not RETIRED.exists() or not list(RETIRED.iterdir())
    assert credhelper("rotate", "my_api_key", input=KEY).status == 0
    (kept,) = RETIRED.iterdir()
    kept.rename(RETIRED / f"my_api_key:{int(time.time()) - 10 * 86400}")
    assert credhelper("leaks", "--max-age", "20", str(scratch)).status == 0
    assert list(RETIRED.iterdir())
    assert credhelper("leaks", "--max-age", "9", str(scratch)).status == 0
    assert not list(RETIRED.iterdir())
    assert credhelper("rotate", "my_api_key", input=NEW).status == 0
    assert credhelper("remove", "--yes", "my_api_key").status == 0
    assert not list(RETIRED.iterdir())


def test_what_put_and_import_replace_is_searched_for_too(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("first", KEY)
    sealed("second", KEY[::-1])
    assert credhelper("put", "first", "--stdin", input=KEY).status == 0
    assert not RETIRED.exists()
    assert credhelper("put", "first", "--stdin", input=NEW).status == 0
    (scratch / ".env").write_bytes(b"FIRST=" + NEW + b"\nSECOND=" + NEW[::-1] + b"\n")
    assert credhelper("import", str(scratch / ".env"), "--rotate").status == 0
    assert sorted(kept.name.partition(":")[0] for kept in RETIRED.iterdir()) == ["first", "second"]
    (scratch / ".env").write_bytes(KEY + b"\n" + KEY[::-1])
    found = credhelper("leaks", str(scratch))
    assert "first, replaced 20" in found.out
    assert "second, replaced 20" in found.out


def test_a_rotation_that_fails_keeps_nothing(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", KEY)
    finished = credhelper("rotate", "my_api_key", "--not-after", "2001-01-01", input=NEW)
    assert finished.status != 0
    assert not RETIRED.exists() or not list(RETIRED.iterdir())


def test_a_value_that_the_store_does_not_have(scratch: Path, credhelper: Runs) -> None:
    (scratch / "file").write_bytes(b"x\n" + KEY)
    finished = credhelper("leaks", "--value-from", "-", str(scratch / "file"), input=KEY + b"\n")
    assert finished.status == 1
    assert "value from standard input was found in 1 place" in finished.out
    assert KEY.decode() not in finished.out + finished.err
    (scratch / "value").write_bytes(NEW)
    finished = credhelper("leaks", "--value-from", str(scratch / "value"), str(scratch / "file"))
    assert finished.status == 0
    os.mkfifo(scratch / "pipe")
    Thread(target=(scratch / "pipe").write_bytes, args=(KEY,), daemon=True).start()
    finished = credhelper("leaks", "--value-from", str(scratch / "pipe"), str(scratch / "file"))
    assert finished.status == 1, finished.err
    assert credhelper("leaks", "--value-from", "-", "-", input=KEY).status == 2
    assert credhelper("leaks", "--value-from", "-", str(scratch), input=b"\n").status == 1


def test_standard_input_is_searched(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", KEY)
    finished = credhelper("leaks", "-", input=b"a\n" * 9 + KEY)
    assert finished.status == 1
    assert "  standard input:10  (working tree)" in finished.out
    assert credhelper("leaks", "-", input=gzip.compress(KEY)).status == 1
    assert credhelper("leaks", "-", input=b"nothing").status == 0


def test_the_areas_of_the_machine(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", KEY)
    key = KEY.decode()
    files = {
        "/var/log/secure": f"sudo: alice : COMMAND=/usr/bin/curl -H {key}",
        "/var/log/audit/audit.log": f"a1={f'Bearer {key}'.encode().hex().upper()}",
        "/var/spool/cron/alice": f"* * * * * X={key} run",
        "/etc/environment.d/app.conf": f"K={key}",
        "/root/.bash_history": f"export K={key}",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    Path("/var/log/secure-1.gz").write_bytes(gzip.compress(KEY))
    names = "processes,logs,homes,crontabs,configuration,core-dumps"
    try:
        with subprocess.Popen(["/bin/sleep", "1000"], env={"TOKEN": key}) as process:
            finished = credhelper("leaks", "--machine", "--area", names, "--json")
            process.kill()
    finally:
        for name in (*files, "/var/log/secure-1.gz"):
            Path(name).unlink()
    report = json.loads(finished.stdout)
    paths = {hit["path"] for hit in report["hits"]}
    assert set(files) | {"/var/log/secure-1.gz"} <= paths
    assert any(path.startswith(f"process {process.pid} (sleep") for path in paths)
    assert set(report["areas"]) == set(names.split(","))
    assert set(report["areas"].values()) <= {"searched", "not there"}
    assert key not in finished.out + finished.err


@pytest.mark.parametrize("options", [["--area", "nowhere"], ["--staged"], ["/tmp"]])
def test_what_the_machine_does_not_have(
    options: list[str], credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    assert credhelper("leaks", "--machine", *options).status == 2


def test_every_area_has_a_step_and_one_meaning() -> None:
    trees = [tree for area in AREAS for tree in area.trees]
    assert all(area.step for area in AREAS)
    assert len(trees) == len(set(trees))


def test_a_record_of_the_journal_tells_field_unit_and_time() -> None:
    """The export format (systemd's Journal Export Formats), a field with newlines included."""
    long = b"Traceback\n" * 90 + b"\n\nurl?key=" + KEY
    block = (
        b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=harmless\n\n"
        b"__CURSOR=s=2\n__REALTIME_TIMESTAMP=1700000001000000\n_SYSTEMD_UNIT=a.service\n"
        b"MESSAGE\n" + len(long).to_bytes(8, "little") + long + b"\n_PID=1\n\n"
        b"__CURSOR=s=3\n__REALTIME_TIMESTAMP=1700000002000000\nSYSLOG_IDENTIFIER=sudo\n"
        b"_CMDLINE=x --key " + KEY + b"\n\n"
    )
    found = journal_hits(matcher({"key": KEY}), block)
    assert [(hit.place, hit.path) for hit in found] == [
        (Place.JOURNAL, "MESSAGE of a.service, 2023-11-14T22:13:21+00:00"),
        (Place.JOURNAL, "_CMDLINE of sudo, 2023-11-14T22:13:22+00:00"),
    ]


def test_histories_are_read_as_their_programs_write_them(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    value = "my p\u00c4ss w\u00c6rd 0123456789"
    sealed("password", value)
    metafied = b"".join(
        bytes([0x83, byte ^ 32]) if 0x83 <= byte <= 0xA2 else bytes([byte])
        for byte in value.encode()
    )
    (scratch / ".zsh_history").write_bytes(b": 1700000001:0;x '" + metafied + b"'\n")
    (scratch / ".sqlite_history").write_text(value.replace(" ", "\\040") + "\n")
    finished = credhelper("leaks", str(scratch))
    assert ".zsh_history:1  (working tree, zsh history)" in finished.out
    assert ".sqlite_history:1  (working tree, libedit history)" in finished.out
    assert os.listdir(scratch)

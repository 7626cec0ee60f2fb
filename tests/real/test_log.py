# SPDX-License-Identifier: MIT
"""``credhelper log`` on the records of a real journald."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from credhelper.commands import audit, audit_trail
from credhelper.commands import records as records_on_file
from tests.real.conftest import JOURNAL, Machine, Runs, launcher
from tests.real.terminal import Terminal

JOURNALD: Final = "/usr/lib/systemd/systemd-journald"
CONFIGURATION: Final = """[Journal]
Storage=volatile
ReadKMsg=no
"""


@pytest.fixture
def journald(machine: Machine, request: pytest.FixtureRequest) -> Iterator[list[Path]]:
    """A journald of the namespace's own, in the place of what listens there in other tests.

    The test's parameter, if any, is more of its configuration.
    """
    with open(__file__) as one_at_a_time:  # each switches the kernel's audit, of which there is one
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        aside = JOURNAL.parent / "aside"
        JOURNAL.rename(aside)
        Path("/etc/systemd").mkdir(exist_ok=True)
        Path("/etc/systemd/journald.conf").write_text(
            CONFIGURATION + getattr(request, "param", "Audit=no\n")
        )
        with subprocess.Popen([JOURNALD], stderr=subprocess.DEVNULL) as process:
            while not JOURNAL.exists():
                assert process.poll() is None
                time.sleep(0.005)  # it tells nobody but systemd when it is ready
            yield machine.written
            process.terminate()
        aside.rename(JOURNAL)
        shutil.rmtree("/run/log/journal")


@pytest.fixture
def records(journald: list[Path], credhelper: Runs) -> Callable[..., list[dict[str, str]]]:
    """``records(count, ...)`` waits for journald to have stored that many and returns them."""
    assert journald

    def read(count: int, *options: str) -> list[dict[str, str]]:
        deadline = time.monotonic() + 120
        while True:
            finished = credhelper("log", "--json", *options)
            assert finished.status == 0, finished.err
            found: list[dict[str, str]] = json.loads(finished.out)["records"]
            if len(found) >= count or time.monotonic() > deadline:
                assert len(found) == count, found
                return found

    return read


def test_changes_are_shown_newest_last(
    credhelper: Runs, records: Callable[..., list[dict[str, str]]]
) -> None:
    ada = {"SUDO_USER": "ada"}
    assert credhelper("add", "my_api_key", input="sk-1234", env=ada).status == 0
    assert credhelper("rotate", "my_api_key", input="sk-5678", env=ada).status == 0
    assert credhelper("remove", "my_api_key", "--yes").status == 0
    assert credhelper("add", "other", input="sk-1234").status == 0
    found = records(4)
    assert [(r["operation"], r["credentials"], r["invoking_user"]) for r in found] == [
        ("add", "my_api_key", "ada"),
        ("rotate", "my_api_key", "ada"),
        ("remove", "my_api_key", "root"),
        ("add", "other", "root"),
    ]
    assert "sk-" not in str(found)
    assert [r["operation"] for r in records(3, "my_api_key")] == ["add", "rotate", "remove"]
    heading, *lines = credhelper("log", "other").out.splitlines()
    assert heading.split() == ["TIME", "EVENT", "USER", "AS", "CREDENTIALS", "WHAT"]
    assert [line.split("\t")[1:] for line in lines] == [["store", "root", "", "other", "add"]]


@pytest.fixture
def audited() -> Iterator[None]:
    """The kernel's audit is as it was afterwards: journald switches it on.

    Whoever else runs these tests on the machine waits, or it would be switched off meanwhile.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        deadline = time.monotonic() + 120
        while True:
            try:
                lock.bind("\0credhelper tests: audit")
                break
            except OSError:
                assert time.monotonic() < deadline, "other tests have the kernel's audit"
                time.sleep(0.1)  # no event tells of it
        before = audit_enabled()
        yield
        audit_enabled(before)


def audit_enabled(wanted: int | None = None) -> int:
    """Whether the kernel writes audit records (AUDIT_GET, AUDIT_SET of linux/audit.h)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as audit:
        status = b"" if wanted is None else struct.pack("=II32x", 1, wanted)
        kind = 1000 if wanted is None else 1001
        audit.send(struct.pack("=IHHII", 16 + len(status), kind, 1 | 4, 1, 0) + status)
        audit.settimeout(10)
        error: int = struct.unpack_from("=i", audit.recv(4096), 16)[0]
        assert error == 0
        if wanted is None:
            wanted = struct.unpack_from("=I", audit.recv(4096), 20)[0]
    return int(wanted or 0)


@pytest.mark.parametrize("journald", ["Audit=yes\n"], indirect=True)
def test_what_the_journal_lost_is_there_from_the_kernels_audit(
    audited: None,
    records: Callable[..., list[dict[str, str]]],
    credhelper: Runs,
    decrypt_run: Runs,
    scratch: Path,
) -> None:
    """Here it is lost since nobody takes it. A flood of one unit's messages does the same."""
    assert audited is None
    key = f"audited_{os.getpid()}"  # the kernel's records are the whole machine's
    name = "a b\n'\"x.py"
    (scratch / name).write_text("print('ran')")
    assert credhelper("add", key, input="sk-1234").status == 0
    assert len(records(1, key)) == 1  # once, though it is in both
    aside = JOURNAL.rename(JOURNAL.parent / "lost")
    try:
        finished = decrypt_run("-c", key, name, cwd=scratch, env={"SUDO_USER": "ada"})
    finally:
        aside.rename(JOURNAL)
    assert finished.out == "ran\n"
    added, ran = records(2, key)
    assert (added["event"], added["operation"]) == ("store", "add")
    assert (ran["event"], ran["credentials"], ran["run_as"]) == ("run", key, "root")
    assert (ran["invoking_user"], ran["script"]) == ("ada", f"{scratch}/{name}")
    assert len(ran["script_sha256"]) == 64
    assert "sk-1234" not in str(ran)


def test_what_is_asked_for(credhelper: Runs, records: Callable[..., list[dict[str, str]]]) -> None:
    for name, user in (("a", "ada"), ("b", "bob"), ("c", "ada")):
        assert credhelper("add", name, input="x", env={"SUDO_USER": user}).status == 0
    records(3)
    assert [r["credentials"] for r in records(2, "-n", "2")] == ["b", "c"]
    assert [r["credentials"] for r in records(2, "--user=ada")] == ["a", "c"]
    assert records(0, "--script=/opt/jobs/report.py") == []
    assert credhelper("log", "-n", "0").status == 2


def test_after_an_import_it_can_be_read_at_80_columns(
    credhelper: Runs, records: Callable[..., list[dict[str, str]]]
) -> None:
    names = [f"production_api_token_{number}" for number in range(48)]
    audit.store_changed("import", names)
    records(1)
    finished = credhelper("log", tty=[], env={"COLUMNS": "80"})
    lines = finished.out.splitlines()
    assert len(lines) == 2
    assert "production_api_token_0 +47" in finished.out
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 80 for line in lines)


def test_a_long_log_goes_through_a_pager_that_starts_nothing(
    credhelper: Runs, records: Callable[..., list[dict[str, str]]], environment: dict[str, str]
) -> None:
    for number in range(40):
        audit.store_changed("add", [f"key_{number}"])
    records(40)
    hostile = environment | {"PAGER": "/bin/false", "LESSOPEN": "|/bin/false", "LESS": "-X"}
    with Terminal([*launcher("credhelper"), "log"], env=hostile) as terminal:
        terminal.expect(":")
        terminal.send("!id\n")
        terminal.send("q")
        terminal.wait()
    assert b"uid=0" not in terminal.shown
    assert credhelper("log", "--no-pager", tty=[]).out.count("key_") == 40


def test_the_last_use_is_listed(
    credhelper: Runs, records: Callable[..., list[dict[str, str]]], decrypt_run: Runs, scratch: Path
) -> None:
    assert credhelper("add", "my_api_key", input="x").status == 0
    (scratch / "report.py").write_text("")
    path = str(scratch / "report.py")
    assert decrypt_run("-c", "my_api_key", path, env={"SUDO_USER": "ada"}).status == 0
    records(2)
    assert credhelper("list").out.splitlines()[1].endswith("0min report.py")
    (entry,) = json.loads(credhelper("list", "--json").out)["credentials"]
    assert (entry["last_used"]["script"], entry["last_used"]["user"]) == (path, "ada")


def test_since(credhelper: Runs, records: Callable[..., list[dict[str, str]]]) -> None:
    assert credhelper("add", "my_api_key", input="x").status == 0
    records(1)
    records(1, "--since=-1h")
    finished = credhelper("log", "--since=+1h")
    assert (finished.status, finished.out) == (0, "")
    assert finished.err == "credhelper: note: there are no records of that\n"
    finished = credhelper("log", "--since=sometime")
    assert finished.status == 2
    assert finished.err.splitlines() == [
        "credhelper: error: --since: Failed to parse timestamp: sometime",
        "credhelper: hint: write it as in systemd.time(7), such as --since=-1d or --since=today",
    ]


def test_what_auditd_has_of_before_is_left_out(
    journald: list[Path], monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    assert journald
    line = "type=TRUSTED_APP msg=audit({}.0:1): pid=1 uid=0 auid=1 msg='op=credhelper id=\"{}\"'"
    now = int(time.time())
    old, new, imported = (
        line.format(now - 7200, audit.RUN),
        line.format(now - 60, audit.RUN),
        line.format(now - 60, audit.IMPORT),
    )
    (scratch / "ausearch").write_text(f"#!/bin/sh\ncat <<'EOF'\n{old}\n{new}\n{imported}\nEOF\n")
    (scratch / "ausearch").chmod(0o755)
    monkeypatch.setattr(audit_trail, "_AUSEARCH", str(scratch / "ausearch"))
    for since in ("-1h", "1 hour ago"):
        assert [int(found.when) for found in records_on_file.read(since)] == [now - 60]


def test_a_record_that_no_datagram_holds(
    records: Callable[..., list[dict[str, str]]],
) -> None:
    names = [f"a_credential_with_a_long_name_{number}" for number in range(10_000)]
    audit.store_changed("import", names)
    assert records(1)[0]["credentials"].split() == names


def test_what_others_write_is_not_taken_for_ours(
    credhelper: Runs, records: Callable[..., list[dict[str, str]]]
) -> None:
    forged = (
        f"MESSAGE_ID={audit.STORE_CHANGE}\nMESSAGE=x\nCREDHELPER_OPERATION=add\n"
        "CREDHELPER_INVOKING_USER=mallory\nCREDHELPER_CREDENTIALS=my_api_key\n"
    )
    subprocess.run(
        [
            *("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
            *("/usr/bin/logger", "--journald"),
        ],
        input=forged.encode(),
        check=True,
    )
    assert credhelper("add", "my_api_key", input="x").status == 0
    assert [record["invoking_user"] for record in records(1)] == ["root"]


def test_a_journal_that_cannot_be_read_is_told(credhelper: Runs) -> None:
    # a file in the place of journalctl: the real one gives no other error to meet
    stand_in = Path("/run/journalctl")
    stand_in.write_text("#!/bin/sh\necho 'No journal files were opened' >&2\nexit 1\n")
    stand_in.chmod(0o755)
    subprocess.run(["/bin/mount", "--bind", stand_in, "/usr/bin/journalctl"], check=True)
    try:
        finished = credhelper("log")
        stand_in.chmod(0o644)
        not_run = credhelper("log")
    finally:
        subprocess.run(["/bin/umount", "/usr/bin/journalctl"], check=True)
        stand_in.unlink()
    assert finished.status == 1
    assert finished.err.splitlines() == [
        "credhelper: error: journalctl failed: No journal files were opened",
        "credhelper: hint: see journalctl(1)",
    ]
    assert not_run.status == 1
    assert not_run.err.splitlines()[0] == (
        "credhelper: error: /usr/bin/journalctl: Permission denied"
    )


@pytest.mark.parametrize("name", ["a/b", "../x", ""])
def test_a_bad_name(credhelper: Runs, name: str) -> None:
    finished = credhelper("log", name)
    assert finished.status == 2
    assert finished.err.startswith("credhelper: error: credential name ")

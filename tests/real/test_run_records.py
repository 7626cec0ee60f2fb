# SPDX-License-Identifier: MIT
"""What is said of a run: in the journal, and before it by --dry-run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from credhelper import recording
from tests.real.conftest import STORE, Record, Runs, launcher
from tests.real.running import DECLARING, VALUE, Sealed, Writes

pytest_plugins = ("tests.real.runner_fixtures",)


def test_a_run_is_recorded(
    sealed: Sealed,
    write: Writes,
    decrypt_run: Runs,
    journal: Callable[[int], list[Record]],
    users: None,
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    script = write("#!/bin/bash\nexit 3\n", "with a\nnewline.sh")
    journal(1).clear()
    options = ["--user", "bob", "-c", "my_api_key"]
    assert decrypt_run(*options, str(script), env={"SUDO_USER": "alice"}).status == 3
    (record,) = journal(1)
    assert record["MESSAGE_ID"] == "7c1f3a52e0d94b0d8a6e5f1b92c4d3e7"
    assert record["CREDHELPER_CREDENTIALS"] == "my_api_key"
    assert record["CREDHELPER_SCRIPT"] == str(script)
    assert len(record["CREDHELPER_SCRIPT_SHA256"]) == 64
    assert record["CREDHELPER_INVOKING_USER"] == "alice"
    assert record["CREDHELPER_RUN_AS"] == "bob"
    assert record["CREDHELPER_INTERPRETER"] == "/bin/bash"
    assert record["MESSAGE"].endswith("/with a\\nnewline.sh as bob with my_api_key")
    assert VALUE not in str(record)


def test_what_a_child_loads_is_recorded(
    sealed: Sealed, write: Writes, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    """Whatever Python it is: here, the one that runs the tests."""
    sealed("my_api_key", VALUE)
    load = "from credhelper import load; load('my_api_key')"
    for text in (
        f"import subprocess\nsubprocess.run([{sys.executable!r}, '-c', {load!r}], check=True)",
        f'#!/bin/sh\n{sys.executable} -c "{load}"\n',
    ):
        journal(1 if "import sub" in text else 2).clear()
        script = write(text)
        assert decrypt_run(str(script), env={"SUDO_USER": "alice"}).status == 0
        run, demand = journal(2)
        assert demand["MESSAGE_ID"] == "c3a85e917d2046b9a4f7d1e06b58c29f"
        assert demand["CREDHELPER_CREDENTIALS"] == "my_api_key"
        assert demand["CREDHELPER_INVOKING_USER"] == "alice"
        assert demand["CREDHELPER_RUN"] == run["CREDHELPER_RUN"]
        assert VALUE not in str(demand)


def test_a_refusal_is_recorded(
    write: Writes, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    script = write("", mode=0o666)
    decrypt_run("-c", "key", str(script), env={"SUDO_USER": "alice"})
    (record,) = journal(1)
    assert record["MESSAGE_ID"] == "2b9d64c8f1534ae7b0c2a7d95e3f8161"
    assert record["PRIORITY"] == "4"
    assert record["CREDHELPER_CREDENTIALS"] == "key"
    assert record["CREDHELPER_REASON"] == f"{script} may be written by others (mode 0666)"


def test_a_refusal_is_recorded_before_it_is_told(
    write: Writes, environment: dict[str, str], journal: Callable[[int], list[Record]]
) -> None:
    """A caller whose stderr takes nothing, and who ends it then, was there all the same."""
    script = write("", mode=0o666)
    argv = [*launcher("credhelper-decrypt-run"), str(script)]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    with subprocess.Popen(argv, env=environment, stderr=writer) as process:
        assert "(mode 0666)" in journal(1)[0]["CREDHELPER_REASON"]
        assert process.poll() is None
        process.kill()
    os.close(reader)
    os.close(writer)


def test_without_a_journal_it_says_so_once_and_goes_on(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write("from credhelper import load; print(len(load('my_api_key')))")
    path = Path("/run/systemd/journal/socket")
    path.rename(path.with_name("away"))
    try:
        finished = decrypt_run(str(script))
    finally:
        path.with_name("away").rename(path)
    assert finished.out == f"{len(VALUE)}\n"
    assert finished.err == (
        "credhelper-decrypt-run: note: "
        "not recorded in the journal: systemd-journald is not running\n"
    )


def test_a_record_arrives_whole(
    journal: Callable[[int], list[Record]],
) -> None:
    """Any value arrives whole, also one of several lines."""
    recording._send_to_journal({"MESSAGE": "one", "CREDHELPER_SCRIPT": "/tmp/a\nb=c", "EMPTY": ""})
    assert journal(1) == [{"MESSAGE": "one", "CREDHELPER_SCRIPT": "/tmp/a\nb=c", "EMPTY": ""}]


def test_a_journal_that_takes_nothing_holds_nobody_up(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    """As when it is stopped: its socket is there, and its queue is full."""
    sealed("my_api_key", VALUE)
    script = write("print('ran')")
    path = Path("/run/systemd/journal/socket")
    path.rename(path.with_name("away"))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stuck:
            stuck.bind(str(path))
            fill(path)
            start = time.monotonic()
            finished = decrypt_run("-c", "my_api_key", str(script))
            took = time.monotonic() - start
    finally:
        path.unlink()
        path.with_name("away").rename(path)
    assert (finished.status, finished.out) == (0, "ran\n")
    assert finished.err == (
        "credhelper-decrypt-run: note: "
        "not recorded in the journal: systemd-journald takes nothing\n"
    )
    assert took < 60


def fill(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                sender.sendto(b"MESSAGE=x\n", str(path))


def test_a_dry_run_shows_the_plan_and_runs_nothing(
    sealed: Sealed, write: Writes, decrypt_run: Runs, users: None
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    sealed("moved", VALUE).rename(STORE / "renamed")
    script = write(DECLARING + "    open('/tmp/scratch/started', 'w')\n")
    good = decrypt_run("--dry-run", "--root-owned", "--user", "alice", str(script))
    assert (good.status, good.err) == (0, "")
    for line in (
        f"script:      {script}",
        "trust:       can be written by root alone only",
        "user:        alice (user id 4201)",
        "credential:  my_api_key: decrypts",
        "variable:    API_KEY from my_api_key",
    ):
        assert line in good.out.splitlines()
    assert "(in-process: no #! line: Python)" in good.out
    bad = decrypt_run("--dry-run", "-c", "renamed", "-c", "gone", str(script))
    assert bad.status == 125
    assert "credential:  my_api_key: decrypts" in bad.out
    assert "renamed: credential renamed was sealed under another name" in bad.out
    assert "gone: there is no credential gone" in bad.out
    assert VALUE not in good.out + bad.out
    assert "none declared" in decrypt_run("--dry-run", str(write("", "empty.py"))).out
    assert not Path("/tmp/scratch/started").exists()

# SPDX-License-Identifier: MIT
"""What happens to the store when the machine fails: no credential is lost, no plaintext left.

The old value has to be there after each fault, whole, and the new one after the next try.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.machines import disk, tpm
from tests.machines.disk import Disk
from tests.machines.machine import Machine
from tests.system import library

CREDHELPER = "/usr/bin/credhelper"
RUN = "/usr/bin/credhelper-decrypt-run"
STORE = "/etc/credstore.encrypted"
OLD = "plaintext-of-the-old-value"
NEW = "plaintext-of-the-new-value"
KEYS = "/var/lib/systemd"

# Arguments: an audited call, the command that runs right before it, and the command line.
MEANWHILE = """
import subprocess, sys
from credhelper.commands.cli import main
call, *script = sys.argv[1:6]
def meanwhile(event, _):
    global call
    if event == call:
        call = ""
        subprocess.run(script, check=True)
sys.addaudithook(meanwhile)
main(sys.argv[7:])
"""


def rotate(machine: Machine, *wrapper: str, value: str = NEW) -> str:
    """Tries to rotate; returns what it said on stderr where it failed, else an empty text."""
    done = machine.run([*wrapper, CREDHELPER, "rotate", "api_key", "--stdin"], input=value)
    assert value not in done.stdout + done.stderr
    return done.stderr if done.returncode else ""


def assert_refused(said: str, *expected: str) -> None:
    lines = said.splitlines()
    assert lines[0].startswith("credhelper: error: "), said
    assert lines[1].startswith("credhelper: hint: "), said
    for text in expected:
        assert text in said


def assert_old_then_new(machine: Machine) -> None:
    """The credential is as it was, nothing else is left, and a rotation works now."""
    assert library.load(machine, "api_key").value.decode() == OLD
    assert rotate(machine) == ""
    assert library.load(machine, "api_key").value.decode() == NEW
    assert machine.run(["/usr/bin/ls", "-A", STORE], check=True).stdout == "api_key\n"
    assert_no_plaintext(machine)


def assert_no_plaintext(machine: Machine) -> None:
    places = ["/etc", "/opt", "/root", "/run", "/tmp", "/var", "/dev/shm", "/home"]
    grep = ["/usr/bin/grep", "--recursive", "--files-with-matches", "--devices=skip"]
    found = machine.run([*grep, "--text", "plaintext-of-the", *places])
    assert found.stdout == ""


@pytest.fixture
def stored(machine: Machine) -> Machine:
    """A machine with one credential."""
    machine.run([CREDHELPER, "add", "api_key", "--stdin"], input=OLD, check=True)
    return machine


@contextlib.contextmanager
def mounted(machine: Machine, *arguments: str, over: str = STORE) -> Iterator[None]:
    """Something mounted over a directory, with a copy of what is in it."""
    machine.run(["/usr/bin/cp", "-a", over, "/run/copy"], check=True)
    machine.run(["/usr/bin/mount", *arguments, over], check=True)
    try:
        machine.run(["/usr/bin/rm", "-rf", f"{over}/lost+found"], check=True)
        machine.run(["/usr/bin/cp", "-a", "/run/copy/.", over], check=True)
        yield
    finally:
        machine.run(["/usr/bin/umount", over], check=True)
        machine.run(["/usr/bin/rm", "-r", "/run/copy"], check=True)


def test_full_disk(stored: Machine) -> None:
    """Refused: no space left; the old value stays, and a rotation works once there is room."""
    with mounted(stored, "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"):
        stored.run(["/usr/bin/dd", "if=/dev/zero", f"of={STORE}/ballast", "bs=4k"])
        assert_refused(rotate(stored), "No space left on device", "nothing has changed")
        assert library.load(stored, "api_key").value.decode() == OLD
        stored.run(["/usr/bin/rm", f"{STORE}/ballast"], check=True)
        assert_old_then_new(stored)


def test_no_inode_left(stored: Machine) -> None:
    """Refused: no space left; the old value stays."""
    with mounted(stored, "-t", "tmpfs", "-o", "nr_inodes=2,mode=0700", "tmpfs"):
        assert_refused(rotate(stored), "No space left on device")
        assert library.load(stored, "api_key").value.decode() == OLD


def test_store_on_another_filesystem(stored: Machine) -> None:
    """It works."""
    with mounted(stored, "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"):
        assert_old_then_new(stored)


def test_store_on_a_read_only_filesystem(stored: Machine) -> None:
    """Writing is refused, reading works; the old value stays."""
    stored.run(["/usr/bin/mount", "--bind", STORE, STORE], check=True)
    try:
        stored.run(["/usr/bin/mount", "-o", "remount,bind,ro", STORE], check=True)
        assert_refused(rotate(stored), "Read-only file system")
        removed = stored.run([CREDHELPER, "remove", "api_key", "--yes"])
        assert_refused(removed.stderr, "Read-only file system")
        assert stored.run([CREDHELPER, "list"]).returncode == 0
    finally:
        stored.run(["/usr/bin/umount", STORE], check=True)
    assert_old_then_new(stored)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        ("fsync", "EIO", "Input/output error"),
        ("fsync", "EDQUOT", "Disk quota exceeded"),
        ("?rename,?renameat,?renameat2", "EIO", "Input/output error"),
        ("?link,?linkat", "EMLINK", "Too many links"),
    ],
)
def test_failing_call(stored: Machine, call: str, error: str, text: str) -> None:
    """Refused with the disk's error; the old value stays and nothing else is left."""
    # strace plays the broken disk: a real one cannot be had to fail in one call
    inject = ["/usr/bin/strace", "--output=/dev/null"]
    assert_refused(rotate(stored, *inject, f"--inject={call}:error={error}"), text)
    assert_old_then_new(stored)


@pytest.fixture
def failing(machine: Machine) -> Iterator[Disk]:
    """A disk that can be told to fail; the host's kernel cannot have one."""
    with disk.plugged_in(machine) as plugged_in:
        yield plugged_in


ON_A_FAILING_DISK = pytest.mark.parametrize("booted", ["vm"], indirect=True)


@ON_A_FAILING_DISK
@pytest.mark.parametrize(
    ("verb", "name", "call"),
    [
        ("rotate", "api_key", "os.mkdir"),  # before anything is written
        ("rotate", "api_key", "os.link"),  # the new file is on the disk, without its name
        ("rotate", "api_key", "os.rename"),  # the old one has its second name
        ("add", "other", "os.mkdir"),
        ("add", "other", "os.link"),
    ],
)
def test_disk_that_stops_writing(
    failing: Disk, stored: Machine, verb: str, name: str, call: str
) -> None:
    """Refused; the old value or the new one is whole, the next command sweeps what is left."""
    before = OLD if verb == "rotate" else ""
    with mounted(stored, disk.PATH):
        stored.run(["/usr/bin/sync"], check=True)
        python = ["/usr/bin/python3", "-I", "-c", MEANWHILE, call]
        command = [CREDHELPER, verb, name, "--stdin"]
        refused = stored.run([*python, *failing.turning(disk.REFUSES_WRITES), *command], input=NEW)
        failing.turn(disk.WORKS)
        failing.mount_anew(STORE)
        assert refused.returncode == 1
        assert_refused(refused.stderr)
        assert len(refused.stderr.splitlines()) == 2, refused.stderr
        now = library.load(stored, name)
        assert now.error in {"", "CredentialNotFound"}, now
        possible = {before} if "nothing has changed" in refused.stderr else {before, NEW}
        assert now.value.decode() in possible, refused.stderr
        assert library.load(stored, "api_key").value.decode() in {OLD, NEW}
        assert rotate(stored) == ""
        left = set(stored.run(["/usr/bin/ls", "-A", STORE], check=True).stdout.split())
        assert left == {"api_key"} | ({name} if now.value else set())
        assert_no_plaintext(stored)


@ON_A_FAILING_DISK
@pytest.mark.parametrize("opened", [False, True], ids=["directory", "file"])
def test_disk_that_stops_reading(failing: Disk, stored: Machine, opened: bool) -> None:
    """Each command names the store and the disk's error; nothing is lost."""
    stored.write("/opt/jobs/job.py", "print('ran')")
    with mounted(stored, disk.PATH):
        failing.mount_anew(STORE)
        if opened:
            known = f"ls -l {STORE}; : <{STORE}/api_key; sync"
            stored.run(["/bin/sh", "-ec", known], check=True)
        failing.turn(disk.DEAD)
        for argv, status in (
            ([CREDHELPER, "list", "--verify", "--json"], 1),
            ([CREDHELPER, "check"], 1),
            ([CREDHELPER, "rotate", "api_key", "--stdin"], 1),
            ([RUN, "-c", "api_key", "/opt/jobs/job.py"], 125),
        ):
            ran = stored.run(argv, input=NEW)
            said = ran.stdout + ran.stderr
            assert (ran.returncode, f"{STORE}" in said) == (status, True), (argv, said)
            assert "Input/output error" in said, (argv, said)
            assert "Traceback" not in said
        assert library.load(stored, "api_key").error == "StoreFailed"
        failing.turn(disk.WORKS)
        failing.mount_anew(STORE)
        assert_old_then_new(stored)


@ON_A_FAILING_DISK
def test_systemd_creds_that_cannot_be_killed(failing: Disk, stored: Machine) -> None:
    """SealingTimeout anyway; a disk, silent about the host key, stands for a TPM's driver."""
    blob = stored.read(f"{STORE}/api_key")
    state = ["/usr/bin/ps", "-C", "systemd-creds", "-o", "stat="]
    with mounted(stored, disk.PATH, over=KEYS):
        failing.mount_anew(KEYS)
        with failing.silent():
            refused = library.unseal(stored, "api_key", blob, time_limit=1)
            left = stored.run(state).stdout
        while stored.run(state).returncode == 0:  # it uses what is to be unmounted
            pass
    assert refused.error == "SealingTimeout"
    assert left.startswith("D"), "the kernel did kill it"
    assert_old_then_new(stored)


@pytest.mark.parametrize("limit", [*range(3, 24), 64])
def test_few_descriptors(stored: Machine, limit: int) -> None:
    """The old value or the new one, whole."""
    rotate(stored, "/usr/bin/prlimit", f"--nofile={limit}:{limit}")
    value = library.load(stored, "api_key").value.decode()
    assert value in {OLD, NEW}
    if value == OLD:
        assert_old_then_new(stored)


@pytest.mark.parametrize("mebibytes", [8, 16, 24, 32, 48, 64, 128, 256])
def test_little_memory(stored: Machine, mebibytes: int) -> None:
    """The old value or the new one, whole."""
    rotate(stored, "/usr/bin/prlimit", f"--as={mebibytes << 20}")
    value = library.load(stored, "api_key").value.decode()
    assert value in {OLD, NEW}
    if value == OLD:
        assert_old_then_new(stored)


def test_systemd_creds_killed_while_it_unseals(stored: Machine, tmp_path: Path) -> None:
    """An error that names the signal."""
    with tpm.served(tmp_path / "chip") as chip, ThreadPoolExecutor() as pool:
        sealing = {"with_key": "tpm2", "tpm2_device": chip.device}
        blob = library.seal(stored, "api_key", OLD.encode(), **sealing).value
        chip.hang()
        unsealing = pool.submit(
            library.unseal, stored, "api_key", blob, tpm2_device=chip.device, time_limit=60
        )
        kill = ["/usr/bin/pkill", "--signal=KILL", "--exact", "systemd-creds"]
        while stored.run(kill).returncode and not unsealing.done():
            pass
        refused = unsealing.result()
        chip.go_on()
    assert refused.error == "DecryptionFailed"
    assert "signal 9" in refused.problem


@pytest.mark.parametrize("after", [0.02, 0.05, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2, 0.25, 0.3])
def test_killed_while_it_rotates(stored: Machine, after: float) -> None:
    """The old value or the new one, whole; no plaintext is left."""
    rotate(stored, "/usr/bin/timeout", "--signal=KILL", str(after))
    value = library.load(stored, "api_key").value.decode()
    assert value in {OLD, NEW}
    if value == OLD:
        assert_old_then_new(stored)
    assert_no_plaintext(stored)


def test_killed_script_leaves_nothing(stored: Machine) -> None:
    """No mount and no plaintext is left."""
    stored.write(
        "/opt/jobs/kill.py",
        "import os, signal, credhelper\n"
        "credhelper.load('api_key')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    before = stored.run(["/usr/bin/cat", "/proc/1/mountinfo"]).stdout
    killed = stored.run([RUN, "-c", "api_key", "/opt/jobs/kill.py"])
    assert killed.returncode == -9, killed.stderr
    assert stored.run(["/usr/bin/cat", "/proc/1/mountinfo"]).stdout == before
    assert_no_plaintext(stored)


def test_host_key_lost(stored: Machine) -> None:
    """Every command names the file that would bring the credentials back; they come back."""
    key = "/var/lib/systemd/credential.secret"
    stored.write("/opt/jobs/job.py", "print('ran')")
    stored.run(["/usr/bin/mv", key, "/root/"], check=True)
    try:
        ran = stored.run([RUN, "-c", "api_key", "/opt/jobs/job.py"])
        assert (ran.returncode, ran.stdout) == (125, "")
        listed = stored.run([CREDHELPER, "list", "--verify"])
        checked = stored.run([CREDHELPER, "check"])
        assert listed.returncode == checked.returncode == 1
        for said in (ran.stderr, listed.stdout + listed.stderr, checked.stdout + checked.stderr):
            assert key in said.replace("\n", " "), said
    finally:
        stored.run(["/usr/bin/mv", "/root/credential.secret", key], check=True)
    assert_old_then_new(stored)

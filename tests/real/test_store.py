# SPDX-License-Identifier: MIT
"""The store under those who may not write it, and under disks that give up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.real import namespace
from tests.real.conftest import STORE, Runs, unseal
from tests.real.running import ALICE

LEFTOVER: Final = ".#credhelper-0123456789abcdef"


def lines(error: str) -> tuple[str, str]:
    error, hint = error.splitlines()
    return error.removeprefix("credhelper: error: "), hint.removeprefix("credhelper: hint: ")


UNSAFE: list[tuple[str, Callable[[], object], str]] = [
    ("link", lambda: STORE.symlink_to("/run"), "is a symbolic link or not a directory"),
    ("dangling", lambda: STORE.symlink_to("nowhere"), "is a symbolic link or not a directory"),
    ("file", STORE.touch, "is a symbolic link or not a directory"),
    ("world", lambda: made(0o777), "may be written by others (mode 0777)"),
    ("sticky", lambda: made(0o1777), "may be written by others (mode 1777)"),
    ("group", lambda: made(0o770), "may be written by others (mode 0770)"),
    ("owner", lambda: made(0o700, 1000), "belongs to user id 1000, not to root"),
]


def made(mode: int, owner: int = 0) -> None:
    STORE.mkdir()
    STORE.chmod(mode)
    os.chown(STORE, owner, 0)


@pytest.mark.parametrize(
    "argv",
    [["add", "my_api_key"], ["rotate", "my_api_key"], ["list"], ["remove", "my_api_key", "--yes"]],
    ids=lambda argv: argv[0],
)
@pytest.mark.parametrize(("kind", "make", "why"), UNSAFE, ids=[kind for kind, _, _ in UNSAFE])
def test_an_unsafe_store_is_not_used(
    credhelper: Runs, argv: list[str], kind: str, make: Callable[[], object], why: str
) -> None:
    assert kind
    make()
    before = os.lstat(STORE)
    finished = credhelper(*argv, input="x")
    assert finished.status == 1
    error, hint = lines(finished.err)
    assert error == f"/etc/credstore.encrypted {why}"
    assert "sudo" in hint
    assert os.lstat(STORE)[:7] == before[:7]
    if STORE.is_dir() and not STORE.is_symlink():
        assert list(STORE.iterdir()) == []
        if "chown" in hint:  # what it says to type makes it work
            subprocess.run(["/bin/sh", "-c", hint.replace("sudo ", "")], check=True)
            assert credhelper("add", "my_api_key", input="x").status == 0


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o711, 0o755])
def test_a_readable_or_closed_store_becomes_private(credhelper: Runs, mode: int) -> None:
    made(mode)
    assert credhelper("add", "my_api_key", input="x").status == 0
    assert STORE.stat().st_mode == 0o40700


@pytest.mark.parametrize("verb", ["add", "rotate", "list", "remove"])
def test_any_command_sweeps_what_an_interrupted_one_left(
    credhelper: Runs, sealed: Callable[..., Path], verb: str
) -> None:
    sealed("my_api_key", "x")
    (STORE / LEFTOVER).write_bytes(b"half")
    (STORE / ".#someone-else's").touch()
    arguments = {"list": [], "remove": ["my_api_key", "--yes"]}.get(verb, ["my_api_key"])
    credhelper(verb, *arguments, input="y")
    assert not (STORE / LEFTOVER).exists()
    assert (STORE / ".#someone-else's").exists()


def test_a_sweep_leaves_alone_what_is_being_written(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", "x")
    (STORE / LEFTOVER).write_bytes(b"half")
    with subprocess.Popen(
        ["/usr/bin/flock", str(STORE), "/bin/sh", "-c", "echo; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdout.readline()
        assert credhelper("list").status == 0
        assert (STORE / LEFTOVER).exists()
        holder.stdin.close()
    assert credhelper("list").status == 0
    assert not (STORE / LEFTOVER).exists()


NUMBERED = """
import fcntl, os, sys
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])  # the first that is listed
for number in range(100_000):
    file = os.open(f"{sys.argv[1]}/{number}", os.O_CREAT | os.O_RDWR)
    if os.fstat(file).st_ino == int(sys.argv[2]):
        break
    os.close(file)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


def test_who_holds_the_lock_is_none_of_those_who_cannot(
    credhelper: Runs, sealed: Callable[..., Path], scratch: Path
) -> None:
    """Anybody may lock a file of the same number in another file system."""
    sealed("my_api_key", "x")
    namespace.mount("tmpfs", str(scratch), "tmpfs", 0, "mode=0777")
    lock = ["/usr/bin/flock", str(STORE)]
    pipe = subprocess.PIPE
    numbered = [sys.executable, "-I", "-c", NUMBERED, str(scratch), str(STORE.stat().st_ino)]
    with subprocess.Popen(
        [*lock, "/bin/sh", "-c", "echo; read line"], stdin=pipe, stdout=pipe
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with subprocess.Popen(numbered, user=ALICE.uid, stdin=pipe, stdout=pipe) as other:
            assert other.stdout
            assert other.stdout.readline() == b"held\n"
            finished = credhelper("rotate", "my_api_key", "--wait=0", input="y")
            other.communicate(b"\n")
        holder.communicate(b"\n")
    namespace.unmount(str(scratch))
    assert f"is being changed by flock (process {holder.pid})" in finished.err


@pytest.fixture
def mounted() -> Iterator[Callable[[str], None]]:
    """Mounts a tmpfs with options on the store."""

    def mount(options: str) -> None:
        STORE.mkdir(exist_ok=True)
        namespace.mount("tmpfs", str(STORE), "tmpfs", 0, f"mode=0700,{options}")

    yield mount
    namespace.unmount(str(STORE))


def test_a_full_disk(
    credhelper: Runs, mounted: Callable[[str], None], sealed: Callable[..., Path]
) -> None:
    mounted("size=64k")
    path = sealed("my_api_key", "old")
    (STORE / "filler").write_bytes(bytes(52 << 10))
    finished = credhelper("rotate", "my_api_key", input=os.urandom(9000))
    assert finished.status == 1
    assert lines(finished.err) == (
        "/etc/credstore.encrypted/my_api_key cannot be used: No space left on device",
        "nothing has changed; fix that and run it again",
    )
    assert unseal(path) == b"old"
    assert {path.name for path in STORE.iterdir()} == {"filler", "my_api_key"}


def test_no_file_can_be_made(
    credhelper: Runs, mounted: Callable[[str], None], sealed: Callable[..., Path]
) -> None:
    mounted("nr_inodes=3")
    path = sealed("my_api_key", "old")
    finished = credhelper("rotate", "my_api_key", input="new")
    assert finished.status == 1
    assert "No space left on device" in finished.err
    assert unseal(path) == b"old"


def test_a_read_only_store(
    credhelper: Runs, mounted: Callable[[str], None], sealed: Callable[..., Path]
) -> None:
    mounted("size=1m")
    path = sealed("my_api_key", "old")
    (STORE / LEFTOVER).touch()
    namespace.mount("tmpfs", str(STORE), "", 0x20 | 0x1, "")  # MS_REMOUNT | MS_RDONLY
    for argv in (["add", "other"], ["rotate", "my_api_key"], ["remove", "my_api_key", "--yes"]):
        finished = credhelper(*argv, input="new")
        assert finished.status == 1
        error, _ = lines(finished.err)
        assert error.startswith("/etc/credstore.encrypted")
        assert error.endswith(": Read-only file system")
    assert credhelper("list").status == 0
    assert unseal(path) == b"old"


def test_a_store_on_another_filesystem(credhelper: Runs, mounted: Callable[[str], None]) -> None:
    mounted("size=1m")
    assert credhelper("add", "my_api_key", input="old").status == 0
    assert credhelper("rotate", "my_api_key", input="new").status == 0
    assert unseal(STORE / "my_api_key") == b"new"


def test_a_limit_on_the_size_of_files(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "old")
    finished = credhelper(
        *("rotate", "my_api_key"),
        input=os.urandom(9000),
        before=["/usr/bin/prlimit", "--fsize=4096"],
        measured=False,
    )
    assert finished.status == 1
    assert lines(finished.err)[0] == f"{path} cannot be used: File too large"
    assert unseal(path) == b"old"
    assert [entry.name for entry in STORE.iterdir()] == ["my_api_key"]


@pytest.mark.parametrize("limit", range(5, 13))
def test_few_descriptors(credhelper: Runs, sealed: Callable[..., Path], limit: int) -> None:
    path = sealed("my_api_key", "old")
    finished = credhelper(
        *("rotate", "my_api_key"),
        input="new",
        measured=False,
        before=["/usr/bin/prlimit", f"--nofile={limit}"],
    )
    if finished.status == 0:
        assert unseal(path) == b"new"
    else:
        error, _ = lines(finished.err)
        assert "Too many open files" in error
        assert unseal(path) == b"old"
    assert [entry.name for entry in STORE.iterdir()] == ["my_api_key"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(
    credhelper: Runs, sealed: Callable[..., Path], tmp_path: Path, closed: str
) -> None:
    path = sealed("my_api_key", "old")
    source = tmp_path / "value"
    source.write_bytes(b"new")
    finished = credhelper(
        *("rotate", "my_api_key", "--from-file", str(source)),
        before=["/bin/sh", "-c", f'exec "$@" {closed}', "sh"],
    )
    assert finished.status == 0
    assert unseal(path) == b"new"
    assert "Traceback" not in finished.err
    finished = credhelper("list", before=["/bin/sh", "-c", f'exec "$@" {closed}', "sh"])
    assert (finished.status, "error" in finished.err) == (0, False)
    finished = credhelper("add", "other", before=["/bin/sh", "-c", 'exec "$@" <&-', "sh"])
    assert finished.status == 1
    assert "the value of other is empty" in finished.err


def test_sigchld_ignored_by_the_caller(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "old")
    ignoring = ["/bin/sh", "-c", 'trap "" CHLD PIPE XFSZ; exec "$@"', "sh"]
    assert credhelper("rotate", "my_api_key", input="new", before=ignoring).status == 0
    assert unseal(path) == b"new"


def test_standard_input_that_cannot_be_read(credhelper: Runs) -> None:
    unreadable = ["/bin/sh", "-c", 'exec "$@" 0>/dev/null', "sh"]
    finished = credhelper("add", "my_api_key", before=unreadable)
    assert finished.status == 1
    assert lines(finished.err)[0] == "standard input cannot be read: Bad file descriptor"

# SPDX-License-Identifier: MIT
"""The plaintext that a value came from: nobody leads astray, and only the proven is deleted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from credhelper.commands.source import Source
from credhelper.errors import InvalidValue, StoreFailed
from tests.real.conftest import STORE, Runs, launcher
from tests.real.tracing import STRACE

NOBODY: Final = 65534
VALUE: Final = b"sk-1234\n"


@pytest.fixture
def file(scratch: Path) -> Path:
    path = scratch / "value"
    path.write_bytes(VALUE)
    return path


def test_a_source_is_read_exactly_and_deleted(file: Path) -> None:
    source = Source(str(file))
    assert source.value == VALUE
    source.delete({})
    assert not file.exists()


@pytest.mark.parametrize("change", ["replaced", "appended", "linked", "touched", "written"])
def test_a_source_that_changed_since_it_was_read_stays(file: Path, change: str) -> None:
    source = Source(str(file))
    status = file.stat()
    if change == "appended":
        with file.open("ab") as more:
            more.write(b"more")
    elif change == "written":  # as long as before, and its time put back
        file.write_bytes(VALUE.swapcase())
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "touched":
        file.chmod(0o640)
    else:
        file.rename(file.with_name("aside"))
        if change == "replaced":
            file.write_bytes(VALUE)
        else:
            file.symlink_to("aside")
    with pytest.raises(StoreFailed, match="was changed meanwhile"):
        source.delete({})
    assert file.exists()


def test_a_source_that_is_gone_is_told(file: Path) -> None:
    source = Source(str(file))
    file.unlink()
    with pytest.raises(StoreFailed, match="cannot be removed: No such file"):
        source.delete({})


def test_a_source_with_another_name_is_named_and_kept(credhelper: Runs, file: Path) -> None:
    os.link(file, file.with_name("backup"))
    finished = credhelper("add", "my_api_key", "--from-file", str(file), "--delete-source")
    assert finished.status == 1
    assert "removed" not in finished.out
    assert f"{file} has 2 names, and the value stays under the others" in finished.err
    assert f"find / -samefile {file}" in finished.err
    assert file.exists()
    assert (STORE / "my_api_key").exists()


def test_no_descriptor_is_left_where_a_source_is_refused(scratch: Path) -> None:
    before = os.listdir("/proc/self/fd")
    os.mkfifo(scratch / "fifo")
    (scratch / "link").symlink_to("value")
    (scratch / "circle").symlink_to("circle")
    paths = ("", "fifo", "missing", "link", "circle/value", "fifo/value", "..", "value/")
    for path in paths:
        with pytest.raises(InvalidValue):
            Source(f"{scratch}/{path}")
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("link_owner", "file_owner", "refused"),
    [(NOBODY, 0, True), (NOBODY, NOBODY, False), (0, 0, False), (0, NOBODY, False)],
)
def test_a_link_in_the_path_is_followed_where_it_is_whose_file_it_is(
    credhelper: Runs, scratch: Path, link_owner: int, file_owner: int, refused: bool
) -> None:
    """A user puts a link to a directory of root's in the place of his own."""
    (scratch / "app").mkdir()
    target = scratch / "app" / ".env"
    target.write_text("API_KEY=sk-1234\n")
    os.chown(target, file_owner, file_owner)
    link = scratch / "project"
    link.symlink_to("app")
    os.chown(link, link_owner, link_owner, follow_symlinks=False)
    finished = credhelper("import", str(link / ".env"), "--delete-source")
    if refused:
        assert finished.status == 1
        assert f"{link}/.env is reached by a symbolic link of user id {NOBODY}" in finished.err
        assert not STORE.exists() or not list(STORE.iterdir())
    else:
        assert finished.status == 0, finished.err
    assert target.exists() == refused


def test_the_directory_that_was_read_from_is_the_one_in_which_is_deleted(scratch: Path) -> None:
    mine, other = scratch / "mine", scratch / "other"
    for directory in (mine, other):
        directory.mkdir()
        (directory / "value").write_bytes(VALUE)
    source = Source(str(mine / "value"))
    mine.rename(scratch / "aside")
    mine.symlink_to("other")
    source.delete({})
    assert (other / "value").exists()
    assert not (scratch / "aside" / "value").exists()


def test_another_value_in_the_store_keeps_the_source(
    sealed: Callable[..., Path], file: Path
) -> None:
    sealed("my_api_key", "x")
    with pytest.raises(StoreFailed, match=r"is kept: .*my_api_key was changed meanwhile"):
        Source(str(file)).delete({"my_api_key": b"another"})
    assert file.exists()


@pytest.mark.parametrize("verb", ["import", "put"])
def test_what_an_earlier_run_stored_is_made_durable_before_its_source_goes(
    credhelper: Runs, sealed: Callable[..., Path], file: Path, scratch: Path, verb: str
) -> None:
    """It may have been killed between taking the name and the directory's fsync."""
    sealed("my_api_key", VALUE)
    trace = scratch / "trace"
    words = ["put", "my_api_key", "--from-file"]
    if verb == "import":
        file.write_text(f'MY_API_KEY="{VALUE.decode()}"')
        words = ["import"]
    strace = [STRACE, "-f", "-y", "-o", str(trace), "-e", "trace=fsync,unlinkat,unlink"]
    finished = credhelper(*words, str(file), "--delete-source", before=strace, measured=False)
    assert finished.status == 0, finished.err
    assert "unchanged" in finished.out
    lines = [line.split(" ", 1)[1].strip() for line in trace.read_text().splitlines()]
    unlinked = next(n for n, line in enumerate(lines) if "unlink" in line and '"value"' in line)
    synced = [line for line in lines[:unlinked] if line.startswith("fsync")]
    for path in (STORE / "my_api_key", STORE, STORE.parent):
        assert any(f"<{path}>" in line for line in synced), lines
    assert not file.exists()


def test_a_disk_that_does_not_sync_keeps_the_source(
    credhelper: Runs, sealed: Callable[..., Path], file: Path
) -> None:
    sealed("my_api_key", VALUE)
    inject = [STRACE, "-f", "-qqq", "-o/dev/null", "-e", "inject=fsync:error=EIO"]
    words = ("put", "my_api_key", "--from-file", str(file), "--delete-source")
    finished = credhelper(*words, before=inject, measured=False)
    assert finished.status == 1
    assert f"{file} is kept: " in finished.err
    assert file.read_bytes() == VALUE


def test_who_holds_the_store_is_named_when_the_wait_is_over(
    credhelper: Runs, sealed: Callable[..., Path], environment: dict[str, str], scratch: Path
) -> None:
    sealed("my_api_key", "x")
    fifo = scratch / "fifo"
    os.mkfifo(fifo)
    program = (
        "import sys; sys.argv[0] = 'credhelper'\n"
        "from credhelper.commands import installing\n"
        f"with installing.locked(): open({str(fifo)!r}, 'w').write('x'); sys.stdin.read()\n"
    )
    words = [*launcher("credhelper")[:2], "-c", program, "credhelper", "rotate"]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE) as holding:
        assert fifo.read_text() == "x"
        finished = credhelper("remove", "my_api_key", "--yes", "--wait=0")
        holding.communicate()
    assert finished.status == 1
    assert finished.err.splitlines() == [
        f"credhelper: error: {STORE} is being changed by credhelper rotate (process {holding.pid})",
        "credhelper: hint: let it end, or give it longer: --wait SECONDS",
    ]
    assert (STORE / "my_api_key").exists()
    assert credhelper("remove", "my_api_key", "--yes", "--wait=0").status == 0
    assert credhelper("remove", "my_api_key", "--yes", "--wait=-1").status == 2

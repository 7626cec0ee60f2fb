# SPDX-License-Identifier: MIT
"""``credhelper leaks`` on what somebody made to trap it: nothing runs, nothing else is read."""

from __future__ import annotations

import gzip
import os
import socket
import stat
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credhelper.commands.cli.leaks_report import as_lines
from credhelper.commands.leaks import git as git_process
from credhelper.commands.leaks import survey
from credhelper.commands.leaks.findings import Report
from credhelper.commands.leaks.matching import matcher
from credhelper.commands.leaks.search import search
from credhelper.commands.leaks.unpack import reader
from tests.real import bombs
from tests.real.conftest import Runs
from tests.real.test_leaks import KEY, OWNER, VALUES, commit, git, own, quiet

HOOKS = "pre-commit post-checkout post-index-change reference-transaction fsmonitor-watchman"
SECRET = b"sk_live_which_only_root_may_read"


@pytest.fixture
def tree(scratch: Path) -> Path:
    """A repository with a value in its history."""
    path = scratch / "tree"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    commit(path, "planted", KEY)
    return path


@pytest.fixture
def private(scratch: Path) -> Path:
    """A repository of root's with a value that stands nowhere else, which only root can read."""
    path = scratch / "private"
    path.mkdir(0o700)
    git(path, "init", "--quiet")
    commit(path, "secret", SECRET)
    (path / "file").write_bytes(SECRET)
    return path


def look(path: Path, *, staged: bool = False) -> Report:
    """Searches for the planted value and for root's."""
    values = VALUES | {"of_root": SECRET}
    return search([os.fsencode(path)], matcher(values), quiet, only_staged=staged)


def found(report: Report) -> set[tuple[str, str]]:
    """Which values were found at which paths."""
    return {(hit.credential, Path(hit.path).name) for hit in report.hits}


def reasons(report: Report) -> str:
    """All that could not be read."""
    return "\n".join(f"{problem.path}: {problem.reason}" for problem in report.problems)


def set_traps(tree: Path, trap: str) -> None:
    """Everything by which a repository can make Git run a command."""
    settings = {
        "core.fsmonitor": trap,
        "core.hooksPath": "hooks",
        "core.sshCommand": trap,
        "core.pager": trap,
        "core.editor": trap,
        "core.askPass": trap,
        "core.gitProxy": trap,
        "core.alternateRefsCommand": trap,
        "pager.log": trap,
        "pager.cat-file": trap,
        "credential.helper": f"!{trap}",
        "gpg.program": trap,
        "log.showSignature": "true",
        "diff.external": trap,
        "diff.trap.command": trap,
        "diff.trap.textconv": trap,
        "filter.trap.clean": trap,
        "filter.trap.smudge": trap,
        "filter.trap.process": trap,
        "merge.trap.driver": trap,
        "uploadpack.packObjectsHook": trap,
        "alias.cat-file": f"!{trap}",
        "remote.origin.url": f"ext::{trap}",
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": trap,
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
        "trace2.eventTarget": str(Path(trap).parent / "executed"),
    }
    with (tree / ".git/config").open("a") as file:
        for name, value in settings.items():
            section, _, key = name.rpartition(".")
            top, _, rest = section.partition(".")
            file.write(f'[{top} "{rest}"]\n' if rest else f"[{top}]\n")
            file.write(f"\t{key} = {value}\n")
    for directory in (tree / ".git/hooks", tree / "hooks"):
        directory.mkdir(exist_ok=True)
        for hook in HOOKS.split():
            (directory / hook).symlink_to(trap)
    (tree / ".gitattributes").write_text("* diff=trap filter=trap merge=trap\n")
    (tree / ".git/info/attributes").write_text("* diff=trap filter=trap merge=trap\n")


@pytest.fixture
def trap(scratch: Path) -> Iterator[str]:
    """A command that leaves ``executed`` behind."""
    path = scratch / "trap"
    path.write_text(f"#!/bin/sh\n: > {scratch}/executed\nexec cat\n")
    path.chmod(0o755)
    scratch.chmod(0o777)  # so that the owner's processes could
    yield str(path)


def test_nothing_that_a_repository_asks_for_is_run(tree: Path, trap: str, scratch: Path) -> None:
    (tree / "file").write_bytes(b"new\n" + KEY)
    git(tree, "add", "file")
    set_traps(tree, trap)
    missing = git(tree, "-c", "core.fsmonitor=false", "rev-parse", "HEAD~:planted")
    (tree / ".git/objects" / missing[:2] / missing[2:]).unlink()
    own(tree)
    assert found(look(tree)) == {("my_api_key", "file")}
    assert found(look(tree, staged=True)) == {("my_api_key", "file")}
    assert not (scratch / "executed").exists()
    # the traps are good: Git as everybody runs it steps into them
    subprocess.run(
        ["/usr/bin/git", "-c", "safe.directory=*", "status"],
        cwd=tree,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert (scratch / "executed").exists()


def test_an_include_that_never_ends_is_not_read(tree: Path) -> None:
    os.mkfifo(tree / ".git/fifo")
    with (tree / ".git/config").open("a") as file:
        file.write("[include]\n\tpath = fifo\n")
    own(tree)
    assert found(look(tree)) == {("my_api_key", "planted")}


FIFOS = ["objects/info/alternates", "packed-refs", "refs/heads/x", "HEAD", "index"]


@pytest.mark.parametrize("gits", [1, 2])
def test_an_index_of_a_pack_that_never_ends(
    tree: Path, gits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_process, "STALL", 0.5)
    monkeypatch.setattr(survey, "LARGE", 0 if gits > 1 else survey.LARGE)
    (tree / "file").write_bytes(KEY)
    pack = tree / ".git/objects/pack" / f"pack-{'0' * 40}"
    pack.parent.mkdir(exist_ok=True)
    pack.with_suffix(".pack").write_bytes(b"PACK")
    os.mkfifo(pack.with_suffix(".idx"))
    own(tree)
    report = look(tree)
    assert ("my_api_key", "file") in found(report)
    assert git_process.STALLED in reasons(report)


@pytest.mark.parametrize("path", FIFOS)
def test_git_does_not_wait_forever(tree: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "STALL", 0.5)
    (tree / ".git/objects/info").mkdir(exist_ok=True)
    (tree / "file").write_bytes(KEY)
    (tree / ".git" / path).unlink(missing_ok=True)
    os.mkfifo(tree / ".git" / path)
    own(tree)
    report = look(tree)
    assert ("my_api_key", "file") in found(report)
    if path not in ("HEAD", "index"):  # of which we make Git's own, or which it does not need
        assert git_process.STALLED in reasons(report)


def test_objects_that_are_fifos_are_stepped_over(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One among the objects held a search for six minutes."""
    monkeypatch.setattr(git_process, "STALL", 0.5)
    gone = git(tree, "hash-object", "-w", "--stdin", data=b"soon a FIFO")
    (tree / ".git/objects" / gone[:2] / gone[2:]).unlink()
    os.mkfifo(tree / ".git/objects" / gone[:2] / gone[2:])
    own(tree)
    report = look(tree)
    assert ("my_api_key", "planted") in found(report)
    assert f"object {gone} cannot be read: {git_process.STALLED}" in reasons(report)


def test_all_waiting_has_one_bound(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "STALL", 1.0)
    monkeypatch.setattr(git_process.Patience.__init__, "__defaults__", (3.0,))
    for number in range(40):
        oid = git(tree, "hash-object", "-w", "--stdin", data=b"%d" % number)
        (tree / ".git/objects" / oid[:2] / oid[2:]).unlink()
        os.mkfifo(tree / ".git/objects" / oid[:2] / oid[2:])
    own(tree)
    begun = time.monotonic()
    report = look(tree)
    assert time.monotonic() - begun < 35  # one after the other they take 40
    assert f"objects were not read: {git_process.STALLED}" in reasons(report)


def test_leases_of_the_owner_do_not_hold_a_search(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of a file may have those who open it wait for 45 seconds (F_SETLEASE)."""
    monkeypatch.setattr(git_process, "STALL", 1.0)
    (tree / "held").write_bytes(KEY)
    own(tree)
    held = [path for path in (tree / ".git/objects").glob("??/*") if path.is_file()]
    program = (
        "import fcntl, signal, sys\n"
        "signal.signal(signal.SIGIO, signal.SIG_IGN)\n"
        "files = [open(path, 'r+b') for path in sys.argv[1:]]\n"
        "for file in files: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n"
        "print('held', flush=True)\n"
        "signal.pause()\n"
    )
    for path in held:
        path.chmod(0o600)
    scratch = tree.parent
    scratch.chmod(0o755)
    with subprocess.Popen(
        [
            *("/usr/bin/setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"),
            *("/usr/bin/python3", "-c", program, str(tree / "held"), *map(str, held[:3])),
        ],
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        begun = time.monotonic()
        report = look(tree)
        took = time.monotonic() - begun
        holder.kill()
    assert took < 44
    assert "held: cannot be opened: its owner holds it by a lease" in reasons(report)
    assert git_process.STALLED in reasons(report)


def test_a_pack_that_expands_without_end(tree: Path) -> None:
    """A delta of a few bytes makes gigabytes of one object."""
    bombs.delta(tree / ".git/objects/pack", 3 << 30)
    (tree / "file").write_bytes(KEY)
    own(tree)
    begun = time.monotonic()
    report = look(tree)
    assert time.monotonic() - begun < 60
    assert ("my_api_key", "planted") in found(report)
    assert git_process.TOO_LARGE in reasons(report)


def test_a_tree_of_few_objects_and_very_many_paths(tree: Path) -> None:
    blob = git(tree, "hash-object", "-w", "--stdin", data=b"x" + KEY)
    lines = "".join(f"100644 blob {blob}\tf{number}\n" for number in range(10))
    oid = git(tree, "mktree", data=lines.encode())
    for _ in range(6):
        lines = "".join(f"040000 tree {oid}\td{number}\n" for number in range(10))
        oid = git(tree, "mktree", data=lines.encode())
    git(tree, "update-ref", "refs/heads/bomb", git(tree, "commit-tree", "-m", "x", oid))
    own(tree)
    begun = time.monotonic()
    report = look(tree)
    assert time.monotonic() - begun < 60
    paths = [hit.path for hit in report.hits if hit.object == blob]
    assert paths == ["/".join(["d0"] * 6 + ["f0"])]
    assert "unfolds without end" in reasons(report)


def test_which_objects_are_read_again_tells_no_part_of_a_value(tree: Path) -> None:
    """The owner sees each of his files opened (inotify(7)), and guesses halves of a value."""
    parts = [KEY[: len(KEY) // 2], KEY[len(KEY) // 2 :], KEY[8:-8], b"nothing of it"]
    hexes = [part.hex().encode() for part in parts[:3]]
    oids = [git(tree, "hash-object", "-w", "--stdin", data=part) for part in [*parts, *hexes]]
    own(tree)
    opened = watched(tree, oids)
    assert len(set(opened.values())) == 1, opened


def watched(tree: Path, oids: list[str]) -> dict[str, int]:
    """How often a search opens each of these objects."""
    program = (
        "import ctypes, os, struct, sys, time\n"
        "libc = ctypes.CDLL(None)\n"
        "inotify = libc.inotify_init()\n"
        "names = {libc.inotify_add_watch(inotify, p.encode(), 0x20): p for p in sys.argv[1:]}\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "os.set_blocking(inotify, False)\n"
        "try: data = os.read(inotify, 1 << 20)\n"
        "except BlockingIOError: data = b''\n"
        "while data:\n"
        "    watch, mask, cookie, size = struct.unpack('iIII', data[:16])\n"
        "    print(names[watch], flush=True)\n"
        "    data = data[16 + size:]\n"
    )
    paths = [tree / ".git/objects" / oid[:2] / oid[2:] for oid in oids]
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", program, *paths],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as watcher:
        assert watcher.stdout
        assert watcher.stdout.readline() == "ready\n"
        look(tree)
        said, _ = watcher.communicate()
    return {str(path): said.splitlines().count(str(path)) for path in paths}


def test_git_itself_shows_no_part_of_a_value(
    tree: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    """It cuts the lines that it complains of: a part of a value is not known as one."""
    sealed("my_api_key", KEY)
    value = KEY.decode()
    beginning = "# pack-refs with: peeled fully-peeled sorted \n"
    for padding in (52, 68):
        (tree / ".git/packed-refs").write_text(f"{beginning}{'x' * padding}{value}\n")
        own(tree)
        finished = credhelper("leaks", str(tree))
        assert value[:12] not in finished.out + finished.err
        assert "packed-refs has a line that Git does not understand" in finished.err


def test_the_steps_run_nothing_as_root(tree: Path, trap: str) -> None:
    """Git runs a repository's hooks as whoever calls it."""
    git(tree, "update-ref", "-d", "refs/heads/main")
    set_traps(tree, trap)
    own(tree)
    commands = [line.text.split() for line in as_lines(look(tree)) if " git " in line.text]
    assert commands
    assert all(words[:4] == ["sudo", "-u", f"'#{OWNER}'", "git"] for words in commands)


def test_without_git_the_history_is_a_finding(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "GIT", "/nowhere/git")
    assert "there is no /nowhere/git" in reasons(look(tree))


def test_alternates_lead_only_to_what_the_owner_can_read(tree: Path, private: Path) -> None:
    (tree / ".git/objects/info").mkdir(exist_ok=True)
    (tree / ".git/objects/info/alternates").write_text(f"{private}/.git/objects\n")
    own(tree)
    report = look(tree)
    assert found(report) == {("my_api_key", "planted")}
    assert "one of objects/info/alternates cannot be read" in reasons(report)


def test_links_lead_nowhere(tree: Path, private: Path) -> None:
    (tree / "link").symlink_to(private / "file")
    (tree / "directory").symlink_to(private)
    (tree / ".git/config").unlink()
    (tree / ".git/config").symlink_to(private / "file")
    (tree / ".git/HEAD").unlink()
    (tree / ".git/HEAD").symlink_to(private / "file")
    own(tree)
    assert found(look(tree)) == {("my_api_key", "planted")}


@pytest.mark.parametrize("name", ["objects", "refs", "packed-refs", "index"])
def test_a_part_of_the_repository_that_leads_elsewhere(
    tree: Path, private: Path, name: str
) -> None:
    (tree / ".git" / name).rename(tree / "moved") if (tree / ".git" / name).exists() else None
    (tree / ".git" / name).symlink_to(private / ".git" / name)
    own(tree)
    for staged in (False, True):
        assert "of_root" not in {hit.credential for hit in look(tree, staged=staged).hits}


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_pointer_to_the_repository_of_somebody_else_is_a_finding(
    scratch: Path, private: Path, kind: str
) -> None:
    place = scratch / "place"
    place.mkdir()
    if kind == "file":
        (place / ".git").write_text(f"gitdir: {private}/.git\n")
    else:
        (place / ".git").symlink_to(private / ".git")
    own(place)
    for staged in (False, True):
        report = look(place, staged=staged)
        assert report.hits == []
        assert "leads to a repository of another user" in reasons(report)
    if kind == "file":
        own(place, 0)  # what root itself wrote
        assert ("of_root", "secret") in found(look(place))


def test_a_worktree_whose_common_directory_is_of_somebody_else(tree: Path, private: Path) -> None:
    (tree / ".git/commondir").write_text(f"{private}/.git\n")
    own(tree)
    report = look(tree)
    assert report.hits == []
    assert "commondir file leads to a repository of another user" in reasons(report)


def test_only_regular_files_are_opened(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
    os.mknod(tree / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    own(tree)
    report = look(tree)
    assert found(report) == {("my_api_key", "planted")}
    assert report.problems == []


def test_names_cannot_write_to_the_terminal(
    tree: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    name = "x\n  all is well\r\x1b]0;title\x07\x9b31m\u202e"
    (tree / name).write_bytes(KEY)
    (tree / "bad\udcff").write_bytes(KEY)
    commit(tree, f"gone {name}", KEY)
    os.symlink("/nowhere", tree / ".git/packed-refs")
    own(tree)
    finished = credhelper("leaks", str(tree))
    assert finished.status == 1
    shown = finished.out + finished.err
    assert all(character.isprintable() for line in shown.split("\n") for character in line)
    assert "\n  all is well" not in shown


def test_a_value_in_a_name_is_not_shown(
    tree: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    value = KEY.decode()
    commit(tree, f"{value}/x", KEY)
    (tree / value).mkdir()
    (tree / value / "locked").write_bytes(KEY)
    git(tree, "branch", value)
    git(tree, "tag", "--annotate", "--message", value, f"v-{value}")
    git(tree, "config", "remote.x.url", f"https://{value}@example.org/")
    for arguments in ([str(tree)], ["--json", str(tree / value)], [str(tree / value / "absent")]):
        finished = credhelper("leaks", *arguments)
        assert finished.status != 0
        assert value not in finished.out + finished.err
        assert value.encode().hex() not in finished.out + finished.err


def test_a_file_of_ten_gigabytes_of_nothing(scratch: Path) -> None:
    with (scratch / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    assert look(scratch).hits == []


def test_a_decompression_bomb_is_bounded(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_BYTES", 8 << 20)
    with gzip.open(scratch / "bomb.gz", "wb") as file:
        file.write(bytes(64 << 20) + KEY)
    with gzip.open(scratch / "small.gz", "wb") as file:
        file.write(KEY)
    report = look(scratch)
    assert found(report) == {("my_api_key", "small.gz")}
    assert "bomb.gz: gzip data: it expands too far" in reasons(report)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: data[:60] + bytes(30) + data[90:], "damaged"),
    ],
)
def test_damaged_gzip_data_is_a_finding(
    scratch: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    data = gzip.compress(KEY + b"\n" + os.urandom(5000))
    (scratch / "damaged.gz").write_bytes(damage(data))
    assert reason in reasons(look(scratch))


def test_another_file_system_is_not_entered(tree: Path) -> None:
    (tree / "mounted").mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "none", tree / "mounted"], check=True)
    try:
        (tree / "mounted/file").write_bytes(KEY)
        report = look(tree)
    finally:
        subprocess.run(["/bin/umount", tree / "mounted"], check=True)
    assert found(report) == {("my_api_key", "planted")}
    assert "mounted: another file system" in reasons(report)


def test_a_tree_of_any_depth(scratch: Path) -> None:
    descriptor = os.open(scratch, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    report = look(scratch)
    assert "directories deep" in reasons(report)
    subprocess.run(["/bin/rm", "-r", scratch / "d"], check=True)


def test_a_directory_that_is_swapped_for_a_link_meanwhile(tree: Path, private: Path) -> None:
    """The owner swaps a directory and a file for links to root's, over and over."""
    for name, target in (("directory", private), ("file", private / "file")):
        (tree / f"{name}-link").symlink_to(target)
    (tree / "directory").mkdir()
    (tree / "directory/file").write_bytes(b"harmless")
    (tree / "file").write_bytes(b"harmless")
    own(tree)
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for name in ("directory", "file"):
                os.rename(tree / name, tree / f"{name}-kept")
                os.rename(tree / f"{name}-link", tree / name)
                os.rename(tree / name, tree / f"{name}-link")
                os.rename(tree / f"{name}-kept", tree / name)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(15):
            assert "of_root" not in {hit.credential for hit in look(tree).hits}
    finally:
        ended.set()
        thread.join()


def packed(tree: Path) -> Path:
    """Packs a repository; its pack, which may be written to."""
    git(tree, "gc", "--quiet")
    (pack,) = (tree / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o600)
    return pack


def cut(tree: Path) -> None:
    pack = packed(tree)
    os.truncate(pack, pack.stat().st_size // 2)


def overwrite(tree: Path) -> None:
    pack = packed(tree)
    size = pack.stat().st_size
    with pack.open("r+b") as file:
        for place in range(200, size - 40, size // 8):
            file.seek(place)
            file.write(os.urandom(9))


def lose_index(tree: Path) -> None:
    packed(tree).with_suffix(".idx").unlink()


def spoil_index(tree: Path) -> None:
    index = packed(tree).with_suffix(".idx")
    index.chmod(0o600)
    index.write_bytes(os.urandom(index.stat().st_size))


def empty_object(tree: Path) -> None:
    oid = git(tree, "hash-object", "-w", "--stdin", data=b"soon empty")
    path = tree / ".git/objects" / oid[:2] / oid[2:]
    path.unlink()
    path.touch()


def spoil_object(tree: Path) -> None:
    oid = git(tree, "hash-object", "-w", "--stdin", data=os.urandom(9000))
    path = tree / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(4000)
        file.write(bytes(100))


DAMAGE = [cut, overwrite, lose_index, spoil_index, empty_object, spoil_object]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_repository_is_a_finding_and_the_rest_is_searched(
    tree: Path, damage: Callable[[Path], None]
) -> None:
    for number in range(20):
        commit(tree, f"filler{number}", os.urandom(2000))
    damage(tree)
    (tree / "file").write_bytes(KEY)
    oid = git(tree, "hash-object", "-w", "--stdin", data=b"x" + KEY)
    own(tree)
    report = look(tree)
    assert ("my_api_key", "file") in found(report)
    assert oid in {hit.object for hit in report.hits}
    if damage is lose_index:  # Git does not see the pack, but it was read
        assert ("my_api_key", next((tree / ".git/objects/pack").iterdir()).name) in found(report)
    else:
        assert report.problems != []
    assert len(report.problems) < 50


def test_an_index_that_cannot_be_read_is_a_finding(tree: Path) -> None:
    (tree / ".git/index").write_bytes(b"DIRC" + os.urandom(400))
    own(tree)
    report = look(tree, staged=True)
    assert "the index cannot be read" in reasons(report)


def test_objects_of_another_make(tree: Path) -> None:
    """A commit with an impossible date, and a blob that looks like what cat-file writes."""
    empty = git(tree, "mktree")
    lines = [f"tree {empty}", "author A <a> 99999999999999999999 +9999", "committer B", "", "x"]
    data = "\n".join(lines).encode() + KEY
    odd = git(tree, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", data=data)
    fake = f"\n{'0' * 40} blob 99999999999\n{'1' * 40} missing\n".encode() * 9000 + KEY
    blob = git(tree, "hash-object", "-w", "--stdin", data=fake)
    own(tree)
    report = look(tree)
    assert {odd, blob} < {hit.object for hit in report.hits}
    assert report.problems == []


def test_what_git_does_not_read_below_objects_is_searched(tree: Path) -> None:
    """A name like one of Git's makes no object of a file, nor does a quarantine of a push."""
    objects = tree / ".git/objects"
    packed = zlib.compress(b"blob %d\0" % len(KEY) + KEY)
    places = [
        ("zz", "a" * 38),
        ("pack", "pack-abc.env"),
        ("pack", "pack-abc.keep"),
        ("pack", "tmp_pack_x1"),
        ("incoming-x1/12", "a" * 38),
        ("tmp_objdir-incoming-x1/12", "b" * 38),
        ("12", "tmp_obj_x1"),
        ("info", "notes"),
    ]
    for directory, name in places:
        (objects / directory).mkdir(parents=True, exist_ok=True)
        (objects / directory / name).write_bytes(KEY if directory in ("zz", "pack") else packed)
    own(tree)
    report = look(tree)
    assert {("my_api_key", name) for _, name in places} <= found(report)


def test_files_without_a_size_are_read_to_their_end() -> None:
    with subprocess.Popen(
        ["/bin/sleep", "1000"], env={"TOKEN": KEY.decode(), "OTHER": "x" * 5000}
    ) as process:
        environment = Path(f"/proc/{process.pid}/environ")
        while not environment.read_bytes():  # it is about to be executed
            pass
        report = look(environment)
        process.kill()
    assert {(hit.credential, hit.path) for hit in report.hits} == {
        ("my_api_key", f"/proc/{process.pid}/environ")
    }

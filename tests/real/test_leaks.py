# SPDX-License-Identifier: MIT
"""``credhelper leaks``: values planted in every place and form, and nothing where there is none."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import tarfile
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import git_filter_repo
import pytest

from credhelper.commands.cli.leaks_report import as_lines
from credhelper.commands.leaks import survey
from credhelper.commands.leaks.findings import Hit, Place, Report
from credhelper.commands.leaks.matching import matcher
from credhelper.commands.leaks.search import search
from tests.real.conftest import Runs, launcher
from tests.real.planted import DOCUMENTS, WAYS

OWNER = 54321  # of the repositories: a user without an entry in passwd
DATE = "2024-02-03T02:05:06+00:00"
IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"), ("DATE", DATE))
}
Expected = set[tuple[str, str, int]]
SETTINGS = ("-c", "protocol.file.allow=always", "-c", "safe.directory=*")


def git(where: Path, *arguments: str, data: bytes = b"", env: dict[str, str] | None = None) -> str:
    """Runs Git in ``where``; what it writes, without the end of line."""
    finished = subprocess.run(
        ["/usr/bin/git", *SETTINGS, *arguments],
        cwd=where,
        input=data,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **IDENTITY, **(env or {})},
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.decode().strip()


def commit(where: Path, path: str, content: bytes, message: str = "Change") -> str:
    """Commits ``content`` at ``path`` and removes it again; the commit that has it."""
    file = where / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    git(where, "add", "--force", "--", path)
    git(where, "commit", "--quiet", "--message", message)
    oid = git(where, "rev-parse", "HEAD")
    git(where, "rm", "--quiet", "--", path)
    git(where, "commit", "--quiet", "--message", "Remove it")
    return oid


class Plants:
    """Values, each planted in one place, and where each has to be found."""

    def __init__(self) -> None:
        self.random = random.Random(42)  # noqa: S311 - to plant the same every time
        self.values: dict[str, bytes] = {}
        self.expected: dict[str, Expected] = {}

    def key(self, name: str, place: str = "working tree", path: str = "", line: int = 1) -> bytes:
        """A new key like those of real services."""
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        key = "sk_live_" + "".join(self.random.choices(digits, k=self.random.randint(20, 40)))
        return self.value(name, key.encode(), place, path, line)

    def odd(self, name: str, place: str = "working tree", path: str = "", line: int = 1) -> bytes:
        """A new password of the kind that has to be escaped everywhere."""
        return self.value(
            name,
            f"pä$s/'w{self.random.randrange(10**9)}\"rd\\ `<&>!\t+~é".encode(),
            place,
            path,
            line,
        )

    def pem(self, name: str, place: str = "working tree", path: str = "", line: int = 1) -> bytes:
        """A new private key."""
        body = base64.encodebytes(self.random.randbytes(300)).replace(b"\n", b"")
        lines = [body[i : i + 64] for i in range(0, len(body), 64)]
        key = [b"-----BEGIN PRIVATE KEY-----", *lines, b"-----END PRIVATE KEY-----", b""]
        return self.value(name, b"\n".join(key), place, path, line)

    def value(self, name: str, value: bytes, place: str, path: str, line: int) -> bytes:
        """Notes a value and where it is going to be."""
        assert name not in self.values
        self.values[name] = value
        self.expected[name] = {(place, path or f"forms/{name}", line)}
        return value


def plant_forms(plants: Plants, tree: Path) -> None:
    """Files in a work tree, each with one value in one form."""
    directory = tree / "forms"
    directory.mkdir()

    def write(name: str, content: bytes) -> None:
        (directory / name).write_bytes(content)

    write("raw", b"token = " + plants.key("raw", line=1) + b"\n")
    write("raw_last_line", b"a\nb\n" + plants.key("raw_last_line", line=3))
    write("raw_odd", b"\n" + plants.odd("raw_odd", line=2) + b"\n")
    write("raw_short", b"x" + plants.value("raw_short", b"hunter2!", "working tree", "", 1))
    write("binary", bytes(range(256)) * 9 + plants.key("binary", line=10) + bytes(900))
    write("pem", b"x\n" + plants.pem("pem", line=2))
    write("pem_crlf", plants.pem("pem_crlf").replace(b"\n", b"\r\n"))
    indented = plants.pem("pem_indented", line=2).replace(b"\n", b"\n    ")
    write("pem_indented", b"key: |\n    " + indented)
    write("pem_json", json.dumps({"key": plants.pem("pem_json").decode()}).encode())
    for before in range(3):
        encoded = base64.b64encode(b"abc"[:before] + plants.key(f"base64_{before}") + b"\n")
        write(f"base64_{before}", b"data: " + encoded)
    long = b"[default]\nregion = somewhere\nkey = " + plants.key("base64_lines", line=1) + b"\n"
    write("base64_lines", base64.encodebytes(long))
    long = b"12345678" * 4 + plants.key("base64_json", line=1) + b"\n"
    write("base64_json", json.dumps({"content": base64.encodebytes(long).decode()}).encode())
    plants.expected["base64_lines"] = {("working tree", "forms/base64_lines", 1)}
    write("base64url", base64.urlsafe_b64encode(plants.odd("base64url")))
    write("hex_lower", plants.key("hex_lower").hex().encode())
    write("hex_upper", b"0x" + plants.key("hex_upper").hex().upper().encode())
    dump = b"x" * 20 + plants.key("hex_lines", line=1)
    write("hex_lines", "\n".join(re.findall(".{1,60}", dump.hex())).encode())
    write("url", urllib.parse.quote(plants.odd("url"), safe="").encode())
    write("url_path", urllib.parse.quote(plants.odd("url_path")).encode())
    write("url_form", urllib.parse.urlencode({"p": plants.odd("url_form")}).encode())
    lower = re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(plants.odd("url_lower"), ""))
    write("url_lower", lower.encode())
    every = "".join(f"%{byte:02x}" for byte in plants.key("url_every"))
    write("url_every", every.encode())
    write("json", json.dumps({"p": plants.odd("json").decode()}).encode())
    text = plants.odd("json_utf8").decode()
    write("json_utf8", json.dumps({"p": text}, ensure_ascii=False).encode())
    text = json.dumps({"p": plants.odd("json_php").decode()})
    write("json_php", text.replace("/", "\\/").encode())
    text = json.dumps({"p": plants.odd("json_go").decode()}, ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    write("json_go", text.encode())
    for form, style in (
        ("shell_q", 'printf %q "$1"'),
        ("shell_single", "printf \"'%s'\" \"${1//\\'/\\'\\\\\\'\\'}\""),
        ("shell_at", 'printf %s "${1@Q}"'),
    ):
        value = (
            plants.odd(form)
            if form != "shell_q"
            else plants.value(form, b"it's a $mall (w0rld) & more; #1", "working tree", "", 1)
        )
        quoted = subprocess.run(
            ["/bin/bash", "-c", style, "bash", value],
            env={"LC_ALL": "C.UTF-8"},
            check=True,
            capture_output=True,
        ).stdout
        write(form, b"export P=" + quoted)
    double = re.sub(rb'[\\"$`]', rb"\\\g<0>", plants.odd("shell_double"))
    write("shell_double", b'export P="' + double + b'"\n')
    write("utf16_le", plants.key("utf16_le").decode().encode("utf-16"))
    write("utf16_be", ("x" + plants.odd("utf16_be").decode()).encode("utf-16-be"))
    write("gzip", gzip.compress(b"a\n" + plants.key("gzip", line=2)))
    members = gzip.compress(b"a" * 5000) + gzip.compress(b"\n" + plants.key("gzip_2", line=2))
    write("gzip_2", members + bytes(512))
    write("gzip_utf16", gzip.compress(plants.key("gzip_utf16").decode().encode("utf-16-le")))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        content = plants.key("tar_gz", line=1)
        member = tarfile.TarInfo("etc/key")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    write("tar_gz", archive.getvalue())


def plant_files(plants: Plants, tree: Path) -> None:
    """Files of every kind in and around a work tree."""

    def write(path: str, content: bytes) -> Path:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
        return tree / path

    write(".gitignore", b"ignored/\n")
    write("ignored/.env", b"A=1\nKEY=" + plants.key("ignored", path="ignored/.env", line=2))
    write("a/b/c/d/untracked", plants.key("untracked", path="a/b/c/d/untracked"))
    write("private", plants.key("private", path="private")).chmod(0)
    write("odd\n\x1b[31mname", plants.key("odd_name", path="odd\n\x1b[31mname"))
    name = plants.key("file_name", "file name", "<file_name>.txt", 0).decode()
    write(f"{name}.txt", b"")
    (tree / "link").symlink_to("nowhere/" + plants.key("link", "link target", "link", 0).decode())
    padding = b"x" * ((1 << 20) - 17)
    write("boundary", padding + plants.key("boundary", path="boundary") + padding)
    with (tree / "sparse").open("wb") as file:
        file.seek(10 << 30)
        file.write(b"\n" + plants.key("sparse", path="sparse", line=2))
        file.truncate(20 << 30)
    os.mkfifo(tree / "fifo")


def plant_history(plants: Plants, tree: Path) -> None:
    """Objects of every kind, most of them not in the work tree any more."""

    def key(name: str, path: str, line: int = 1) -> bytes:
        return plants.key(name, "history", path, line)

    commit(tree, "conf/removed.ini", b"[a]\n" + key("removed", "conf/removed.ini", 2))
    commit(tree, "e\nnew", key("odd_path", "e\nnew"))
    commit(tree, "packed.gz", gzip.compress(b"\n\n" + key("packed_gzip", "packed.gz", 3)))
    commit(tree, "b64", base64.b64encode(b"x" + key("packed_base64", "b64")))
    commit(tree, "wide", key("packed_utf16", "wide").decode().encode("utf-16"))
    large = os.urandom(1 << 20) * 40
    commit(tree, "large", large + key("large", "large", large.count(b"\n") + 1))
    git(tree, "gc", "--quiet")

    name = plants.key("path_name", "path name in history", "<path_name>", 0).decode()
    commit(tree, f"deep/{name}", b"")
    plants.expected["path_name"] = {("path name in history", "deep", 0)}
    blob = git(tree, "hash-object", "-w", "--stdin", data=key("symlink", "ln"))
    git(tree, "update-index", "--add", "--cacheinfo", f"120000,{blob},ln")
    git(tree, "commit", "--quiet", "--message", "Link")
    git(tree, "rm", "--quiet", "--cached", "ln")
    git(tree, "commit", "--quiet", "--message", "Unlink")

    # on a branch, in a merge that neither side has, in a commit that no branch has any more
    git(tree, "switch", "--quiet", "--create", "side")
    commit(tree, "side", key("side", "side"))
    git(tree, "switch", "--quiet", "main")
    git(tree, "merge", "--quiet", "--no-ff", "--no-commit", "side")
    (tree / "merged").write_bytes(key("merge", "merged"))
    git(tree, "add", "merged")
    git(tree, "commit", "--quiet", "--message", "Merge")
    git(tree, "rm", "--quiet", "merged")
    git(tree, "commit", "--quiet", "--message", "Remove it")
    (tree / "reset").write_bytes(key("reflog", "reset"))
    git(tree, "add", "reset")
    git(tree, "commit", "--quiet", "--message", "Regret")
    git(tree, "reset", "--quiet", "--hard", "HEAD~")

    (tree / "tracked").write_bytes(key("stash", "tracked"))
    (tree / "new").write_bytes(key("stash_untracked", "new"))
    git(tree, "stash", "push", "--quiet", "--include-untracked", "--", "tracked", "new")
    git(tree, "notes", "add", "--message", key("note", "?").decode(), "HEAD")
    plants.expected["note"] = {("history", git(tree, "rev-parse", "HEAD"), 1)}
    blob = git(tree, "hash-object", "-w", "--stdin", data=b"\n" + key("dangling", "", 2))
    plants.expected["dangling"] = {("history", "", 2)}
    old = git(tree, "hash-object", "-w", "--stdin", data=key("replaced", ""))
    plants.expected["replaced"] = {("history", "", 1)}
    git(tree, "replace", old, git(tree, "hash-object", "-w", "--stdin", data=b"harmless"))
    (tree / "staged").write_bytes(plants.key("staged", "staged", "staged"))
    git(tree, "add", "staged")
    (tree / "staged").unlink()

    empty = git(tree, "mktree")
    message = b"Deploy\n\nwith " + plants.key("message", "commit message", "", 0)
    plants.expected["message"] = {("commit message", "", 0)}
    oid = git(tree, "commit-tree", empty, data=message)
    git(tree, "branch", "messages", oid)
    author = plants.key("author", "commit message", "", 0).decode()
    plants.expected["author"] = {("commit message", "", 0)}
    git(tree, "commit-tree", empty, "-m", "x", env={"GIT_AUTHOR_NAME": author})
    tag = plants.key("tag", "tag", "v1", 0).decode()
    git(tree, "tag", "--annotate", "--message", tag, "v1")


def plant_git_files(plants: Plants, tree: Path) -> None:
    """Values in what Git keeps as files."""

    def key(name: str, path: str, line: int = 1) -> str:
        return plants.key(name, "Git directory", path, line).decode()

    url = f"https://user:{key('remote', '.git/config')}@example.org/x.git"
    git(tree, "remote", "add", "origin", url)
    lines = (tree / ".git/config").read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "example.org" in text)
    plants.expected["remote"] = {("Git directory", ".git/config", line)}
    (tree / ".git/hooks").mkdir(exist_ok=True)
    hook = tree / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\ncurl -H {key('hook', '.git/hooks/pre-push', 2)} x\n")
    (tree / ".git/COMMIT_EDITMSG").write_text(key("editmsg", ".git/COMMIT_EDITMSG"))
    with (tree / ".git/packed-refs").open("a") as file:
        oid = git(tree, "rev-parse", "HEAD")
        branch = key("packed_ref", ".git/packed-refs")
        file.write(f"{oid} refs/heads/z-{branch}\n")
    count = len((tree / ".git/packed-refs").read_text().splitlines())
    plants.expected["packed_ref"] = {("Git directory", ".git/packed-refs", count)}
    with (tree / ".git/logs/HEAD").open("a") as file:
        file.write(f"{oid} {oid} A <a@example.org> 1 +0000\tcommit: {key('reflog_text', '?')}\n")
    count = len((tree / ".git/logs/HEAD").read_text().splitlines())
    plants.expected["reflog_text"] = {("Git directory", ".git/logs/HEAD", count)}


def plant_repositories(plants: Plants, tree: Path, outside: Path) -> None:
    """Repositories in the tree, and those that files in it lead to."""

    def repository(path: Path, name: str, *options: str) -> None:
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--initial-branch=main", *options)
        commit(path, "kept", plants.key(name, "history", "kept"))

    repository(tree / "ignored/nested", "nested")
    repository(outside / "sha256", "sha256", "--object-format=sha256")
    shutil.move(outside / "sha256", tree / "ignored/sha256")
    repository(outside / "bare", "bare")
    git(outside, "clone", "--quiet", "--bare", "bare", str(tree / "bare.git"))
    shutil.rmtree(outside / "bare")
    repository(outside / "module", "submodule")
    git(tree, "submodule", "--quiet", "add", str(outside / "module"), "module")
    git(tree, "commit", "--quiet", "--message", "Module", "module", ".gitmodules")
    shutil.rmtree(outside / "module")
    repository(outside / "main", "worktree")
    git(outside / "main", "worktree", "add", "--quiet", "-b", "x", str(tree / "worktree"))
    (outside / "main/.git/description").write_bytes(
        plants.key("worktree_file", "Git directory", "?")
    )
    path = os.path.relpath(outside / "main/.git", tree) + "/description"
    plants.expected["worktree_file"] = {("Git directory", path, 1)}
    repository(outside / "other", "alternate")
    (tree / ".git/objects/info").mkdir(exist_ok=True)
    (tree / ".git/objects/info/alternates").write_text(f"{outside / 'other/.git/objects'}\n")


@pytest.fixture
def planted(scratch: Path) -> Iterator[tuple[Path, Plants]]:
    """A tree with a value in every place and form."""
    plants = Plants()
    tree = scratch / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet", "--initial-branch=main")
    (tree / "tracked").write_bytes(b"harmless\n")
    git(tree, "add", "tracked")
    git(tree, "commit", "--quiet", "--message", "Begin")
    plant_history(plants, tree)
    plant_repositories(plants, tree, scratch / "outside")
    plant_git_files(plants, tree)
    plant_forms(plants, tree)
    plant_files(plants, tree)
    own(scratch)
    yield tree, plants


def own(path: Path, owner: int = OWNER) -> None:
    """Gives a tree to a user."""
    subprocess.run(["/bin/chown", "-hR", f"{owner}:{owner}", path], check=True)


def quiet(report: Report) -> None:
    """Shows no progress."""


def found(report: Report, tree: Path) -> dict[str, Expected]:
    """Where each credential was found: place, path below the tree, line."""
    result: dict[str, Expected] = {}
    for hit in report.hits:
        path = hit.path
        if path.startswith("/"):
            path = os.path.relpath(path, tree)
        result.setdefault(hit.credential, set()).add((hit.place.value, path, hit.line))
    return result


@pytest.mark.parametrize("large", [0, survey.LARGE], ids=["two Gits", "one"])
def test_every_planted_value_is_found_where_it_stands_and_nowhere_else(
    planted: tuple[Path, Plants], monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    tree, plants = planted
    assert len(plants.values) >= 60
    monkeypatch.setattr(survey, "LARGE", large)
    monkeypatch.setattr(survey, "BLOCK", 41)  # each object on its own
    sought = matcher(plants.values)
    report = search([os.fsencode(tree)], sought, quiet)
    assert report.problems == []
    assert found(report, tree) == plants.expected
    shown = json.dumps(report.as_data()) + "\n".join(line.text for line in as_lines(report))
    assert [name for name, value in plants.values.items() if value in shown.encode()] == []


def test_a_tree_without_any_value_is_clean(planted: tuple[Path, Plants]) -> None:
    tree, plants = planted
    others = {name: value[::-1] for name, value in plants.values.items()}
    report = search([os.fsencode(tree)], matcher(others), quiet)
    assert (report.hits, report.problems) == ([], [])
    assert report.repositories == 6
    assert report.objects > 90


@pytest.fixture
def repository(scratch: Path) -> Path:
    """An empty repository."""
    path = scratch / "repository"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    return path


KEY = b"sk_live_0123456789abcdefghijklmn"
VALUES = {"my_api_key": KEY}


def hits(path: Path, *, staged: bool = False) -> list[Hit]:
    """What a search for one value finds, where all could be read."""
    report = search([os.fsencode(path)], matcher(VALUES), quiet, only_staged=staged)
    assert report.problems == []
    return report.hits


def test_a_hit_tells_the_first_commit_its_date_and_whether_a_remote_has_it(
    repository: Path, scratch: Path
) -> None:
    git(scratch, "init", "--quiet", "--bare", "remote.git")
    git(repository, "remote", "add", "origin", str(scratch / "remote.git"))
    first = commit(repository, "pushed", KEY)
    commit(repository, "pushed", b"changed\n" + KEY)
    git(repository, "push", "--quiet", "origin", "main")
    git(repository, "switch", "--quiet", "--create", "local")
    second = commit(repository, "kept", KEY)
    git(repository, "gc", "--quiet")
    own(repository)
    pushed = [hit for hit in hits(repository) if hit.path == "pushed"]
    assert {(hit.line, hit.author_date) for hit in pushed} == {(1, DATE), (2, DATE)}
    assert first in {hit.commit for hit in pushed}
    assert {hit.remote_branch for hit in pushed} == {"origin/main"}
    (kept,) = [hit for hit in hits(repository) if hit.path == "kept"]
    assert (kept.commit, kept.refs, kept.remote_branch) == (second, ("refs/heads/local",), "")


def test_an_unreachable_commit_is_told_as_such(repository: Path) -> None:
    oid = commit(repository, "gone", KEY)
    git(repository, "reset", "--quiet", "--hard", "HEAD~2")
    own(repository)
    (hit,) = hits(repository)
    assert (hit.path, hit.commit, hit.refs) == ("gone", oid, ())


def steps(report: Report) -> list[str]:
    """The commands that are advised."""
    lines = [line.text for line in as_lines(report)]
    return [line.strip() for line in lines if line.startswith("     ") and "git" in line]


def test_of_the_stash_alone_the_right_entry_is_dropped(repository: Path) -> None:
    for text in (b"harmless", KEY, b"harmless too", b"x" + KEY, b"newest"):
        (repository / "file").write_bytes(text)
        git(repository, "stash", "--quiet", "--include-untracked")
    own(repository)
    report = search([os.fsencode(repository)], matcher(VALUES), quiet)
    as_owner = f"sudo -u '#{OWNER}' git -C {repository}"
    assert steps(report) == [
        f"{as_owner} stash drop 'stash@{{3}}'",
        f"{as_owner} stash drop 'stash@{{1}}'",
        f"{as_owner} gc --prune=now",
    ]


def test_every_branch_that_has_a_commit_is_told(repository: Path) -> None:
    git(repository, "switch", "--quiet", "--create", "old/one")
    commit(repository, "gone", KEY)
    git(repository, "switch", "--quiet", "--create", "old/two")
    git(repository, "tag", "v1")
    git(repository, "switch", "--quiet", "main")
    own(repository)
    (hit,) = hits(repository)
    assert hit.refs == ("refs/heads/old/one", "refs/heads/old/two", "refs/tags/v1")


def test_a_subdirectory_stands_for_its_repository(repository: Path) -> None:
    commit(repository, "gone", KEY)
    (repository / "sub").mkdir()
    own(repository)
    (hit,) = hits(repository / "sub")
    assert hit.path == "gone"


@pytest.mark.parametrize("born", [True, False])
def test_staged_is_what_the_next_commit_adds(scratch: Path, born: bool) -> None:
    repository = scratch / "repository"
    repository.mkdir()
    git(repository, "init", "--quiet")
    if born:
        commit(repository, "old", KEY)
        (repository / "kept").write_bytes(KEY)
        git(repository, "add", "kept")
        git(repository, "commit", "--quiet", "--message", "Keep")
    (repository / "untracked").write_bytes(KEY)
    (repository / "clean").write_bytes(b"clean")
    git(repository, "add", "clean")
    own(repository)
    assert hits(repository, staged=True) == []
    (repository / "new").write_bytes(b"\n" + KEY)
    (repository / "new.gz").write_bytes(gzip.compress(KEY))
    git(repository, "add", "new", "new.gz")
    own(repository)
    staged = hits(repository, staged=True)
    assert {(h.place.value, h.path, h.line, h.inside) for h in staged} == {
        ("staged", "new", 2, ""),
        ("staged", "new.gz", 1, "gzip data"),
    }


@pytest.mark.parametrize("arguments", [["--all"], ["file"]], ids=" ".join)
def test_staged_sees_what_commit_takes_along(
    repository: Path, arguments: list[str], sealed: Callable[..., Path], scratch: Path
) -> None:
    """``git commit -a`` and ``git commit PATH`` have an index of their own while hooks run."""
    sealed("my_api_key", KEY)
    (repository / "file").write_bytes(b"clean")
    git(repository, "add", "file")
    git(repository, "commit", "--quiet", "--message", "Clean")
    command = " ".join([*launcher("credhelper"), "leaks", "--staged"])
    hook = repository / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\nunset GIT_INDEX_FILE\nexec {command} > {scratch}/said\n")
    hook.chmod(0o755)
    (repository / "file").write_bytes(KEY)
    with pytest.raises(AssertionError):
        git(repository, "commit", "--quiet", "--message", "Leak", *arguments)
    assert "file:1  (staged)" in (scratch / "said").read_text()


def test_the_command_tells_places_and_steps_and_never_the_value(
    repository: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    sealed("short", b"hunter2")
    commit(repository, "it's", KEY)
    (repository / "file").write_bytes(KEY)
    own(repository)
    finished = credhelper("leaks", str(repository), umask=0o077)
    assert finished.status == 1
    assert "my_api_key was found in 2 places:\n" in finished.out
    assert f"{repository}/file:1  (working tree)\n" in finished.out
    assert "in refs/heads/main, in no branch of a remote\n" in finished.out
    assert "     sudo credhelper rotate my_api_key\n" in finished.out
    assert f"     sudo credhelper leaks --rewrite {repository}\n" in finished.out
    assert finished.err.startswith("credhelper: warning: not searched for: the value of short ")
    assert KEY.decode() not in finished.out + finished.err


def test_the_command_prints_json(
    repository: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    (repository / "file").write_bytes(b"\n" + KEY)
    finished = credhelper("leaks", "--json", cwd=repository)
    (hit,) = json.loads(finished.out)["hits"]
    assert (hit["credential"], hit["path"], hit["line"]) == ("my_api_key", "./file", 2)
    assert finished.status == 1


def test_only_selected_credentials_are_searched_for(
    repository: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    sealed("other", KEY[::-1])
    (repository / "file").write_bytes(KEY)
    finished = credhelper("leaks", "--select", "other", str(repository))
    assert (finished.status, finished.err) == (0, "")
    assert finished.out.endswith(" of 1 repository: clean\n")
    finished = credhelper("leaks", "--select", "absent", str(repository))
    assert finished.status == 1
    assert "there is no credential absent" in finished.err


def test_a_credential_that_cannot_be_unsealed_is_a_finding(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    sealed("damaged", KEY).write_bytes(b"damaged")
    (scratch / "file").write_bytes(KEY)
    finished = credhelper("leaks", str(scratch))
    assert finished.status == 1
    assert "my_api_key was found in 1 place:" in finished.out
    assert "credhelper: error: not searched for: credential damaged " in finished.err


def test_what_is_not_there_is_a_failure(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", KEY)
    finished = credhelper("leaks", "/nowhere")
    assert finished.status == 1
    assert finished.err.startswith("credhelper: error: /nowhere: no such file or directory\n")


def test_a_terminal_gets_colours_and_whole_commands(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    repository = scratch / ("a-path-that-is-longer-than-a-line-of-the-terminal/" * 3)
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet")
    commit(repository, "file", KEY)
    finished = credhelper("leaks", str(repository), tty=[])
    assert "\x1b[1;31mmy_api_key was found in 1 place:\x1b[0m" in finished.out
    assert f"sudo credhelper leaks --rewrite {repository}\x1b[0m" in finished.out
    plain = credhelper("leaks", str(repository), env={"NO_COLOR": "1"}, tty=[])
    assert "31m" not in plain.out


def test_progress_is_shown_at_a_terminal(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    with gzip.open(scratch / "zeros.gz", "wb", compresslevel=1) as file:
        for _ in range(4):
            file.write(bytes(256 << 20))
    shutil.copy(scratch / "zeros.gz", scratch / "more.gz")
    finished = credhelper("leaks", str(scratch), tty=[("searching: ", "")])
    assert b"searching: " in finished.stdout


@pytest.fixture
def newer_filter_repo(scratch: Path) -> Iterator[None]:
    """The git-filter-repo of PyPI in place of an older one of the system's, in this namespace."""
    there = shutil.which("git-filter-repo", path="/usr/bin:/usr/libexec/git-core")
    copy = scratch / "git-filter-repo"
    shutil.copy(git_filter_repo.__file__, copy)
    copy.chmod(0o755)
    subprocess.run(["/bin/mount", "--bind", copy, str(there)], check=True)
    yield
    subprocess.run(["/bin/umount", str(there)], check=True)


def test_an_older_git_filter_repo_takes_no_stash_away(
    repository: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    commit(repository, "gone", KEY)
    (repository / "file").write_bytes(b"stashed")
    git(repository, "stash", "--quiet", "--include-untracked")
    finished = credhelper("leaks", "--rewrite", "--yes", str(repository))
    help_text = git(repository, "filter-repo", "-h")
    if "--sensitive-data-removal" in help_text:
        assert finished.status == 0
    else:
        assert finished.status == 1
        assert "would drop the stash" in finished.err
    assert git(repository, "stash", "list")


@pytest.mark.usefixtures("newer_filter_repo")
def test_after_the_steps_advised_a_search_is_clean(
    repository: Path, scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    """Every kind of place in the past: the advice takes all of them away, and nothing else."""
    sealed("my_api_key", KEY)
    key = KEY.decode()
    commit(repository, "app.py", b"import os\nKEY = '" + KEY + b"'\nrun(KEY)\n")
    commit(repository, "encoded", base64.b64encode(b"user:" + KEY))
    commit(repository, "wide", key.encode("utf-16"))
    commit(repository, "packed.gz", gzip.compress(KEY))
    commit(repository, f"named-{key}", b"harmless")
    (repository / "kept").write_bytes(b"kept\n")
    git(repository, "add", "kept")
    git(repository, "commit", "--quiet", "--message", "Keep")
    for text in (KEY, b"harmless"):
        (repository / "kept").write_bytes(text)
        git(repository, "stash", "--quiet")
    git(
        repository,
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        f"Mention {key}",
        env={"GIT_AUTHOR_NAME": key},
    )
    git(repository, "tag", "--annotate", "--message", key, "v1")
    git(repository, "notes", "--ref=review", "add", "--message", key)
    (repository / ".git/COMMIT_EDITMSG").unlink()
    own(repository)
    scratch.chmod(0o755)
    before = credhelper("leaks", str(repository))
    assert before.status == 1
    commands = [line.split() for line in before.out.splitlines() if line[:9] == "     sudo"]
    assert commands[1] == ["sudo", "credhelper", "leaks", "--rewrite", str(repository)]
    refused = credhelper(*commands[1][2:])
    assert refused.status == 1
    assert "rewriting history has to be confirmed" in refused.err
    rewritten = credhelper(*commands[1][2:], "--yes")
    assert (rewritten.status, rewritten.err) == (0, "")
    assert key not in rewritten.out
    assert commands[2:] == []
    after = credhelper("leaks", str(repository))
    assert (after.status, after.err) == (0, ""), after.out
    assert git(repository, "show", "HEAD:kept") == "kept"
    assert "KEY = '***REMOVED***'" in git(repository, "log", "-p", "--all")
    assert git(repository, "stash", "list").count("\n") == 1


def test_after_the_steps_for_what_no_branch_has_a_search_is_clean(repository: Path) -> None:
    for text in (b"kept", KEY, b"kept too"):
        (repository / "file").write_bytes(text)
        git(repository, "add", "file")
        git(repository, "stash", "--quiet")
    commit(repository, "gone", KEY)
    git(repository, "reset", "--quiet", "--hard", "HEAD~2")
    own(repository)
    repository.parent.chmod(0o755)
    as_owner = ["/usr/bin/setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
    for command in steps(search([os.fsencode(repository)], matcher(VALUES), quiet)):
        words = shlex.split(command)
        assert words[:4] == ["sudo", "-u", f"#{OWNER}", "git"]
        subprocess.run([*as_owner, *words[3:]], check=True, capture_output=True)
    assert hits(repository) == []
    kept = git(repository, "stash", "list", "--format=%gd").splitlines()
    assert [git(repository, "show", f"{entry}:file") for entry in kept] == ["kept too", "kept"]


def test_changes_that_are_not_committed_are_not_taken_away(
    repository: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    (repository / "kept").write_bytes(b"committed")
    git(repository, "add", "kept")
    git(repository, "commit", "--quiet", "--message", "Keep")
    commit(repository, "gone", KEY)
    (repository / "kept").write_bytes(b"changed")
    finished = credhelper("leaks", "--rewrite", "--yes", str(repository))
    assert finished.status == 1
    assert "has uncommitted changes" in finished.err
    assert (repository / "kept").read_bytes() == b"changed"
    assert len(hits(repository)) == 1


def test_what_a_baseline_has_is_left_out(
    repository: Path, credhelper: Runs, sealed: Callable[..., Path], scratch: Path
) -> None:
    sealed("my_api_key", KEY)
    (repository / "known").write_bytes(KEY)
    (scratch / "known.json").write_bytes(credhelper("leaks", "--json", str(repository)).stdout)
    options = ("leaks", "--baseline", str(scratch / "known.json"), str(repository))
    finished = credhelper(*options)
    assert finished.status == 0
    assert finished.out.endswith("clean (1 finding of the baseline)\n")
    (repository / "new").write_bytes(KEY)
    finished = credhelper(*options)
    assert finished.status == 1
    assert "/new:1" in finished.out
    assert "/known:1" not in finished.out
    (scratch / "known.json").write_text('{"hits": [{"path": "x"}]}')
    assert credhelper(*options).status == 1


def test_nothing_found_in_a_part_is_not_clean(
    scratch: Path, credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("my_api_key", KEY)
    (scratch / "cut.gz").write_bytes(gzip.compress(os.urandom(5000))[:2000])
    finished = credhelper("leaks", str(scratch))
    assert finished.status == 3
    assert "nothing found, but not everything was searched" in finished.out


def test_every_way_of_writing_a_value_is_found_or_told(scratch: Path) -> None:
    """In files, and in the history once they are gone; what was found is found for what it is."""
    plants = Plants()
    tree = scratch / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet", "--initial-branch=main")
    for number, (kind, way) in enumerate(WAYS.values()):
        name = f"way-{number}"
        path = f"{number // 50}/{name}"
        match kind:
            case "key":
                planted = plants.key(name, path=path)
            case "password":
                planted = plants.odd(name, path=path)
            case "private key":
                planted = plants.pem(name, path=path)
            case "UUID":
                value = uuid.UUID(int=plants.random.getrandbits(128), version=4)
                planted = plants.value(name, str(value).encode(), "working tree", path, 1)
            case _:
                planted = plants.key(f"{name}-alone", path=path)
                del plants.values[f"{name}-alone"]
                plants.values[name] = DOCUMENTS[kind][0](planted.decode()).encode()
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_bytes(way(planted))
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "Everything")
    git(tree, "rm", "--quiet", "-r", "--cached", ".")
    git(tree, "commit", "--quiet", "--message", "Nothing")
    own(scratch)
    report = search([os.fsencode(tree)], matcher(plants.values), quiet)
    told = {problem.path for problem in report.problems} | {
        word.rstrip(":") for problem in report.problems for word in problem.reason.split()
    }
    assert len(WAYS) >= 200
    oids = git(tree, "hash-object", "--", *(f"{n // 50}/way-{n}" for n in range(len(WAYS)))).split()
    silent: list[str] = []
    for place in (Place.FILE, Place.HISTORY):
        there = {
            (hit.credential.rpartition(" of ")[2], hit.path.rpartition("/")[2])
            for hit in report.hits
            if hit.place is place
        }
        assert {name for name, path in there if name != path} == set(), place
        for number, what in enumerate(WAYS):
            file = f"way-{number}"
            named = f"{tree}/{number // 50}/{file}" if place is Place.FILE else oids[number]
            if (file, file) not in there and named not in told:
                silent.append(f"{place.value}: {what}")
    assert not silent, silent

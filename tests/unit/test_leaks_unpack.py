# SPDX-License-Identifier: MIT
"""What is packed in files is searched: each kind, within one another, cut off, damaged, hostile."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands.leaks.content import Content
from credhelper.commands.leaks.matching import matcher
from credhelper.commands.leaks.unpack import reader
from credhelper.commands.leaks.unpack.reader import Allowance

KEY = b"sk_live_0123456789abcdefghijklmn"
WORDS = [f"{number * 7919:x}" for number in range(999)]
# so that compressing leaves no run of the value as it is
TEXT = " ".join(random.Random(5).choices(WORDS, k=800)).encode()  # noqa: S311
HIDDEN = TEXT + b"\nkey = " + KEY + b"\n" + TEXT


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED, name: str = "a.txt") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("first", b"nothing")
        archive.writestr(name, data)
    return file.getvalue()


class _Pipe(io.RawIOBase):
    """What cannot seek: sizes come after the data then."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += bytes(data)
        return len(data)


def zipped_to_a_pipe(data: bytes) -> bytes:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first", b"nothing")
        archive.writestr("a.txt", data)
    return pipe.data


def tarred(data: bytes, name: str = "etc/a") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member_name, content in (("first", b"nothing"), (name, data)):
            member = tarfile.TarInfo(member_name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def in_old_tar(data: bytes) -> bytes:
    """As Unix 7 wrote it, without a word that says so."""
    archive = bytearray(tarred(data))
    archive[257:265] = bytes(8)
    archive[148:156] = b" " * 8
    archive[148:156] = b"%06o\0 " % sum(archive[:512])
    return bytes(archive)


def in_ar(data: bytes) -> bytes:
    header = f"{'data':16}{0:<12}{0:<6}{0:<6}{644:<8}{len(data):<10}`\n"
    return b"!<arch>\n" + header.encode() + data + b"\n" * (len(data) % 2)


def in_cpio(data: bytes) -> bytes:
    def member(name: bytes, content: bytes) -> bytes:
        fields = [0, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
        head += bytes(-len(head) % 4)
        return head + content + bytes(-len(content) % 4)

    return member(b"a.txt", data) + member(b"TRAILER!!!", b"")


def in_rpm(data: bytes) -> bytes:
    header = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 1, 3) + bytes(16 + 3)
    return b"\xed\xab\xee\xdb" + bytes(92) + header + bytes(5) + header + data


def in_png(data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + bytes(4)

    text = b"Comment\0\0" + zlib.compress(data)
    plain = b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta>" + bytes(300)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"iTXt", plain)
    return head + chunk(b"zTXt", text)


def in_translated_png(data: bytes) -> bytes:
    png = in_png(b"")
    text = b"Comment\0\1\0de\0Kommentar\0" + zlib.compress(data)
    return png + struct.pack(">I4s", len(text), b"iTXt") + text + bytes(4)


def in_pdf(data: bytes) -> bytes:
    stream = zlib.compress(data)
    head = b"%PDF-1.7\n1 0 obj <</Filter /FlateDecode>>\nstream\r\n"
    return head + stream + b"\nendstream endobj\n"


def zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression.zstd import compress

        return compress(data)
    from zstandard import ZstdCompressor

    return ZstdCompressor().compress(data)


def loose_object(data: bytes) -> bytes:
    return zlib.compress(b"blob %d\0" % len(data) + data)


KINDS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip twice": lambda data: gzip.compress(b"first") + gzip.compress(data) + bytes(512),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "zstd": zstd,
    "zip": zipped,
    "zip stored": lambda data: zipped(zlib.compress(data), zipfile.ZIP_STORED),
    "zip with bzip2": lambda data: zipped(data, zipfile.ZIP_BZIP2),
    "zip to a pipe": zipped_to_a_pipe,
    "zipapp": lambda data: b"#!/usr/bin/env python3\n" + zipped(data),
    "tar of gzip": lambda data: tarred(gzip.compress(data)),
    "old tar of gzip": lambda data: in_old_tar(gzip.compress(data)),
    "tar.gz": lambda data: gzip.compress(tarred(data)),
    "tar.xz in zip": lambda data: zipped(lzma.compress(tarred(data))),
    "deb": lambda data: in_ar(lzma.compress(tarred(data))),
    "cpio": lambda data: in_cpio(gzip.compress(data)),
    "rpm": lambda data: in_rpm(zstd(in_cpio(data))),
    "png": in_png,
    "translated png": in_translated_png,
    "pdf": in_pdf,
    "loose object": loose_object,
    "backup of .git": lambda data: gzip.compress(tarred(loose_object(data))),
    "base64 of gzip": lambda data: b"data: " + base64.b64encode(gzip.compress(data)) + b"\n",
    "base64 in lines": lambda data: base64.encodebytes(zipped(data)),
    "base64 in JSON": lambda data: json.dumps(
        {"a": base64.encodebytes(lzma.compress(data)).decode()}
    ).encode(),
    "helm": lambda data: base64.b64encode(base64.b64encode(gzip.compress(data))),
}


def look(data: bytes, size: int = 1 << 20, value: bytes = KEY) -> tuple[list[str], list[str]]:
    """In what it was found, and what could not be read."""
    content = Content(matcher({"key": value}), Allowance())
    found = content.search([data[at : at + size] for at in range(0, len(data), size)])
    return [inside for _, inside in found], content.problems


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_in_packed_data_is_found(kind: str) -> None:
    data = KINDS[kind](HIDDEN)
    assert KEY not in data
    for size in (1 << 20, 100):
        inside, problems = look(data, size)
        assert (len(inside), problems) == (1, []), (kind, size)
        assert inside[0]
    assert look(data, value=KEY[::-1]) == ([], [])


def test_where_it_was_found_is_told() -> None:
    data = zipped(gzip.compress(tarred(HIDDEN)), name=f"{KEY.decode()}.tgz")
    inside, problems = look(data)
    assert problems == []
    assert "zip: <key>.tgz, gzip data, tar: etc/a" in inside


def test_a_plain_archive_tells_a_value_once() -> None:
    assert look(tarred(HIDDEN))[0] == ["tar: etc/a"]
    assert look(in_cpio(HIDDEN))[0] == ["cpio: a.txt"]


def test_a_member_that_a_zip_does_not_list_any_more_is_found() -> None:
    data = zipped(HIDDEN)
    assert look(data[: data.index(b"PK\x01\x02")] + zipped(b"")[-22:])[0] == ["zip: a.txt"]


def test_archives_within_archives_are_unpacked_up_to_a_depth() -> None:
    data = HIDDEN
    for _ in range(4):
        data = gzip.compress(data)
    assert look(data)[0] == [", ".join(["gzip data"] * 4)]
    inside, problems = look(gzip.compress(data))
    assert inside == []
    assert problems[0].endswith("more than 4 archives within one another")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"helm"}))
def test_what_is_cut_off_or_damaged_is_told(kind: str) -> None:
    data = KINDS[kind](TEXT + KEY)
    inside, problems = look(data[: len(data) // 2])
    assert inside or problems


@pytest.mark.parametrize(
    "head", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"hsqs", b"LZIP\x01"], ids=repr
)
def test_what_is_not_unpacked_is_told(head: bytes) -> None:
    assert look(head + bytes(600))[1][0].endswith("is not unpacked")


def test_encrypted_members_are_told_and_the_others_searched() -> None:
    data = bytearray(zipped(HIDDEN))
    data[6] |= 1  # the flag of the first member, "first"
    inside, problems = look(bytes(data))
    assert inside == ["zip: a.txt"]
    assert problems == ["zip: first: encrypted"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
def test_a_bomb_ends_within_its_allowance(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST_BYTES", 1 << 20)
    content = Content(matcher({"key": KEY}), Allowance())
    assert content.search([pack(pack(bytes(8 << 20)))]) == []
    assert any("expands too far" in problem for problem in content.problems)
    assert content.search([pack(HIDDEN)])  # what is no bomb may go on


@given(st.sampled_from([kind for kind in KINDS if kind != "zstd"]), st.data())
def test_damaged_data_of_any_kind_is_taken(kind: str, data: st.DataObject) -> None:
    whole = bytearray(KINDS[kind](b"x" * 50 + KEY))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    look(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository whose one pack has many deltas."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@example.org"}

    def git(*arguments: str) -> None:
        subprocess.run(
            ["/usr/bin/git", *arguments],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
        )

    git("init", "--quiet", "--initial-branch=main")
    for number in range(20):
        secret = KEY.decode() if number == 12 else ""
        text = TEXT.decode().replace(" 1eef ", f" {number} {secret} ", 40)
        (tmp_path / "file").write_text(f"{number}\n{text}")
        git("add", "file")
        git("commit", "--quiet", "--message", "Change")
    git("gc", "--quiet")
    git("bundle", "create", "--quiet", "all.bundle", "--all")
    return tmp_path


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, lambda data: gzip.compress(tarred(data))])
def test_packs_and_bundles_outside_of_a_repository_are_read(
    history: Path, wrap: Callable[[bytes], bytes]
) -> None:
    (pack,) = (history / ".git/objects/pack").glob("*.pack")
    for data in (pack.read_bytes(), (history / "all.bundle").read_bytes()):
        inside, problems = look(wrap(data))
        assert inside
        assert problems == []
        inside, problems = look(wrap(data[:-200]))
        assert "the pack is cut off" in problems[0] or "zlib data is cut off" in problems[0]

# SPDX-License-Identifier: MIT
"""A script as it was opened, and its shebang."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from credhelper.commands import script
from credhelper.errors import RunnerFailed, Untrusted

OWNERS = (0, os.getuid())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"print()\n", None),
        (b"", None),
        (b" #!/bin/sh\n", None),
        (b"#!/bin/sh", ("/bin/sh", "")),
        (b"#!/bin/sh\n", ("/bin/sh", "")),
        (b"#! \t/bin/sh \t\nexit\n", ("/bin/sh", "")),
        (b"#!/bin/sh -e\n", ("/bin/sh", "-e")),
        (b"#!/usr/bin/env -S python3  -u \n", ("/usr/bin/env", "-S python3  -u")),
        (b"#!/bin/sh\0-e\n", ("/bin/sh", "")),
        (b"#!/bin/sh -e\0-x\n", ("/bin/sh", "-e")),
        (b"#!/bin/" + b"x" * 230 + b"\n", ("/bin/" + "x" * 230, "")),
        (b"#!/bin/sh " + b"x" * 300 + b"\n", ("/bin/sh", "x" * 245)),
        (b"#!/bin/sh\r\n", ("/bin/sh\r", "")),
    ],
)
def test_the_shebang_as_the_kernel_reads_it(
    source: bytes, expected: tuple[str, str] | None
) -> None:
    assert script.shebang(source) == expected


@pytest.mark.parametrize("source", [b"#!\n", b"#!   \n", b"#!", b"#!/bin/" + b"x" * 300])
def test_a_shebang_without_an_interpreter(source: bytes) -> None:
    with pytest.raises(RunnerFailed, match="names no interpreter"):
        script.shebang(source)


def test_a_script_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path.resolve() / "script.py"
    path.write_bytes(b"print()\n")
    (tmp_path / "link.py").symlink_to(path)
    found = script.read("link.py", OWNERS)
    assert (found.path, found.real, found.source) == ("link.py", str(path), b"print()\n")
    assert found.sha256 == hashlib.sha256(b"print()\n").hexdigest()
    descriptor = found.descriptor
    found.close()
    found.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_script_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "script.py"
    path.touch(0o644)
    os.truncate(path, script.MAXIMUM_BYTES + 1)
    with pytest.raises(Untrusted, match="has 268435457 bytes"):
        script.read(str(path), OWNERS)


def test_a_script_that_cannot_be_read() -> None:
    with pytest.raises(Untrusted, match="/proc/self/mem cannot be read: Input/output error"):
        script.read("/proc/self/mem", OWNERS)

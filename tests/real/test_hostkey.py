# SPDX-License-Identifier: MIT
"""The host key outlives a changed machine id, whoever uses it; systemd-creds alone deletes it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from credhelper import errors
from credhelper.commands import sealing
from tests.real.conftest import HOST_KEY, STORE, SYSTEMD_CREDS, Runs, unseal

MACHINE_ID: Final = Path("/etc/machine-id")
OTHER: Final = "0123456789abcdef0123456789abcdef\n"
SCRIPT: Final = """\
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
print("ran")
"""
LOADING: Final = (
    "import sys; sys.path.insert(0, sys.argv[1])\nfrom credhelper import load\nload('my_api_key')"
)


@pytest.fixture
def machine_id() -> Iterator[Callable[[str], None]]:
    """``machine_id(text)`` gives the machine another id, until the test ends."""
    own = MACHINE_ID.read_text()

    def change(text: str) -> None:
        MACHINE_ID.write_text(text)

    yield change
    MACHINE_ID.write_text(own)


@pytest.mark.parametrize(
    "command",
    [
        *("run", "run --dry-run", "load"),
        *("add other", "put my_api_key", "rotate my_api_key", "reseal my_api_key", "reseal --all"),
        *("import keys.env", "import keys.env --dry-run"),
        *("list --verify", "check", "check my_api_key", "leaks ."),
    ],
)
def test_a_changed_machine_id_is_told_and_the_host_key_stays(
    credhelper: Runs,
    decrypt_run: Runs,
    sealed: Callable[..., Path],
    machine_id: Callable[[str], None],
    scratch: Path,
    command: str,
) -> None:
    path = sealed("my_api_key", b"sk")
    before = HOST_KEY.read_bytes()
    (scratch / "keys.env").write_text("MY_API_KEY=sk\n")
    script = scratch / "script.py"
    script.write_text(SCRIPT)
    own = MACHINE_ID.read_text()
    machine_id(OTHER)
    words = command.split()
    if words[0] == "run":
        finished = decrypt_run(*words[1:], str(script), cwd=scratch)
        assert finished.status == 125
    elif words[0] == "load":
        site = str(Path(errors.__file__).parents[1])
        loaded = subprocess.run(
            [sys.executable, "-I", "-c", LOADING, site], capture_output=True, check=False
        )
        assert b"HostKeyMissing" in loaded.stderr
        assert b"machine id" in loaded.stderr
        finished = None
    else:
        finished = credhelper(*words, input="new", cwd=scratch)
        assert finished.status == (3 if words[0] == "leaks" else 1)  # 3: not all was searched
    if finished:
        assert "of another machine id" in finished.out + finished.err
    assert HOST_KEY.read_bytes() == before
    machine_id(own)
    assert unseal(path) == b"sk"


def test_the_null_key_needs_no_host_key(machine_id: Callable[[str], None]) -> None:
    machine_id(OTHER)
    blob = sealing.seal("my_api_key", b"sk", with_key="null")
    assert sealing.unseal("my_api_key", blob, allow_null=True) == b"sk"
    assert HOST_KEY.exists()


@pytest.mark.parametrize("there", [True, False])
def test_no_machine_id_is_named_with_the_way_out(
    credhelper: Runs, machine_id: Callable[[str], None], there: bool
) -> None:
    machine_id("")
    if not there:
        HOST_KEY.unlink()
    finished = credhelper("add", "fresh", "--with-key=host", input="sk")
    assert finished.status == 1
    problem, hint = finished.err.splitlines()
    assert problem.endswith(
        "needs the host key, for which /etc/machine-id has to hold a machine id"
    )
    assert "restore it from a backup" in hint if there else "systemd-machine-id-setup" in hint
    assert not (STORE / "fresh").exists()


@pytest.mark.parametrize(("options", "problem"), [("ro", "read-only"), ("size=4k", "no room")])
def test_a_host_key_that_cannot_be_made(credhelper: Runs, options: str, problem: str) -> None:
    place = HOST_KEY.parent
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    subprocess.run(mount, check=True)
    try:
        if options != "ro":
            (place / "other").write_bytes(bytes(4096))
        finished = credhelper("add", "fresh", "--with-key=host", input="sk")
    finally:
        subprocess.run(["/usr/bin/umount", str(place)], check=True)
    assert finished.status == 1
    assert problem in finished.err
    assert "rotate" not in finished.err  # there is nothing to give a new value to
    assert not (STORE / "fresh").exists()


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.EPERM, errors.StoreFailed, "noexec"),
        (errno.ENOSYS, errors.StoreFailed, "seccomp"),
        (errno.EACCES, errors.StoreFailed, "NoExecPaths="),
        (errno.ENOMEM, errors.StoreFailed, "free memory"),
    ],
)
def test_why_systemd_creds_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], hint: str
) -> None:
    """Stands in for filters of sudo, of units and of containers, and for a lack of memory."""

    def refused(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("credhelper.process.posix.posix_spawn", refused)
    with pytest.raises(kind) as caught:
        sealing.seal("my_api_key", b"sk", with_key="null")
    assert isinstance(caught.value, errors.CredentialError)
    assert hint in caught.value.hint
    assert SYSTEMD_CREDS not in caught.value.hint

# SPDX-License-Identifier: MIT
"""Sealing and unsealing with the real systemd-creds: limits, damage, keys, its own faults."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from credhelper import envelope, errors, unsealing
from credhelper.commands import sealing
from tests.real import tracing
from tests.real.conftest import HOST_KEY, STORE, SYSTEMD_CREDS, Runs, launcher, unseal

VALUE: Final = os.urandom(40)


@pytest.fixture(scope="module")
def blob(machine: object) -> bytes:
    assert machine
    return sealing.seal("my_api_key", VALUE)


def test_a_real_blob_is_bound_to_the_host(blob: bytes) -> None:
    assert envelope.binding(blob) is envelope.HOST
    assert sealing.unseal("my_api_key", blob) == VALUE


@pytest.mark.parametrize(
    ("with_key", "bound"),
    [("auto", envelope.HOST), ("host", envelope.HOST), ("null", envelope.NULL)],
)
def test_the_binding_that_was_asked_for(with_key: str, bound: envelope.Binding) -> None:
    blob = sealing.seal("my_api_key", VALUE, with_key=with_key)
    assert envelope.binding(blob) is bound
    assert sealing.unseal("my_api_key", blob, allow_null=True) == VALUE


def test_the_null_key_is_refused_unless_allowed() -> None:
    blob = sealing.seal("my_api_key", VALUE, with_key="null")
    with pytest.raises(errors.NullKeyRefused, match="protects nothing"):
        sealing.unseal("my_api_key", blob)


def largest() -> int:
    """The largest value that systemd-creds unseals again, found by trying."""
    low, high = 1, unsealing.MAXIMUM_VALUE_BYTES
    while low < high:
        size = (low + high + 1) // 2
        sealed = subprocess.run(
            [SYSTEMD_CREDS, "encrypt", "--name=x", "-", "-"],
            input=bytes(size),
            check=True,
            capture_output=True,
        ).stdout
        again = subprocess.run(
            [SYSTEMD_CREDS, "decrypt", "--name=x", "--newline=no", "-", "-"],
            input=sealed,
            check=False,
            capture_output=True,
        )
        low, high = (size, high) if again.returncode == 0 else (low, size - 1)
    return low


def test_the_limit_is_where_systemd_has_it(credhelper: Runs) -> None:
    limit = largest()
    value = os.urandom(limit)
    assert credhelper("add", "most", "--exact", input=value).status == 0
    assert unseal(STORE / "most") == value
    finished = credhelper("add", "more", "--exact", input=value + b"x")
    assert finished.status == 1
    assert finished.err.splitlines()[0] == "credhelper: error: credential more is too large"
    assert "keep large data elsewhere" in finished.err
    assert [path.name for path in STORE.iterdir()] == ["most"]


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 4095, 65535, 65536, 65537, 800_000])
def test_sizes(size: int) -> None:
    value = os.urandom(size)
    assert sealing.unseal("x", sealing.seal("x", value)) == value


def test_nothing_is_not_sealed() -> None:
    with pytest.raises(errors.InvalidValue, match="is empty"):
        sealing.seal("my_api_key", b"")


def test_under_another_name(blob: bytes) -> None:
    with pytest.raises(errors.NameMismatch, match="sealed under another name") as caught:
        sealing.unseal("other", blob)
    assert caught.value.embedded == "my_api_key"


def test_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = sealing.seal("my_api_key", VALUE, not_after="+1h")
    assert sealing.unseal("my_api_key", blob) == VALUE
    with pytest.raises(errors.CredentialExpired):
        sealing.unseal("my_api_key", blob, timestamp="+2h")
    # what systemd-creds would take from its environment to look away
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_VALIDATE_NOT_AFTER", "0")
    with pytest.raises(errors.CredentialExpired):
        sealing.unseal("my_api_key", blob, timestamp="+2h")


def test_every_truncation_is_refused(blob: bytes) -> None:
    for length in [*range(8), *range(8, len(blob.rstrip()), 4)]:  # of the longer, what is base64
        with pytest.raises(errors.DecryptionFailed):
            sealing.unseal("my_api_key", blob[:length])


def test_flipped_bits_are_refused(blob: bytes) -> None:
    raw = base64.b64decode(blob)
    randomly = random.Random(1)  # noqa: S311 # the same bits each time
    kinds = set()
    for bit in [*range(0, 36 * 8, 5), *randomly.sample(range(len(raw) * 8), 100)]:
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((errors.DecryptionFailed, errors.HostKeyMissing)) as caught:
            sealing.unseal("my_api_key", base64.encodebytes(flipped))
        kinds.add(caught.type)
        assert caught.value.hint
    assert {errors.DamagedCredential, errors.WrongMachine} <= kinds


def test_the_host_key_lost(blob: bytes) -> None:
    HOST_KEY.unlink()
    with pytest.raises(errors.HostKeyMissing, match=r"credential\.secret") as caught:
        sealing.unseal("my_api_key", blob)
    assert "backup" in caught.value.hint


def test_the_host_key_of_another_machine(blob: bytes) -> None:
    HOST_KEY.unlink()
    subprocess.run([SYSTEMD_CREDS, "setup"], check=True, capture_output=True)
    with pytest.raises(errors.WrongMachine, match="another machine"):
        sealing.unseal("my_api_key", blob)


def test_the_host_key_damaged(blob: bytes) -> None:
    HOST_KEY.chmod(0o600)
    HOST_KEY.write_bytes(b"")
    with pytest.raises(errors.DecryptionFailed):
        sealing.unseal("my_api_key", blob)


def test_many_at_once_in_their_order(blob: bytes) -> None:
    blobs = {f"key_{n}": sealing.seal(f"key_{n}", b"%d" % n) for n in range(40)}
    blobs["key_13"] = blob
    seen = []
    results = sealing.unseal_many(blobs, progress=lambda done, of: seen.append((done, of)))
    assert list(results) == list(blobs)
    assert isinstance(results.pop("key_13"), errors.NameMismatch)
    assert results == {name: name.removeprefix("key_").encode() for name in results}
    assert seen[-1] == (40, 40)


def test_what_is_called_off_ends_at_once(stand_in: Callable[[str], None], blob: bytes) -> None:
    stand_in("exec sleep 1000")
    before = os.listdir("/proc/self/fd")
    unsealing.Unsealing({"my_api_key": blob}).cancel()
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_what_is_expected_reads_nothing_before_there_is_something_to_unseal(
    stand_in: Callable[[str], None], scratch: Path, blob: bytes
) -> None:
    stand_in(f"cat > {scratch}/$$")
    before = os.listdir("/proc/self/fd")
    waiting = unsealing.Unsealing()
    waiting.expect(["my_api_key", "not_wanted", "my_api_key"])
    waiting.unseal({"my_api_key": blob})
    waiting.results()
    assert sorted(path.read_bytes() for path in scratch.glob("[0-9]*")) in ([blob], [b"", blob])
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_more_expected_than_run_side_by_side() -> None:
    blobs = {f"key_{n}": sealing.seal(f"key_{n}", b"%d" % n) for n in range(20)}
    waiting = unsealing.Unsealing()
    waiting.expect(blobs)
    waiting.unseal(blobs)
    values = {name: name.removeprefix("key_").encode() for name in blobs}
    assert waiting.results() == values


# ---- what the real one does not do when asked: stand-ins ----


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> Callable[[str], None]:
    """Puts a shell script in the place of systemd-creds: it cannot be made to hang or be old."""

    def put(script: str) -> None:
        path = scratch / "systemd-creds"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(unsealing, "SYSTEMD_CREDS", str(path))

    return put


def test_it_hangs(
    stand_in: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, blob: bytes
) -> None:
    stand_in("exec sleep 1000")
    monkeypatch.setattr(unsealing, "TIME_LIMIT_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(errors.SealingTimeout, match="no answer for my_api_key") as caught:
        sealing.unseal("my_api_key", blob)
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(errors.SealingTimeout):
        sealing.seal("my_api_key", VALUE)
    with pytest.raises(errors.SystemdMissing):
        unsealing.version()
    assert time.monotonic() - started < 30


def test_it_is_not_there(monkeypatch: pytest.MonkeyPatch, blob: bytes) -> None:
    monkeypatch.setattr(unsealing, "SYSTEMD_CREDS", "/nowhere/systemd-creds")
    for call in (
        lambda: sealing.unseal("my_api_key", blob),
        lambda: sealing.seal("my_api_key", VALUE),
        unsealing.version,
    ):
        with pytest.raises(errors.SystemdMissing, match="is missing"):
            call()


def test_it_is_too_old(stand_in: Callable[[str], None], blob: bytes) -> None:
    stand_in("echo \"systemd-creds: unrecognized option '$2'\" >&2; exit 1")
    with pytest.raises(errors.SystemdMissing, match="newer systemd-creds"):
        sealing.unseal("my_api_key", blob)
    with pytest.raises(errors.SystemdMissing, match="does not tell its version"):
        unsealing.version()


def test_it_dies(stand_in: Callable[[str], None], blob: bytes) -> None:
    stand_in("kill -SEGV $$")
    with pytest.raises(errors.DecryptionFailed, match="ended by signal 11"):
        sealing.unseal("my_api_key", blob)


def test_it_says_nothing(stand_in: Callable[[str], None], blob: bytes) -> None:
    stand_in("exit 1")
    with pytest.raises(errors.DecryptionFailed, match="no reason given"):
        sealing.unseal("my_api_key", blob)


def test_it_says_too_much(stand_in: Callable[[str], None], blob: bytes) -> None:
    stand_in("head -c 10000000 /dev/zero | tr '\\0' '\\033' >&2; exit 1")
    with pytest.raises(errors.DecryptionFailed) as caught:
        sealing.unseal("my_api_key", blob)
    assert caught.value.problem.isprintable()
    assert len(caught.value.problem) < 300


def test_what_it_sealed_does_not_unseal_to_the_value(
    stand_in: Callable[[str], None], blob: bytes
) -> None:
    # a disk or a TPM that gives back something else: nothing takes the name then
    from credhelper.commands.cli import storing
    from credhelper.commands.cli.binding import Bound
    from credhelper.name import CredentialName

    stand_in(
        f"cat >/dev/null; case $1 in encrypt) echo {base64.b64encode(blob).decode()} | "
        "base64 -d;; decrypt) printf other;; esac"
    )
    with pytest.raises(errors.EncryptionFailed, match="does not unseal to the value"):
        storing.put([storing.Item(CredentialName("my_api_key"), VALUE, Bound(), "add")])
    assert list(STORE.iterdir()) == []


# ---- what reaches it ----


HOSTILE: Final = {
    "SYSTEMD_CREDENTIAL_SECRET": "/dev/null",
    "SYSTEMD_CREDENTIAL_VALIDATE_NAME": "0",
    "SYSTEMD_CREDENTIAL_VALIDATE_NOT_AFTER": "0",
    "SYSTEMD_LOG_LEVEL": "debug",
    "SYSTEMD_LOG_TARGET": "console",
    "SYSTEMD_COLORS": "1",
    "LC_ALL": "de_DE.UTF-8",
    "LANGUAGE": "de",
    "PATH": "/run/fakes",
    "LD_PRELOAD": "/run/fakes/evil.so",
    "LD_LIBRARY_PATH": "/run/fakes",
    "OPENSSL_CONF": "/run/fakes/openssl.cnf",
    "TPM2TOOLS_TCTI": "device:/run/fakes",
    "TMPDIR": "/run/fakes",
    "PYTHONPATH": "/run/fakes",
    "PYTHONSTARTUP": "/run/fakes/os.py",
    "PYTHONHOME": "/run/fakes",
    "PYTHONINSPECT": "1",
    "PYTHONVERBOSE": "1",
    "BASH_ENV": "/run/fakes/env",
    "HOME": "/run/fakes",
    "IFS": "/",
}


@pytest.fixture
def fakes() -> Path:
    """A directory of programs and modules that must not be run: each leaves a mark."""
    directory = Path("/run/fakes")
    directory.mkdir(exist_ok=True)
    for name in ("systemd-creds", "systemd-ask-password", "journalctl", "sh", "env"):
        (directory / name).write_text("#!/bin/sh\ntouch /run/fakes/mark\n")
        (directory / name).chmod(0o755)
    for name in ("os.py", "json.py", "credhelper.py", "sitecustomize.py", "usercustomize.py"):
        (directory / name).write_text("open('/run/fakes/mark', 'w')\n")
    return directory


def test_a_hostile_environment_changes_nothing(credhelper: Runs, fakes: Path) -> None:
    finished = credhelper("add", "my_api_key", input="x", env=HOSTILE, cwd=fakes)
    assert (finished.status, finished.out) == (0, "added my_api_key, bound to: host\n")
    assert unseal(STORE / "my_api_key") == b"x"
    (STORE / "other").write_bytes((STORE / "my_api_key").read_bytes())
    (STORE / "other").chmod(0o600)
    finished = credhelper("list", "--verify", env=HOSTILE, cwd=fakes)
    assert finished.status == 1
    assert "was sealed under another name" in finished.out
    assert not (fakes / "mark").exists()


def test_what_systemd_creds_gets_is_all_ours(
    environment: dict[str, str], fakes: Path, tmp_path: Path
) -> None:
    value = os.urandom(24).hex().encode()
    env = {k: v for k, v in HOSTILE.items() if not k.startswith("LD_")} | environment
    calls = tracing.trace(
        [*launcher("credhelper"), "add", "my_api_key"],
        ["execve"],
        tmp_path / "trace",
        follow=True,
        value=value,
        env=env,
    )
    runs = [call.text for call in calls if "systemd-creds" in call.text]
    assert [run.partition(", [")[0] for run in runs] == ['"/usr/bin/systemd-creds"'] * 2
    for run in runs:
        assert run.endswith('["PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8"]) = 0'), run
    assert not [call for call in calls if value.decode() in call.text]
    assert fakes.exists()


def test_no_process_shows_the_value(environment: dict[str, str]) -> None:
    """In no command line and in no environment, while each of the programs is there."""
    value = os.urandom(24).hex()
    seen = b""
    with subprocess.Popen(
        [
            *(tracing.STRACE, "-f", "-o/dev/null", "--trace=exit_group"),
            "--inject=exit_group:delay_enter=500ms",  # long enough to be looked at
            *(*launcher("credhelper"), "add", "my_api_key"),
        ],
        stdin=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin
        process.stdin.write(value.encode())
        process.stdin.close()
        while process.poll() is None:
            for entry in os.listdir("/proc"):
                for file in ("cmdline", "environ") if entry.isdigit() else ():
                    with contextlib.suppress(OSError):
                        seen += Path("/proc", entry, file).read_bytes()
    assert process.returncode == 0
    for word in (b"encrypt\0--name=my_api_key", b"decrypt\0--newline=no"):
        assert word in seen
    assert value.encode() not in seen

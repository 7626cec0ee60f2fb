# SPDX-License-Identifier: MIT
"""Real systemd-creds, real paths, as root, in a mount namespace that the machine does not see.

Each test begins with an empty store, a host key and a journal that listens.
"""

from __future__ import annotations

import compileall
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from credhelper import loading
from tests.real import namespace, schema, traces
from tests.real.terminal import PATIENCE_SECONDS, Terminal

ROOT: Final = Path(__file__).resolve().parents[2]
STORE: Final = Path("/etc/credstore.encrypted")
OTHER_STORES: Final = (
    Path("/run/credstore.encrypted"),
    Path("/usr/local/lib/credstore.encrypted"),
)
REPLACED: Final = Path("/var/lib/credhelper")
CONFIGURED: Final = Path("/etc/credhelper")  # grants and descriptions
HOST_KEY: Final = Path("/var/lib/systemd/credential.secret")
JOURNAL: Final = Path("/run/systemd/journal/socket")
SYSTEMD_CREDS: Final = "/usr/bin/systemd-creds"
TIME_LIMIT_SECONDS: Final = 120.0

Runs = Callable[..., "Finished"]

# policies of others, which nobody may copy to here: collected where somebody has some
collect_ignore = [] if os.environ.get("CREDHELPER_POLICIES") else ["test_public_policies.py"]


def pytest_configure() -> None:
    """One failure that says what to do, in place of one a test."""
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/real need root\nhint: sudo make check-real")


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit status (negative a signal) and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.stdout.decode()

    @property
    def err(self) -> str:
        """Standard error as text."""
        return self.stderr.decode()


Record = dict[str, str]


@dataclass(frozen=True)
class Machine:
    """What stays for all tests.

    The host key, the journal's records as they come, and the trees that hold all that was written.
    """

    host_key: bytes
    records: list[Record]
    written: list[Path]


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The namespace, with a host key, a machine id and a journal of its own."""
    pythons = {Path(sys.prefix), Path(sys.base_prefix)}
    os.umask(0o022)
    keep = {ROOT, *pythons, Path.cwd(), tmp_path_factory.getbasetemp()}
    try:
        written = namespace.enter(keep)
    except OSError as error:
        pytest.exit(
            f"tests/real need a mount namespace with overlayfs and tmpfs: {error.strerror}\n"
            "hint: run them on a machine or in a container that may mount (CAP_SYS_ADMIN)",
            returncode=1,
        )
    # a command that a test runs with a umask of 0 would make __pycache__ anybody's
    compileall.compile_dir(ROOT / "src", quiet=2)
    Path("/etc/machine-id").write_text("5ca1ab1e0ddba11c0ffee0000c0dec0d\n")
    HOST_KEY.unlink(missing_ok=True)
    subprocess.run([SYSTEMD_CREDS, "setup"], check=True, capture_output=True)
    records: list[Record] = []
    with _journal(records):
        yield Machine(HOST_KEY.read_bytes(), records, written)


@pytest.fixture(autouse=True)
def fresh(machine: Machine) -> Iterator[None]:
    """An empty store, the host key as it was, and nothing remembered by the library."""
    for directory in (STORE, *OTHER_STORES):
        if directory.is_symlink() or directory.is_file():
            directory.unlink()
        shutil.rmtree(directory, ignore_errors=True)
    for directory in (REPLACED, CONFIGURED):
        shutil.rmtree(directory, ignore_errors=True)
    if not HOST_KEY.exists() or HOST_KEY.read_bytes() != machine.host_key:
        HOST_KEY.unlink(missing_ok=True)
        HOST_KEY.touch(0o400)
        HOST_KEY.write_bytes(machine.host_key)
    machine.records.clear()
    loading.forget()
    yield
    loading.forget()


@pytest.fixture
def machine_records(machine: Machine) -> list[Record]:
    """The journal's records of the test's commands, as they come."""
    return machine.records


@pytest.fixture
def journal(machine: Machine) -> Callable[[int], list[Record]]:
    """``journal(count)`` waits for that many records of the test's commands: the oldest first."""

    def records(count: int) -> list[Record]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(machine.records) < count and time.monotonic() < deadline:
            time.sleep(0.005)  # the datagram is there, the thread that takes it may be late
        assert len(machine.records) == count, machine.records
        return machine.records

    return records


@contextmanager
def _journal(records: list[Record]) -> Iterator[None]:
    """Stands in for journald, which no namespace has: the socket, and what comes through it."""
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(JOURNAL))
        JOURNAL.chmod(0o666)

        def listen() -> None:
            while data := listener.recv(1 << 16):
                records.append(_parsed(data))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(JOURNAL))
        thread.join()


def _parsed(data: bytes) -> Record:
    """A record of the journal's native protocol (systemd's JOURNAL_NATIVE_PROTOCOL)."""
    record = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:  # a field with newlines: its size, then its bytes
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[9 + size :]
        record[name.decode()] = value.decode("utf-8", "surrogateescape")
    return record


@pytest.fixture
def environment() -> dict[str, str]:
    """A caller's environment, and what coverage needs to follow a child."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"} | kept


def launcher(command: str) -> list[str]:
    """The command line that starts ``credhelper`` or ``credhelper-decrypt-run`` as installed."""
    return [sys.executable, "-I", str(ROOT / "bin" / command)]


def _runs(command: str, environment: dict[str, str]) -> Runs:
    def run(
        *argv: str,
        input: bytes | str | None = b"",  # noqa: A002 # as subprocess.run() names it
        env: Mapping[str, str] | None = None,
        tty: Sequence[tuple[str, str]] | None = None,
        before: Sequence[str] = (),
        cwd: str | Path | None = None,
        umask: int = -1,
        measured: bool = True,
    ) -> Finished:
        """Runs the command to its end.

        ``input`` is given through a pipe. ``tty`` is a dialogue on a terminal instead: pairs of
        what is waited for and what is typed then; stdout and stderr are one there. ``env`` is
        added to the environment, ``before`` stands before the command line (strace, setpriv).
        What may not write coverage's files is not ``measured``.
        """
        words = [*before, *launcher(command), *argv]
        whole = environment | dict(env or {})
        if not measured:
            whole = {k: v for k, v in whole.items() if not k.startswith("COVERAGE_")}
        if tty is not None:
            with Terminal(words, env=whole, cwd=str(cwd) if cwd else None) as terminal:
                for expected, typed in tty:
                    terminal.expect(expected)
                    terminal.send(typed)
                return Finished(terminal.wait(), terminal.shown.replace(b"\r\n", b"\n"), b"")
        finished = subprocess.run(
            words,
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            env=whole,
            cwd=cwd,
            umask=umask,
            check=False,
            timeout=TIME_LIMIT_SECONDS,
        )
        if "--json" in argv and finished.stdout.startswith(b"{") and command == "credhelper":
            schema.check(finished.stdout)
        return Finished(finished.returncode, finished.stdout, finished.stderr)

    return run


@pytest.fixture
def credhelper(environment: dict[str, str]) -> Runs:
    """``credhelper(*argv, input=, env=, tty=, ...)`` runs the real command; see ``_runs``."""
    return _runs("credhelper", environment)


@pytest.fixture
def decrypt_run(environment: dict[str, str]) -> Runs:
    """``decrypt_run(*argv, input=, env=, tty=, ...)`` runs the real runner; see ``_runs``."""
    return _runs("credhelper-decrypt-run", environment)


@pytest.fixture
def sealed(credhelper: Runs) -> Callable[..., Path]:
    """``sealed(name, value)`` adds a credential through the command; its path."""

    def add(name: str, value: bytes | str, *options: str) -> Path:
        finished = credhelper("add", name, "--exact", "--with-key=host", *options, input=value)
        assert finished.status == 0, finished.err
        return STORE / name

    return add


@pytest.fixture
def nothing_written(machine: Machine) -> Iterator[None]:
    """Fails the test where it leaves anything written, anywhere that the machine keeps things."""
    before = traces.snapshot(machine.written)
    yield
    assert traces.snapshot(machine.written) == before


@pytest.fixture
def nowhere(machine: Machine) -> Callable[[bytes], None]:
    """``nowhere(value)`` fails where the value stands in any file, as it is or as base64."""

    def search(value: bytes) -> None:
        assert traces.holding(value, machine.written) == []

    return search


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that every user can reach (``tmp_path`` is root's alone)."""
    directory = Path("/tmp/scratch")
    directory.mkdir(0o755)
    yield directory
    deadline = time.monotonic() + PATIENCE_SECONDS
    while directory.exists() and time.monotonic() < deadline:
        # not at once where what a test has left, and what it started, still writes its last
        shutil.rmtree(directory, ignore_errors=True)
    assert not directory.exists()


@pytest.fixture
def jobs() -> Iterator[Path]:
    """A directory for scripts that only root may write, whatever other tests left there."""
    directory = Path("/opt/jobs")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def unseal(path: Path, name: str = "") -> bytes:
    """What systemd-creds itself finds in a sealed credential."""
    argv = [SYSTEMD_CREDS, "decrypt", "--newline=no", f"--name={name or path.name}", str(path), "-"]
    return subprocess.run(argv, check=True, capture_output=True).stdout

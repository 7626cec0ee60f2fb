# SPDX-License-Identifier: MIT
"""TPM2 chips in software: swtpm, reached by a virtual machine or, over TCP, by one command.

A TPM is its state directory and, while it runs, a process; the kernel ends the process when the
tests die.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_SWTPM = ["/usr/bin/setpriv", "--pdeathsig=KILL", "--", "/usr/bin/swtpm", "socket", "--tpm2"]
_START_TIMEOUT = 60  # seconds


class TPMFailed(Exception):
    """The TPM did not start; the text says why."""


@dataclass
class TPM:
    """A chip; `device` is what systemd-creds --tpm2-device= takes while it serves TCP."""

    state: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def device(self) -> str:
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def serve_tcp(self) -> None:
        """Powers it on for TPM2 libraries: commands at `port`, control at the next one."""
        self.port = self.port or _two_free_ports()
        self._start(
            f"--server=type=tcp,port={self.port}",
            f"--ctrl=type=tcp,port={self.port + 1}",
            "--flags=not-need-init,startup-clear",
        )
        _wait_for_port(self.port + 1, self.process)

    def serve_socket(self, path: Path) -> None:
        """Powers it on for a virtual machine that connects to the socket at `path`."""
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as control:
            control.bind(str(path))
            control.listen()
            self._start(f"--ctrl=type=unixio,fd={control.fileno()}", keep=(control.fileno(),))

    def stop(self) -> None:
        """Cuts its power; the state stays."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        """From now on it takes commands and does not answer."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends `hang`."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Makes a new chip of it: another seed, nothing stored. Stopped first."""
        assert self.process is None
        shutil.rmtree(self.state)
        self.state.mkdir()

    def tool(self, *arguments: str) -> str:
        """Runs a command of tpm2-tools against it, such as "tpm2_clear"; returns its output."""
        program, *rest = arguments
        done = subprocess.run(
            [f"/usr/bin/{program}", f"--tcti={self.device}", *rest],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            raise TPMFailed(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def flush(self) -> None:
        """Frees what commands have left in its few slots: nothing manages them over TCP."""
        for kind in ("--transient-object", "--loaded-session", "--saved-session"):
            self.tool("tpm2_flushcontext", kind)

    def lock_out(self, scratch: Path) -> None:
        """Makes it refuse for an hour, by a wrong password for a key; files go to `scratch`."""
        primary, public, private, key = (str(scratch / name) for name in ("p", "u", "r", "k"))
        limits = ("--max-tries=1", "--recovery-time=3600", "--lockout-recovery-time=3600")
        self.tool("tpm2_dictionarylockout", "--setup-parameters", *limits)
        (scratch / "secret").write_text("x")
        self.tool("tpm2_createprimary", "-c", primary)
        self.flush()
        sealed = ("-i", str(scratch / "secret"), "-u", public, "-r", private)
        self.tool("tpm2_create", "-C", primary, "-p", "right", *sealed)
        self.flush()
        self.tool("tpm2_load", "-C", primary, "-u", public, "-r", private, "-c", key)
        self.flush()
        with contextlib.suppress(TPMFailed):  # what is asked for here
            self.tool("tpm2_unseal", "-c", key, "-p", "wrong")
        self.flush()

    def _start(self, *channels: str, keep: Sequence[int] = ()) -> None:
        assert self.process is None
        self.state.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [*_SWTPM, f"--tpmstate=dir={self.state}", *channels],
            stdin=subprocess.DEVNULL,
            pass_fds=keep,
        )


@contextlib.contextmanager
def served(state: Path) -> Iterator[TPM]:
    """A TPM that serves TCP, with its state in the directory `state`."""
    tpm = TPM(state)
    try:
        tpm.serve_tcp()
        yield tpm
    finally:
        tpm.stop()


@dataclass
class Wire:
    """Stands between a program and a TPM on TCP: delays each answer, or cuts after some."""

    target: int
    delay: float = 0.0  # seconds before each answer
    answers: int = 1 << 30  # after so many the wire is cut
    port: int = 0
    _listeners: list[socket.socket] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def device(self) -> str:
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def __enter__(self) -> Self:
        self.port = _two_free_ports()
        for offset in (0, 1):
            listener = socket.create_server(("127.0.0.1", self.port + offset))
            self._listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener, offset), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket, offset: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client, offset), daemon=True).start()

    def _serve(self, client: socket.socket, offset: int) -> None:
        with client, contextlib.suppress(OSError):
            if self.answers <= 0:
                return
            with socket.create_connection(("127.0.0.1", self.target + offset)) as chip:
                threading.Thread(target=_pump, args=(client, chip), daemon=True).start()
                while data := chip.recv(65536):
                    if offset == 0:
                        self.answers -= 1
                        if self.answers < 0 or self._stopped.wait(self.delay):
                            client.shutdown(socket.SHUT_RDWR)
                            return
                    client.sendall(data)
                client.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _two_free_ports() -> int:
    """A port that is free and whose successor is free."""
    while True:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


def _wait_for_port(port: int, process: subprocess.Popen[bytes] | None) -> None:
    """swtpm cannot be told to say when it listens: tries until it does."""
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        if process is None or process.poll() is not None or time.monotonic() > deadline:
            raise TPMFailed("swtpm does not listen")
        time.sleep(0.01)

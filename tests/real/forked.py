# SPDX-License-Identifier: MIT
"""``credhelper`` in children of one process that has loaded it: each starts within milliseconds.

What is struck at is the same as in a process of its own, from the first call of the verb on.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATIENCE_SECONDS: Final = 120
STRACE: Final = "/usr/bin/strace"


class Forked:
    """Runs command lines; ``close()`` it in the end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_PATIENCE_SECONDS)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-I", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """Ends the process."""
        self._socket.close()
        assert self._server.wait(_PATIENCE_SECONDS) == 0

    def run(
        self, argv: Sequence[str], stdin: bytes = b"", strace: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs ``credhelper ARGV`` to its end, under strace(1) where options for that are given.

        Raises ``TimeoutError`` where it does not end.
        """
        reading, writing = os.pipe()
        outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
        try:
            os.write(writing, stdin)  # far less than a pipe holds
            os.close(writing)
            request = json.dumps([list(argv), bool(strace)]).encode()
            socket.send_fds(self._socket, [request], [reading, *outputs])
            process = self._answer()
            try:
                if strace:
                    tracer = _attached(process, strace)
                status = self._answer()
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                self._answer()
                raise
            if strace:
                assert tracer.wait(_PATIENCE_SECONDS) in (0, status, 128 - status)
            written = [os.pread(output, os.fstat(output).st_size, 0) for output in outputs]
        finally:
            for descriptor in (reading, *outputs):
                os.close(descriptor)
        return subprocess.CompletedProcess(argv, status, *written)

    def _answer(self) -> int:
        answer = self._socket.recv(16)
        assert answer, "the process that forks has ended"
        return int(answer)


def _attached(process: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """strace(1) at a process that has stopped itself, and goes on then."""
    _await(process, "T")
    tracer = subprocess.Popen([STRACE, "-qqq", f"-p{process}", *options])
    _await(process, "t")
    os.kill(process, signal.SIGCONT)
    return tracer


def _await(process: int, state: str) -> None:
    """Waits for a state of proc_pid_stat(5)."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != state:
        assert time.monotonic() < deadline, f"{process} is not in state {state}"
        time.sleep(0.001)


def _serve(connection: socket.socket) -> None:
    """Forks for each request; answers with the process and, once it has ended, its status."""
    commands = importlib.import_module("credhelper.commands")
    cli = importlib.import_module("credhelper.commands.cli")
    for package in (commands, cli):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    gc.freeze()
    while True:
        request, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 3)
        if not request:
            return
        process = os.fork()
        if process == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    connection.close()
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    argv, traced = json.loads(request)
    if traced:
        os.kill(os.getpid(), signal.SIGSTOP)
    cli.main(argv)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))

# SPDX-License-Identifier: MIT
"""Machines in containers: systemd as PID 1 of a test root, by systemd-nspawn.

`booted("sid")` is a context manager that gives a running Machine; `booted("host")` gives this
system's own programs on an overlay of its root, without a PID 1 and a journal. However the tests
end, the machine goes with them: its parent hears of this process's death and kills it, and its
mounts live in a namespace of their own.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.machines import boot, roots
from tests.machines.machine import Machine

BOOT_TIMEOUT = 120  # seconds


class BootFailed(Exception):
    """The machine did not come up; the text holds its console."""


@dataclass
class Container:
    """A running systemd-nspawn; a Transport."""

    name: str
    notify: socket.socket
    console: IO[bytes]
    leader: int = 0

    def execute(
        self, argv: Sequence[str], stdin: bytes, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs argv inside, in all namespaces of the machine; it dies when this process does."""
        return subprocess.run(
            self.entering(argv), input=stdin, capture_output=True, env=dict(environment),
            timeout=timeout, check=False,
        )  # fmt: skip

    def entering(self, argv: Sequence[str]) -> list[str]:
        """The command line, for this machine's host, that runs argv inside."""
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        enter = ["/usr/bin/nsenter", f"--target={self.leader}", *namespaces, "--root", "--wdns=/"]
        return [*enter, "--", "/usr/bin/setpriv", "--pdeathsig=KILL", "--", *argv]

    def reboot(self) -> None:
        self.execute(["/usr/bin/systemctl", "reboot"], b"", {}, 60)
        self.wait()

    def wait(self) -> None:
        """Returns when the machine says that it is up."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        self.leader = 0
        ready = False
        while not (ready and self.leader):
            try:
                self.notify.settimeout(max(0.1, deadline - time.monotonic()))
                message = self.notify.recv(4096).decode()
            except TimeoutError:
                raise BootFailed(self._why(f"not up after {BOOT_TIMEOUT} s")) from None
            for line in message.splitlines():
                field, _, value = line.partition("=")
                if field == "X_NSPAWN_LEADER_PID":
                    self.leader, ready = int(value), False
                elif field == "READY":
                    ready = True
                elif field == "X_PARENT":
                    raise BootFailed(self._why("it ended"))

    def _why(self, problem: str) -> str:
        self.console.seek(0)
        lines = self.console.read().decode(errors="replace").splitlines()
        return "\n".join([f"machine '{self.name}': {problem}", *lines[-30:]])


@contextlib.contextmanager
def booted(root_name: str) -> Iterator[Machine]:
    """Boots the root of that name (building it where needed) and gives the running machine."""
    root = Path("/") if root_name == "host" else roots.root(root_name)
    name = f"{root_name}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    mountpoint = roots.cache() / "mount"  # one for all: each machine mounts in its own namespace
    mountpoint.mkdir(exist_ok=True)
    with (
        roots.in_use(root),
        tempfile.TemporaryFile() as console,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
    ):
        notify.bind("")  # an abstract name that the kernel chooses: no file to leave behind
        address = notify.getsockname().decode().replace("\0", "@", 1)
        parent = subprocess.Popen(
            [
                "/usr/bin/setpriv", "--pdeathsig=TERM", "--",
                "/usr/bin/unshare", "--mount", "--propagation=private", "--",
                sys.executable, "-I", boot.__file__,
                str(root), name, str(uuid.uuid4()), str(mountpoint),
            ],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": address},
        )  # fmt: skip
        container = Container(name, notify, console)
        try:
            container.wait()
            yield Machine(root_name, container, has_journal=root_name != "host")
        finally:
            parent.terminate()
            parent.wait(timeout=60)

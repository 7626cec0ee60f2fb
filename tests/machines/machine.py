# SPDX-License-Identifier: MIT
"""A booted machine as a test sees it, whether it is a container or a virtual machine.

machine.run(["/usr/bin/credhelper", "list"])          # as root
machine.as_user("alice", ["/usr/bin/sudo", "-n", "/usr/bin/credhelper-decrypt-run", ...])
machine.write("/opt/jobs/report.py", source, mode=0o755)
machine.journal("MESSAGE_ID=7c1f3a52e0d94b0d8a6e5f1b92c4d3e7")
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
}
USERS = ("alice", "bob")
# What tests put into a machine; emptied before each of them.
_EMPTIED = (
    "/etc/credstore",
    "/etc/credstore.encrypted",
    "/run/credstore.encrypted",
    "/usr/local/lib/credstore.encrypted",
    "/usr/lib/credstore.encrypted",
    "/opt",
    "/etc/sudoers.d",
    "/tmp",
    "/home/alice",
    "/home/bob",
)


class Transport(Protocol):
    """How commands reach a machine."""

    def execute(
        self, argv: Sequence[str], stdin: bytes, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs argv as root to its end; raises subprocess.TimeoutExpired after timeout seconds."""

    def reboot(self) -> None:
        """Goes down in order and comes up again; returns when the system is up."""


@dataclass
class Machine:
    """A booted system; `name` is that of its root."""

    name: str
    transport: Transport
    has_journal: bool = True
    systemd: str = ""  # its version
    cursor: str = ""

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | bytes = b"",  # noqa: A002 - the name that subprocess.run has
        environment: Mapping[str, str] | None = None,
        timeout: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs argv (an absolute program path) as root, without a terminal, from /.

        Output comes as text (UTF-8, other bytes as surrogates). `environment` is added to
        ENVIRONMENT. With `check` a failure raises AssertionError that shows the output.
        """
        stdin = input.encode(errors="surrogateescape") if isinstance(input, str) else input
        done = self.transport.execute(argv, stdin, {**ENVIRONMENT, **(environment or {})}, timeout)
        result = subprocess.CompletedProcess(
            list(argv), done.returncode, _text(done.stdout), _text(done.stderr)
        )
        if check and result.returncode:
            raise AssertionError(
                f"{self.name}: {' '.join(argv)}: exit {result.returncode}\n"
                f"{result.stdout}{result.stderr}"
            )
        return result

    def as_user(
        self,
        user: str,
        argv: Sequence[str],
        *,
        input: str | bytes = b"",  # noqa: A002
        environment: Mapping[str, str] | None = None,
        timeout: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """The same as an ordinary user (alice or bob): ids, groups, HOME, USER; sudo is real."""
        become = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
        theirs = {"HOME": f"/home/{user}", "USER": user, "LOGNAME": user, **(environment or {})}
        return self.run(
            [*become, *argv], input=input, environment=theirs, timeout=timeout, check=check
        )

    def write(
        self, path: str, content: str | bytes, mode: int = 0o644, owner: str = "root"
    ) -> None:
        """Makes or replaces a file, with its parents (root's, 0755) where they are missing."""
        argv = ["/usr/bin/install", "-D", f"--mode={mode:04o}", f"--owner={owner}"]
        self.run([*argv, f"--group={owner}", "/dev/stdin", path], input=content, check=True)

    def read(self, path: str) -> bytes:
        """The content of a file, raw."""
        done = self.transport.execute(["/usr/bin/cat", path], b"", ENVIRONMENT, 60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def journal(self, *matches: str, everything: bool = False) -> list[dict[str, Any]]:
        """Journal records since the test began (or the boot), oldest first.

        `matches` are FIELD=VALUE arguments of journalctl(1).
        """
        self.run(["/usr/bin/journalctl", "--sync"], check=True)
        since = [] if everything or not self.cursor else [f"--after-cursor={self.cursor}"]
        argv = ["/usr/bin/journalctl", "--no-pager", "--quiet", "--boot", "--output=json"]
        lines = self.run([*argv, "--all", *since, *matches], check=True).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def clean(self) -> None:
        """Empties the store and whatever else the tests before have put there."""
        self.run(["/usr/bin/mkdir", "-p", *_EMPTIED], check=True)
        self.run(["/usr/bin/find", *_EMPTIED, "-mindepth", "1", "-delete"], check=True)
        self.run(["/usr/bin/rm", "-rf", "/etc/credhelper", "/var/lib/credhelper"], check=True)
        self.run(["/usr/bin/systemd-tmpfiles", "--create"], check=True)
        self.mark()

    def mark(self) -> None:
        """From here on `journal` counts."""
        if not self.has_journal:
            return
        shown = self.run(
            ["/usr/bin/journalctl", "--quiet", "--lines=0", "--show-cursor"], check=True
        ).stdout
        self.cursor = shown.partition("-- cursor: ")[2].strip()

    def reboot(self) -> None:
        """Restarts the machine in order; files stay, /run and /tmp do not."""
        self.transport.reboot()
        self.cursor = ""


def _text(output: bytes) -> str:
    return output.decode(errors="surrogateescape")

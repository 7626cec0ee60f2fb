# SPDX-License-Identifier: MIT
"""What the tests of the runner share: users, and looks at what a run is and leaves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.real.conftest import TIME_LIMIT_SECONDS, Finished

if TYPE_CHECKING:
    from collections.abc import Sequence

Writes = Callable[..., Path]
Same = Callable[..., Finished]

Sealed = Callable[..., Path]

VALUE: Final = "sk-secret/value+1234567890=="
DECLARING: Final = """\
    # /// script
    # requires-python = ">=3.11"
    # [tool.credhelper]
    # credentials = ["my_api_key"]
    # environment = { API_KEY = "my_api_key" }
    # ///
"""


@dataclass(frozen=True)
class User:
    """An ordinary user of this machine, with a group of her own and one more."""

    name: str
    uid: int

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002
        cwd: str = "/",
    ) -> Finished:
        """Runs ``argv`` as this user, in a process that has nothing to do with a runner."""
        finished = subprocess.run(
            argv,
            input=input,
            capture_output=True,
            user=self.uid,
            group=self.uid,
            extra_groups=[self.uid + 100],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd=cwd,
            check=False,
            timeout=TIME_LIMIT_SECONDS,
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr)


ALICE: Final = User("alice", 4201)
BOB: Final = User("bob", 4202)


def status_fields(text: str) -> dict[str, str]:
    """The fields of a ``/proc/PID/status``."""
    pairs = (line.split(":", 1) for line in text.splitlines())
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) > 1}


def nothing_left() -> dict[str, object]:
    """What a run could leave on the machine: mounts, and files in memory's directories."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "/run": sorted(os.listdir("/run")),
        "/dev/shm": sorted(os.listdir("/dev/shm")),
        "/tmp": sorted(os.listdir("/tmp")),
    }

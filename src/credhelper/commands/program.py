# SPDX-License-Identifier: MIT
"""A program of the system's, run to its end: without a shell and with nothing of the caller's."""

from __future__ import annotations

import subprocess
from typing import Final

_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}


def run(*argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs ``argv`` (an absolute path first): its exit status and what it wrote.

    Raises ``OSError`` where it cannot be started.
    """
    return subprocess.run(argv, input=stdin, capture_output=True, env=_ENVIRONMENT, check=False)

# SPDX-License-Identifier: MIT
"""A sudoers policy of the tests, put where the real sudo goes by it."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from pathlib import Path

from tests.real import policies
from tests.real.running import ALICE

DROP_IN = Path("/etc/sudoers.d/policy")


def filled(text: str) -> str:
    """A policy or a command line with its places filled in."""
    digest = hashlib.sha256(Path(policies.RUNNER).read_bytes()).hexdigest()
    for place, value in (
        ("{PINNED}", "{R} --root-owned {S}"),
        ("{R}", policies.RUNNER),
        ("{C}", policies.MANAGER),
        ("{S}", policies.SCRIPT),
        ("{J}", policies.JOBS),
        ("{UID}", str(ALICE.uid)),
        ("{HOST}", socket.gethostname().split(".")[0]),
        ("{DIGEST}", digest),
    ):
        text = text.replace(place, value)
    lines = text.split("\n")
    rule = "alice ALL=(root) NOPASSWD: "
    keywords = ("@include",)
    return "\n".join(
        f"{rule}{line[1:]}" if line.startswith("@") and not line.startswith(keywords) else line
        for line in lines
    )


def put(policy: str) -> None:
    """Has sudo go by ``policy``, which visudo accepts."""
    DROP_IN.unlink(missing_ok=True)
    DROP_IN.write_text(filled(policy) + "\n")
    DROP_IN.chmod(0o440)
    subprocess.run(["/usr/sbin/visudo", "-cq"], check=True, capture_output=True)

# SPDX-License-Identifier: MIT
"""The host key: systemd's own file, and whether it is of this machine.

``struct credential_host_secret_format`` in systemd: the machine id as sd_id128(3) hashes it for
applications, then the key. Where the id does not match, systemd takes the file for another
machine's and deletes it at the next sealing or unsealing: look before either.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Final

from credhelper.errors import HostKeyMissing

PATH: Final = Path("/var/lib/systemd/credential.secret")
MACHINE_ID: Final = Path("/etc/machine-id")

_APPLICATION: Final = bytes.fromhex("d3acecba0dad4cdfb8c9381528936c58")  # systemd's for this file


def machine_id() -> bytes | None:
    """The 16 bytes of this machine's id; None where there is none (yet), machine-id(5)."""
    try:
        found = bytes.fromhex(MACHINE_ID.read_text("ascii").strip())
    except (OSError, ValueError):
        return None
    return found if len(found) == 16 and any(found) else None


def hashed(machine: bytes) -> bytes:
    """``machine`` as it stands in the host key file: sd_id128_get_machine_app_specific(3)."""
    digest = bytearray(hmac.digest(machine, _APPLICATION, hashlib.sha256)[:16])
    digest[6] = digest[6] & 0x0F | 0x40  # a UUID of version 4
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def is_foreign() -> bool:
    """Whether there is a host key, and it is of another machine id than this one."""
    machine = machine_id()
    try:
        with PATH.open("rb") as file:
            owner = file.read(16)
    except OSError:
        return False
    return machine is not None and owner != hashed(machine)


def guard() -> None:
    """Raises :class:`HostKeyMissing` where using the host key would have systemd delete it."""
    if is_foreign():
        raise HostKeyMissing(
            f"{PATH} is of another machine id than {MACHINE_ID}: systemd would delete it now",
            "see what can be saved: sudo credhelper check",
        )

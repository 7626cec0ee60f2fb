# SPDX-License-Identifier: MIT
"""The host key: systemd's own file, and whether it is of this machine.

``struct credential_host_secret_format`` in systemd: the machine id as sd_id128(3) hashes it for
applications, then the key. Where the id does not match, systemd takes the file for another
machine's and deletes it at the next sealing or unsealing: both look first.
"""

from __future__ import annotations

from credhelper.errors import HostKeyMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PATH: Final = "/var/lib/systemd/credential.secret"
MACHINE_ID: Final = "/etc/machine-id"

_APPLICATION: Final = bytes.fromhex("d3acecba0dad4cdfb8c9381528936c58")  # systemd's for this file


def machine_id() -> bytes | None:
    """The 16 bytes of this machine's id; None where there is none (yet), machine-id(5)."""
    try:
        found = bytes.fromhex(_head(MACHINE_ID, 64).decode("ascii").strip())
    except (OSError, ValueError):
        return None
    return found if len(found) == 16 and any(found) else None


def hashed(machine: bytes) -> bytes:
    """``machine`` as it is in the host key file: sd_id128_get_machine_app_specific(3)."""
    from credhelper.digest import hmac_sha256  # the first load(), not the import, pays for it

    digest = bytearray(hmac_sha256(machine, _APPLICATION)[:16])
    digest[6] = digest[6] & 0x0F | 0x40  # a UUID of version 4
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def is_foreign() -> bool:
    """Whether there is a host key, and it is of another machine id than this one."""
    try:
        head = _head(PATH, 17)
    except OSError:
        return False
    machine = machine_id()
    # a shorter file is refused by systemd, and stays
    return machine is not None and len(head) == 17 and head[:16] != hashed(machine)


def foreign(name: str) -> HostKeyMissing:
    """The error for the credential ``name`` where systemd would delete the host key."""
    return HostKeyMissing(
        f"needs the host key, and {PATH} is of another machine id than {MACHINE_ID}: systemd "
        "would delete it now",
        f"nothing is lost yet: restore {MACHINE_ID}, or see sudo credhelper check",
        f"credential {name}",
    )


def without_machine_id(name: str) -> HostKeyMissing:
    """The error for the credential ``name`` where there is no machine id to have a host key for."""
    way_out = "make one: sudo systemd-machine-id-setup"
    try:
        _head(PATH, 1)
    except OSError:
        pass
    else:  # which a new id would have systemd delete
        way_out = f"restore it from a backup: with another one, systemd deletes {PATH}"
    return HostKeyMissing(
        f"needs the host key, for which {MACHINE_ID} has to hold a machine id",
        way_out,
        f"credential {name}",
    )


def _head(path: str, size: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(size) or b""

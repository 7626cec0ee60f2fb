# SPDX-License-Identifier: MIT
"""The journal's record of who used which credential for what. Never a value, its size or its hash.

The message ids are explained by the catalog that the package installs (journalctl -x).
"""

from __future__ import annotations

import os
import pwd

from credhelper.commands import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

RUN: Final = "7c1f3a52e0d94b0d8a6e5f1b92c4d3e7"
REFUSAL: Final = "2b9d64c8f1534ae7b0c2a7d95e3f8161"
STORE_CHANGE: Final = "94e0b7d35c6a4f1e8d2f60b3a1c7e5d8"
ON_DEMAND: Final = "c3a85e917d2046b9a4f7d1e06b58c29f"

_SOCKET: Final = "/run/systemd/journal/socket"
NOTICE: Final = 5
WARNING: Final = 4


def _send(*fields: bytes) -> None:
    """What ``sendv`` does, in systemd's documented protocol (JOURNAL_NATIVE_PROTOCOL).

    Raises ``OSError``, also for a record that does not fit in a datagram.
    """
    from _socket import AF_UNIX, SOCK_DGRAM, socket

    data = bytearray()
    for field in fields:
        name, _, value = field.partition(b"=")
        data += name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    journal = socket(AF_UNIX, SOCK_DGRAM)
    try:
        journal.sendto(data, _SOCKET)
    finally:
        journal.close()


try:
    # the C half alone: systemd.journal imports logging and uuid, 20 times as slow
    from systemd._journal import sendv
except ImportError:  # the Python of a virtual environment
    sendv = _send


def invoking_user() -> str:
    """Who called: the user behind sudo(8), or the one whose process this is."""
    if user := os.environ.get("SUDO_USER"):
        return user
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user id {os.getuid()}"


def store_changed(operation: str, names: Iterable[str]) -> None:
    """Records that credentials were added, rotated, removed or resealed."""
    listed = " ".join(names)
    who = invoking_user()
    record(
        STORE_CHANGE,
        f"{who}: {operation} {listed}",
        {
            "CREDHELPER_OPERATION": operation,
            "CREDHELPER_CREDENTIALS": listed,
            "CREDHELPER_INVOKING_USER": who,
        },
    )


def on_demand(name: str, run: Mapping[str, str]) -> None:
    """Records that the script of ``run`` (the fields of its record) had ``name`` decrypted."""
    record(
        ON_DEMAND,
        f"{run['CREDHELPER_SCRIPT']} loads {name} for {run['CREDHELPER_INVOKING_USER']}",
        {**run, "CREDHELPER_CREDENTIALS": name},
    )


def record(
    message_id: str, message: str, fields: Mapping[str, str], priority: int = NOTICE
) -> bool:
    """Writes one record to the journal; False, and a note on stderr, where there is none.

    A run does not fail for want of a journal: sudo(8) logs it as well.
    """
    try:
        if not os.path.exists(_SOCKET):  # sd_journal_sendv() would be silent
            raise OSError("systemd-journald is not running")
        own = {
            "MESSAGE": message,
            "MESSAGE_ID": message_id,
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": "credhelper",
        }
        # file names need not be text
        sendv(*(os.fsencode(f"{name}={value}") for name, value in {**own, **fields}.items()))
    except OSError as error:
        messages.note(f"not recorded in the journal: {error}")
        return False
    return True

# SPDX-License-Identifier: MIT
"""Records of who used which credential: in the journal, and with the kernel's audit.

Both by their documented protocols and a socket: no library has to be loaded, except for a record of
more than a datagram. journald limits how
much it takes of one unit, and under sudo(8) a run is in the unit of its caller; the audit records
of the kernel know no such limit, and carry the login uid, which no process can change.
"""

from __future__ import annotations

import errno
import os
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET, socket

from credhelper.process import in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

ON_DEMAND: Final = "c3a85e917d2046b9a4f7d1e06b58c29f"
NOTICE: Final = 5
RUN_VARIABLE: Final = "CREDHELPER_RUN"  # what tells a child of a run to which one it belongs

_JOURNAL: Final = "/run/systemd/journal/socket"
_TIME_LIMIT_SECONDS: Final = 2.0  # a journald that is stuck holds up nothing
_AF_NETLINK: Final = 16
_NETLINK_AUDIT: Final = 9
_AUDIT_TRUSTED_APP: Final = 1121  # linux/audit.h: of any form, from who has CAP_AUDIT_WRITE
_NLM_F_REQUEST_ACK: Final = 1 | 4
_NETLINK_HEADER_BYTES: Final = 16
_ORDER: Final = sys.byteorder
_LONGEST_FIELD_BYTES: Final = 1024  # of a record, which the kernel cuts at 8,970


def record(message_id: str, message: str, fields: Mapping[str, str], priority: int) -> None:
    """Writes one record to the kernel's audit, where there is one, and to the journal.

    Raises ``OSError`` where the journal does not take it.
    """
    try:
        _send_to_audit(message_id, fields)
    except OSError:  # a kernel without, a container that may not: sudo(8) is as silent
        pass
    own = {
        "MESSAGE": "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message),
        "MESSAGE_ID": message_id,
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "credhelper",
    }
    _send_to_journal({**own, **fields})


def loaded_in_child(name: str, run: str) -> None:
    """Records that a process which the script of ``run`` started had ``name`` decrypted."""
    script = os.path.abspath(sys.argv[0]) if sys.argv[:1] not in ([], [""]) else sys.executable
    who = os.environ.get("SUDO_USER", "root")
    fields = {
        "CREDHELPER_CREDENTIALS": name,
        "CREDHELPER_SCRIPT": script,
        "CREDHELPER_INVOKING_USER": who,
        "CREDHELPER_RUN_AS": "root",  # nobody else can
        "CREDHELPER_RUN": run,
    }
    try:
        record(ON_DEMAND, f"{script}, started by a run, loads {name} for {who}", fields, NOTICE)
    except OSError:  # the run has said so
        pass


def _send_to_journal(fields: Mapping[str, str]) -> None:
    """One datagram (systemd's JOURNAL_NATIVE_PROTOCOL). Raises ``OSError``, within the limit."""
    if not os.path.exists(_JOURNAL):
        raise OSError("systemd-journald is not running")
    data = bytearray()
    for name, value in fields.items():
        raw = os.fsencode(value)  # file names need not be text
        data += name.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
    journal = socket(AF_UNIX, SOCK_DGRAM)
    try:
        journal.settimeout(_TIME_LIMIT_SECONDS)
        journal.connect(_JOURNAL)  # only then can it be waited for
        journal.send(data)
    except TimeoutError:
        raise OSError("systemd-journald takes nothing") from None
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        _send_large(journal, data)
    finally:
        journal.close()


def _send_large(journal: socket, data: bytearray) -> None:
    """What no datagram holds: in memory that is sealed and handed over (the same protocol)."""
    memory = in_memory(data, sealed=True)
    try:
        journal.sendmsg([], [(SOL_SOCKET, SCM_RIGHTS, memory.to_bytes(4, _ORDER))])
    finally:
        os.close(memory)


def _send_to_audit(message_id: str, fields: Mapping[str, str]) -> None:
    """One message (netlink(7)); the kernel adds process, login uid and session. Raises ``OSError``.

    The fields are those of the journal, in lower case and without ``CREDHELPER_``.
    """
    words = [f'op=credhelper id="{message_id}"']
    for name, value in fields.items():
        words.append(f"{name.removeprefix('CREDHELPER_').lower()}={audit_value(value)}")
    text = " ".join(words).encode() + b"\0"
    audit = socket(_AF_NETLINK, SOCK_RAW, _NETLINK_AUDIT)
    try:
        audit.settimeout(_TIME_LIMIT_SECONDS)
        header = (
            (_NETLINK_HEADER_BYTES + len(text)).to_bytes(4, _ORDER)
            + _AUDIT_TRUSTED_APP.to_bytes(2, _ORDER)
            + _NLM_F_REQUEST_ACK.to_bytes(2, _ORDER)
            + bytes(8)
        )
        audit.sendto(header + text, (0, 0))
        answer = audit.recv(1 << 13)[_NETLINK_HEADER_BYTES:]
        if number := -int.from_bytes(answer[:4], _ORDER, signed=True):
            raise OSError(number, os.strerror(number))
    finally:
        audit.close()


def audit_value(value: str) -> str:
    """``value`` as audit records have it: in quotes, or in hexadecimal where it could mislead."""
    raw = os.fsencode(value)
    if len(raw) > _LONGEST_FIELD_BYTES:
        raw = raw[:_LONGEST_FIELD_BYTES] + b"..."
    if all(0x20 < byte < 0x7F and byte not in b"\"'" for byte in raw):
        return f'"{raw.decode()}"'
    return raw.hex().upper()

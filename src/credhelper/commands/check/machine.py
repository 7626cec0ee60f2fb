# SPDX-License-Identifier: MIT
"""The machine: systemd, its host key, the journal, core dumps."""

from __future__ import annotations

import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper import hostkey, unsealing
from credhelper.commands import program, sealing
from credhelper.commands.check import swap
from credhelper.commands.check.finding import Area, Finding, Severity, command, install, look
from credhelper.errors import SystemdMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_SYSTEMD: Final = 250
JOURNAL_SOCKET: Final = Path("/run/systemd/journal/socket")
CORE_PATTERN: Final = Path("/proc/sys/kernel/core_pattern")

_finding: Final = partial(Finding, Area.MACHINE)
_HOST_KEY_HEAD_BYTES: Final = 16
_ANALYZE: Final = "/usr/bin/systemd-analyze"
_DISCARDING: Final = ("/bin/false", "/usr/bin/false", "/bin/true", "/usr/bin/true")
_NO_CORES: Final = (
    "printf 'kernel.core_pattern=|/usr/bin/false\\n' | sudo tee /etc/sysctl.d/60-no-cores.conf "
    "&& sudo sysctl -p /etc/sysctl.d/60-no-cores.conf"
)
_NO_STORED_CORES: Final = (
    "sudo mkdir -p /etc/systemd/coredump.conf.d && printf '[Coredump]\\nStorage=none\\n' "
    "| sudo tee /etc/systemd/coredump.conf.d/60-no-cores.conf"
)


def facts() -> list[str]:
    """What this machine offers, a line each."""
    try:
        version = unsealing.version()
        lines = [f"systemd {version}", f"TPM2: {sealing.has_tpm2()}"]
    except SystemdMissing:
        return []
    if version < 256:
        lines.append("the null key is refused by credhelper alone (systemd 256 refuses it, too)")
    if os.path.exists(hostkey.PATH):
        encrypted = "" if swap.is_encrypted(hostkey.PATH) else "not "
        lines.append(f"host key: {hostkey.PATH}, {encrypted}on an encrypted disk")
    else:
        lines.append("host key: none yet; the first sealing makes it")
    return lines


def findings() -> list[Finding]:
    """What is wrong with the machine."""
    return [
        *_systemd(),
        *_tpm2_libraries(),
        *host_key(),
        *_journal(),
        *_core_dumps(),
        *swap.findings(),
    ]


def _systemd() -> Iterator[Finding]:
    try:
        version = unsealing.version()
    except SystemdMissing as error:
        yield _finding(
            Severity.FAILURE, "systemd-missing", "systemd", error.problem, install("systemd")
        )
        return
    if version < OLDEST_SYSTEMD:
        yield _finding(
            Severity.FAILURE,
            "systemd-old",
            "systemd",
            f"version {version} cannot seal credentials; {OLDEST_SYSTEMD} is the first that can",
            install("systemd"),
        )


def _tpm2_libraries() -> Iterator[Finding]:
    try:
        parts = sealing.tpm2_parts()
    except SystemdMissing:
        return
    if "+driver" in parts and "-libraries" in parts:
        yield _finding(
            Severity.WARNING,
            "tpm2-libraries",
            "TPM2",
            "is here, and systemd can neither seal nor unseal with it: its libraries are missing",
            install("tpm2-tss", debian="tpm2-tools"),
        )


def host_key() -> Iterator[Finding]:
    """What keeps systemd from the host key, or would have it delete it."""
    if hostkey.machine_id() is None:
        yield _finding(
            Severity.FAILURE,
            "machine-id",
            hostkey.MACHINE_ID,
            "holds no machine id, without which there is no host key",
            command("systemd-machine-id-setup"),
        )
    path = hostkey.PATH
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        yield _finding(
            Severity.FAILURE,
            "host-key-file",
            path,
            "is not a regular file, so systemd does not take it",
            look(path),
        )
        return
    if status.st_size <= _HOST_KEY_HEAD_BYTES:
        yield _finding(
            Severity.FAILURE,
            "host-key-file",
            path,
            f"is damaged: it has {status.st_size} bytes",
            command("mv", "-n", path, "/root/credential.secret.damaged"),
        )
        return
    if hostkey.is_foreign():
        yield _finding(
            Severity.FAILURE,
            "host-key-foreign",
            path,
            "is of another machine id: the next sealing or unsealing deletes it, and all that is "
            "bound to it is lost. Keep a copy of it; with its own /etc/machine-id it works again",
            command("cp", "-pn", path, "/root/credential.secret.foreign"),
        )
    if status.st_uid != 0:
        yield _finding(
            Severity.FAILURE,
            "host-key-owner",
            path,
            f"belongs to user id {status.st_uid}, who can read it",
            command("chown", "root:root", path),
        )
    if (mode := stat.S_IMODE(status.st_mode)) != 0o400:
        yield _finding(
            Severity.FAILURE,
            "host-key-mode",
            path,
            f"has mode {mode:04o}, and systemd takes it with 0400 alone",
            command("chmod", "0400", path),
        )
    if status.st_nlink > 1:
        yield _finding(
            Severity.FAILURE,
            "host-key-links",
            path,
            f"has {status.st_nlink} names (hard links), and systemd takes it with one alone",
            f"sudo cp -p {path} {path}.single && sudo mv {path}.single {path}",
        )


def _journal() -> Iterator[Finding]:
    if not JOURNAL_SOCKET.exists():
        yield _finding(
            Severity.WARNING,
            "journal",
            "systemd-journald",
            "is not running: nobody learns who used which credential",
            command("systemctl", "start", "systemd-journald.socket", "systemd-journald.service"),
        )
    elif not any(Path(place).is_dir() for place in ("/var/log/journal", "/run/log/journal")):
        return  # something else takes the records
    elif not Path("/var/log/journal").is_dir():
        yield _finding(
            Severity.NOTE,
            "journal-volatile",
            "systemd-journald",
            "keeps its records in memory, and the next boot forgets who used which credential",
            "sudo mkdir -p /var/log/journal && sudo journalctl --flush",
        )


def _core_dumps() -> Iterator[Finding]:
    """The runner dumps no core; a service or a script that calls ``load()`` by itself may."""
    try:
        pattern = CORE_PATTERN.read_text().strip()
    except OSError:
        return
    fix = ""
    where = ""
    if pattern.startswith("@"):
        yield _finding(
            Severity.WARNING,
            "core-socket",
            "core dumps",
            f"go to a socket ({pattern.lstrip('@')}), which no limit stops: a shell or another "
            "program that crashes in a run hands its credentials to whoever listens there",
            _NO_CORES,
        )
    elif not pattern.startswith("|"):
        if pattern:
            fix, where = _NO_CORES, f"a file ({pattern})"
    elif "systemd-coredump" in pattern:
        if _coredump_storage() != "none":
            fix, where = _NO_STORED_CORES, "/var/lib/systemd/coredump or the journal"
    elif pattern[1:].split()[:1] and pattern[1:].split()[0] not in _DISCARDING:
        fix, where = _NO_CORES, f"a program ({pattern[1:].split()[0]})"
    if fix:
        yield _finding(
            Severity.NOTE,
            "core-dumps",
            "core dumps",
            f"go to {where}: a program that loads a credential without the runner and crashes "
            "leaves it there",
            fix,
        )


def _coredump_storage() -> str:
    """``Storage=`` of coredump.conf(5), drop-ins and defaults considered."""
    try:
        found = program.run(_ANALYZE, "--no-pager", "cat-config", "systemd/coredump.conf")
    except OSError:
        return "external"
    values = re.findall(rb"^\s*Storage\s*=\s*(\w*)", found.stdout, re.MULTILINE)
    return values[-1].decode().lower() if values else "external"

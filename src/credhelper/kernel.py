"""The system calls that Python's ``os`` does not have, through ``ctypes``.

Names and numbers are the kernel's own (linux/mount.h, linux/prctl.h, linux/capability.h).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

AT_FDCWD: Final = -100
AT_EMPTY_PATH: Final = 0x1000

FSOPEN_CLOEXEC: Final = 1
FSCONFIG_SET_STRING: Final = 1
FSCONFIG_CMD_CREATE: Final = 6
FSMOUNT_CLOEXEC: Final = 1
MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NOSUID: Final = 0x2
MOUNT_ATTR_NODEV: Final = 0x4
MOUNT_ATTR_NOEXEC: Final = 0x8
MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
MS_REC: Final = 0x4000
MS_SLAVE: Final = 0x80000
CLONE_NEWNS: Final = 0x20000

PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
PR_SET_KEEPCAPS: Final = 8

KEYCTL_JOIN_SESSION_KEYRING: Final = 1

CAP_BLOCK_SUSPEND: Final = 36
CAPABILITY_VERSION_3: Final = 0x20080522

# asm-generic: the same on every architecture of Fedora, for calls as new as these
_NR_MOVE_MOUNT: Final = 429
_NR_FSOPEN: Final = 430
_NR_FSCONFIG: Final = 431
_NR_FSMOUNT: Final = 432
_NR_MOUNT_SETATTR: Final = 442
# older, so that each architecture has its own
_NR_KEYCTL: Final = {
    "aarch64": 219,
    "i386": 288,
    "powerpc64le": 271,
    "riscv64": 219,
    "s390x": 280,
    "x86_64": 250,
}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def _syscall(call: str, number: int, *arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *words), call)


def prctl(option: int, *arguments: int) -> int:
    """prctl(2). Raises ``OSError``."""
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(ctypes.c_int(option), *words), "prctl")


def ramfs(mode: int) -> int:
    """The descriptor of an empty, detached ramfs, whose root directory has ``mode``.

    It is in no mount table, is never swapped, and is gone with its last descriptor (fsopen(2)).
    Raises ``OSError``.
    """
    context = _syscall("fsopen", _NR_FSOPEN, b"ramfs", FSOPEN_CLOEXEC)
    try:
        text = f"{mode:04o}".encode()
        _syscall("fsconfig", _NR_FSCONFIG, context, FSCONFIG_SET_STRING, b"mode", text, 0)
        _syscall("fsconfig", _NR_FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0)
        attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
        return _syscall("fsmount", _NR_FSMOUNT, context, FSMOUNT_CLOEXEC, attributes)
    finally:
        os.close(context)


def make_read_only(mount: int) -> None:
    """Makes the mount behind the descriptor read-only (mount_setattr(2)). Raises ``OSError``."""
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    _checked(
        _libc.syscall(
            ctypes.c_long(_NR_MOUNT_SETATTR),
            ctypes.c_int(mount),
            ctypes.c_char_p(b""),
            ctypes.c_uint(AT_EMPTY_PATH),
            ctypes.byref(attributes),
            ctypes.c_size_t(ctypes.sizeof(attributes)),
        ),
        "mount_setattr",
    )


def private_mounts() -> None:
    """Moves this process into a mount namespace that the rest of the system does not see."""
    _checked(_libc.unshare(ctypes.c_int(CLONE_NEWNS)), "unshare")
    flags = ctypes.c_ulong(MS_REC | MS_SLAVE)
    _checked(_libc.mount(None, ctypes.c_char_p(b"/"), None, flags, None), "mount")


def attach(mount: int, directory: str) -> None:
    """Attaches the detached mount to ``directory`` (move_mount(2)). Raises ``OSError``."""
    path = os.fsencode(directory)
    _syscall("move_mount", _NR_MOVE_MOUNT, mount, b"", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)


def set_capabilities(permitted: int, inheritable: int) -> None:
    """Sets the thread's capabilities, the effective ones to ``permitted`` (capset(2))."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    low, high = 0xFFFFFFFF, 32
    data = (ctypes.c_uint32 * 6)(
        permitted & low,
        permitted & low,
        inheritable & low,
        permitted >> high,
        permitted >> high,
        inheritable >> high,
    )
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")


def leave_keyrings() -> None:
    """Joins a new, empty session keyring: the old one leads to the keys of whoever had it.

    Nothing is done where there are no keyrings, or none are allowed (containers). See
    session-keyring(7). Raises ``OSError``.
    """
    # what this Python was built for; uname(2) says what the caller's personality(2) wants it to
    architecture = sys.implementation._multiarch.partition("-")[0]
    try:
        _syscall("keyctl", _NR_KEYCTL.get(architecture, -1), KEYCTL_JOIN_SESSION_KEYRING, None)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise


def keep_memory_private() -> None:
    """No core dump of this process, and none of what it starts; no tracing by its user.

    A limit of 0 stops a core file but not the pipe of systemd-coredump(8); 1 stops both (core(5)).
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    except ValueError:  # the hard limit is 0, which not everybody may raise
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(PR_SET_DUMPABLE, 0)

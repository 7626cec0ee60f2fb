# SPDX-License-Identifier: MIT
"""The system calls that Python's ``os`` does not have, through the C half of ``ctypes``.

Names and numbers are the kernel's own (linux/mount.h, linux/prctl.h, linux/capability.h).
``ctypes`` itself imports ``threading`` and ``sysconfig``: a fifth of a run's own time.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_USE_ERRNO,
    CFuncPtr,
    _SimpleCData,
    byref,
    dlopen,
    dlsym,
    get_errno,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Final

    _Data = _SimpleCData[int]
else:
    _Data = _SimpleCData  # which cannot be subscripted

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
_MOUNT_ATTR_BYTES: Final = 4 * 8  # of struct mount_attr
MOVE_MOUNT_T_EMPTY_PATH: Final = 0x40
MOVE_MOUNT_SET_GROUP: Final = 0x100
STATX_ATTR_MOUNT_ROOT: Final = 0x2000
_STATX_WORDS: Final = 256 // 8  # of struct statx; the second one holds the attributes
OPEN_TREE_CLONE: Final = 1
OPEN_TREE_CLOEXEC: Final = os.O_CLOEXEC
MS_PRIVATE: Final = 0x40000
CLONE_NEWNS: Final = 0x20000

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_TIMERSLACK: Final = 29
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_MEMORY_MERGE: Final = 67
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
PR_SET_KEEPCAPS: Final = 8

PER_LINUX: Final = 0  # sys/personality.h

SI_KERNEL: Final = 0x80
_SIGSET_BYTES: Final = 1024 // 8  # of libc's sigset_t
_SIGINFO_BYTES: Final = 128  # of struct signalfd_siginfo: number and code are words 0 and 2

KEYCTL_JOIN_SESSION_KEYRING: Final = 1

CAP_BLOCK_SUSPEND: Final = 36
CAPABILITY_VERSION_3: Final = 0x20080522

# The calls for which libc has no function, by number. The younger ones: asm-generic, the same on
# every architecture of Fedora.
_NUMBERS: Final = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
    # older, by what this Python was built for: uname(2) says what the caller's personality(2) wants
    "keyctl": {
        "aarch64": 219,
        "i386": 288,
        "powerpc64le": 271,
        "riscv64": 219,
        "s390x": 280,
        "x86_64": 250,
    }.get(sys.implementation._multiarch.partition("-")[0], -1),
}


class Int(_Data):
    """C's ``int``."""

    _type_ = "i"


class _Long(_Data):
    _type_ = "l"


class _Unsigned32(_Data):
    _type_ = "I"


class _Unsigned64(_Data):
    _type_ = "Q"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = Int


# what is loaded already, libc with it (dlopen(3)); the stubs want a name
PROGRAM: Final = dlopen(None, 0)  # type: ignore[arg-type]


def call(name: str, *arguments: object) -> int:
    """Does the system call ``name``; what it returns. Raises ``OSError``.

    The arguments are integers, bytes and references, as the system call takes them.
    """
    words = [_Long(word) if isinstance(word, int) else word for word in arguments]
    if number := _NUMBERS.get(name):
        function, words = "syscall", [_Long(number), *words]
    else:
        function = name
    result: int = _Function(dlsym(PROGRAM, function))(*words)
    if result < 0:
        raise OSError(get_errno(), f"{name}: {os.strerror(get_errno())}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """prctl(2). Raises ``OSError``."""
    return call("prctl", option, *(*arguments, 0, 0, 0, 0)[:4])


def ramfs(mode: int) -> int:
    """The descriptor of an empty, detached ramfs, whose root directory has ``mode``.

    It is in no mount table, is never swapped, and is gone with its last descriptor (fsopen(2)).
    Raises ``OSError``.
    """
    context = call("fsopen", b"ramfs", FSOPEN_CLOEXEC)
    try:
        text = f"{mode:04o}".encode()
        call("fsconfig", context, FSCONFIG_SET_STRING, b"mode", text, 0)
        call("fsconfig", context, FSCONFIG_CMD_CREATE, None, None, 0)
        attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
        return call("fsmount", context, FSMOUNT_CLOEXEC, attributes)
    finally:
        os.close(context)


def make_read_only(mount: int) -> None:
    """Makes the mount behind the descriptor read-only (mount_setattr(2)). Raises ``OSError``."""
    attributes = (_Unsigned64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    where = (mount, b"", AT_EMPTY_PATH)
    call("mount_setattr", *where, byref(attributes), _MOUNT_ATTR_BYTES)


def own_mounts() -> None:
    """Moves this process into a mount namespace of its own (mount_namespaces(7)).

    Mounts go on to propagate both ways. Raises ``OSError``.
    """
    call("unshare", CLONE_NEWNS)


def real_root() -> None:
    """Makes the root of the mount namespace the root directory and the working directory of this
    process, which a chroot(2) may have changed. Raises ``OSError``."""
    process = os.pidfd_open(os.getpid())
    try:
        call("setns", process, CLONE_NEWNS)
    finally:
        os.close(process)


def is_mount() -> bool:
    """Whether the working directory is the root of a mount (statx(2)). Raises ``OSError``."""
    found = (_Unsigned64 * _STATX_WORDS)()
    call("statx", AT_FDCWD, b".", 0, 0, byref(found))
    return bool(found[1] & STATX_ATTR_MOUNT_ROOT)


def twin() -> int:
    """The descriptor of a detached mount of the working directory, which has all that mounts
    propagate to and from (open_tree(2)). Raises ``OSError``."""
    return call("open_tree", AT_FDCWD, b".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)


def stop_propagation() -> None:
    """Has nothing propagate to or from the mount whose root is the working directory.

    Raises ``OSError``, EINVAL where that is not the root of a mount.
    """
    call("mount", None, b".", None, MS_PRIVATE, None)


def propagate_as(mount: int) -> None:
    """Has mounts propagate again, as they do with ``mount``, a :func:`twin`, to and from the mount
    whose root is the working directory. Since Linux 5.15. Raises ``OSError``."""
    call("move_mount", mount, b"", AT_FDCWD, b".", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_SET_GROUP)


def attach(mount: int, directory: int) -> None:
    """Attaches the detached mount to the directory behind the descriptor (move_mount(2)).

    Raises ``OSError``.
    """
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    call("move_mount", mount, b"", directory, b"", flags)


def set_capabilities(permitted: int, inheritable: int) -> None:
    """Sets the thread's capabilities, the effective ones to ``permitted`` (capset(2))."""
    header = (_Unsigned32 * 2)(CAPABILITY_VERSION_3, 0)
    low, high = 0xFFFFFFFF, 32
    data = (_Unsigned32 * 6)(
        permitted & low,
        permitted & low,
        inheritable & low,
        permitted >> high,
        permitted >> high,
        inheritable >> high,
    )
    call("capset", byref(header), byref(data))


def leave_keyrings() -> None:
    """Joins a new, empty session keyring: the old one leads to the keys of whoever had it.

    Nothing is done where there are no keyrings, or none are allowed (containers). See
    session-keyring(7). Raises ``OSError``.
    """
    try:
        call("keyctl", KEYCTL_JOIN_SESSION_KEYRING, None)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise


def signal_descriptor(numbers: Collection[int]) -> int:
    """A descriptor from which :func:`next_signal` takes the blocked signals ``numbers``
    (signalfd(2)). Raises ``OSError``."""
    mask = sum(1 << (number - 1) for number in numbers)
    words = mask.to_bytes(8, sys.byteorder).ljust(_SIGSET_BYTES, b"\0")
    return call("signalfd", -1, words, os.O_CLOEXEC)


def next_signal(descriptor: int) -> tuple[int, bool]:
    """The next signal, and whether the kernel itself has sent it, such as for a key."""
    found = os.read(descriptor, _SIGINFO_BYTES)
    number, code = (int.from_bytes(found[at : at + 4], sys.byteorder) for at in (0, 8))
    return number, code == SI_KERNEL


def keep_memory_private() -> None:
    """No core dump of this process, and none of what it starts; no tracing by its user, and no
    pages in common with other processes of equal content.

    A limit of 0 stops a core file but not the pipe of systemd-coredump(8); 1 stops both (core(5)).
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    except ValueError:  # the hard limit is 0, which not everybody may raise
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(PR_SET_DUMPABLE, 0)
    try:
        # the caller's wish outlives execve(2): whoever guesses a page would see it become one (ksm)
        prctl(PR_SET_MEMORY_MERGE, 0)
    except OSError:  # before Linux 6.4, or without it
        pass

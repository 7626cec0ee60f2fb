# SPDX-License-Identifier: MIT
"""What another process of the same user can do to a process: run with its id, and by hand.

Prints what it got, one line each: nothing, if all is well. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
# linux/ptrace.h, asm-generic/unistd.h
_PTRACE_ATTACH = 16
_PTRACE_SEIZE = 0x4206
_NR_PIDFD_OPEN = 434
_NR_PIDFD_GETFD = 438


class _Block(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_files(pid: int) -> None:
    """Everything below ``/proc/PID`` that shows or leads to what a process holds."""
    for name in ("environ", "mem", "maps", "auxv", "stack", "syscall", "pagemap", "io"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                file.seek(4096 if name == "mem" else 0)
                data = file.read(1 << 16)
        except OSError:
            continue
        print(f"{name}: {data[:40]!r}")
    for name in ("cwd", "root", "exe"):
        try:
            print(f"{name}: {os.readlink(f'/proc/{pid}/{name}')}")
        except OSError:
            pass
    for place in ("map_files", "root", "root/run/credentials"):
        try:
            print(f"{place}: {os.listdir(f'/proc/{pid}/{place}')}")
        except OSError:
            pass
    for number in (*range(16), 255):  # that there is such a number may be seen
        try:
            print(f"fd/{number}: {os.readlink(f'/proc/{pid}/fd/{number}')}")
        except OSError:
            pass
        for rest in ("", "/.", "/my_api_key"):
            try:
                os.close(os.open(f"/proc/{pid}/fd/{number}{rest}", os.O_RDONLY | os.O_NONBLOCK))
            except OSError:
                continue
            print(f"fd/{number}{rest}")


def trace(pid: int) -> None:
    """ptrace(2), process_vm_readv(2) and pidfd_getfd(2)."""
    for request in (_PTRACE_ATTACH, _PTRACE_SEIZE):
        if _LIBC.ptrace(request, pid, 0, 0) == 0:
            print(f"ptrace request {request:#x}")
            return
    buffer = ctypes.create_string_buffer(64)
    here = _Block(ctypes.addressof(buffer), 64)
    there = _Block(0x400000, 64)
    one = ctypes.c_ulong(1)
    _LIBC.process_vm_readv(pid, ctypes.byref(here), one, ctypes.byref(there), one, 0)
    if ctypes.get_errno() != 1:  # EPERM; EFAULT would tell that it only missed
        print(f"process_vm_readv: {os.strerror(ctypes.get_errno())}")
    handle = _LIBC.syscall(_NR_PIDFD_OPEN, pid, 0)
    for number in range(3, 12):
        if _LIBC.syscall(_NR_PIDFD_GETFD, handle, number, 0) >= 0:
            print(f"pidfd_getfd {number}")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        read_files(int(argument))
        trace(int(argument))

# SPDX-License-Identifier: MIT
"""Boots a root with systemd as PID 1, with an overlay in memory on top, and stays as its parent.

Run as `unshare --mount python3 boot.py ROOT NAME UUID MOUNTPOINT`: every mount is made in that
namespace alone, so nothing is left mounted however this process ends. SIGTERM, which the kernel
also sends when the tests die, kills the whole machine. A machine that reboots is started again;
the overlay stays. The root "/", this system's own, is not booted, but stays enterable.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

CGROUPS = Path("/sys/fs/cgroup")
PR_SET_CHILD_SUBREAPER = 36  # see prctl(2)
PREFIX = "credhelper-test-"
REBOOT = 133  # systemd-nspawn --keep-unit: the machine wants to be started again


def mount(*arguments: str) -> None:
    """One mount(8), here only."""
    subprocess.run(["/usr/bin/mount", *arguments], check=True)


def overlay(lower: str, mountpoint: Path) -> Path:
    """Mounts a writable view of `lower`; returns its path."""
    mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(mountpoint))
    for name in ("upper", "work", "root"):
        (mountpoint / name).mkdir()
    options = f"lowerdir={lower},upperdir={mountpoint}/upper,workdir={mountpoint}/work"
    mount("-t", "overlay", "-o", options, "overlay", str(mountpoint / "root"))
    return mountpoint / "root"


@contextlib.contextmanager
def own_cgroup(name: str) -> Iterator[Path]:
    """Gives a cgroup for the machine; in the end kills what is in it and removes it."""
    # systemd 258 and later refuse cgroup version 1
    subprocess.run(["/usr/bin/umount", "--recursive", str(CGROUPS)], check=True)
    mount("-t", "cgroup2", "cgroup2", str(CGROUPS))
    group = CGROUPS / f"{PREFIX}{name}"
    group.mkdir()
    try:
        yield group
    finally:
        (group / "cgroup.kill").write_text("1")
        reap_all()
        for directory, _, _ in os.walk(group, topdown=False):
            os.rmdir(directory)


def reap_all() -> None:
    """Waits for every process below this one, its own and those that fell to it."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def tell(message: str) -> None:
    """Sends a line to the socket that also hears of the machine's state."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(message.encode(), os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


def terminated(_signal: int, _frame: FrameType | None) -> None:
    """Leaves by way of every `finally`."""
    raise SystemExit(143)


def main(lower: str, name: str, uuid: str, mountpoint: str) -> int:
    """Returns when the machine is off for good, with systemd-nspawn's exit status."""
    signal.signal(signal.SIGTERM, terminated)
    root = overlay(lower, Path(mountpoint))
    if lower == "/":
        return hold(root)
    return boot(root, name, uuid)


def hold(root: Path) -> int:
    """Goes into the root, for others to follow, and waits there to be terminated."""
    for directory in ("proc", "sys", "dev"):
        mount("--rbind", f"/{directory}", str(root / directory))
    for directory in ("run", "tmp"):
        mount("-t", "tmpfs", "tmpfs", str(root / directory))
    os.chroot(root)
    os.chdir("/")
    tell(f"X_NSPAWN_LEADER_PID={os.getpid()}\nREADY=1")
    signal.pause()
    return 0


def boot(root: Path, name: str, uuid: str) -> int:
    """Runs systemd-nspawn until the machine is off; returns its exit status."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    os.makedirs("/run/systemd/nspawn", exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")  # its locks and sockets go with us
    command = [
        "/usr/bin/systemd-nspawn",
        f"--directory={root}",
        f"--machine={name}",
        f"--uuid={uuid}",
        "--register=no",
        "--keep-unit",
        "--boot",
        "--console=read-only",
        "--notify-ready=yes",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
    ]
    status = REBOOT
    with own_cgroup(name) as group:
        while status == REBOOT:
            nspawn = subprocess.Popen(command, preexec_fn=lambda: enter(group))
            try:
                status = nspawn.wait()
            finally:
                nspawn.kill()
    return status


def enter(group: Path) -> None:
    """Moves this process, the one to be systemd-nspawn, into the machine's cgroup."""
    (group / "cgroup.procs").write_text("0")


if __name__ == "__main__":
    try:
        raise SystemExit(main(*sys.argv[1:]))
    finally:
        tell("X_PARENT=gone")

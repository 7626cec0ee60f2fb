# SPDX-License-Identifier: MIT
"""strace(1): the system calls that a command makes, and their failing at any of them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STRACE: Final = "/usr/bin/strace"
# what changes something outside of the process, or starts and ends what does
CHANGING: Final = (
    "chmod chown clone clone3 close copy_file_range creat execve exit_group fallocate fchmod "
    "fchmodat fchown fchownat fdatasync flock fork fsync ftruncate kill lchown link linkat mkdir "
    "mkdirat mknod mknodat mount openat pipe pipe2 pwrite64 pwritev rename renameat renameat2 "
    "rmdir sendfile sendmmsg sendmsg sendto splice symlink symlinkat truncate unlink unlinkat "
    "utimensat vfork wait4 write writev"
).split()


@dataclass(frozen=True)
class Call:
    """A system call as strace shows it; ``ordinal`` counts those of its name in its process."""

    process: str
    name: str
    ordinal: int
    text: str

    @property
    def injection(self) -> str:
        """Where strace finds it again in another run: ``%s`` stands for what to do there."""
        return f"--inject={self.name}:%s:when={self.ordinal}"


def trace(
    argv: Sequence[str],
    calls: Sequence[str],
    output: Path,
    *,
    follow: bool,
    value: bytes,
    env: dict[str, str],
) -> list[Call]:
    """Runs ``argv`` with ``value`` as its input and returns its ``calls``, in order."""
    subprocess.run(
        [STRACE, "-qq", *options(calls, output, follow=follow), *argv],
        input=value,
        env=env,
        check=True,
        capture_output=True,
    )
    return read(output)


def options(calls: Sequence[str], output: Path, *, follow: bool) -> list[str]:
    """What strace is to be given to write ``calls``, and those of children as well."""
    children = ["-f", "-s", "4096", "-v"] if follow else []
    return [*children, f"-o{output}", f"--trace={','.join(calls)}"]


def read(output: Path) -> list[Call]:
    """The calls that strace has written, in order."""
    found = []
    counts: Counter[tuple[str, str]] = Counter()
    for line in output.read_text("utf-8", "backslashreplace").splitlines():
        match = re.match(r"(?:(\d+) +)?(\w+)\((.*)", line)
        if match and "resumed>" not in line:
            process, name, text = match[1] or "", match[2], match[3]
            counts[process, name] += 1
            found.append(Call(process, name, counts[process, name], text))
    return found

# SPDX-License-Identifier: MIT
"""What the runner does to its own process, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import credhelper

# isolated, a child would find an installed one alone
SITE = f"import sys; sys.path.insert(0, {str(Path(credhelper.__file__).parents[1])!r})"
CLOSED = """
{site}
import os, sys
from credhelper.commands.run import hardening
sys.stdin = sys.stdout = sys.stderr = None
for descriptor in ({closed}):
    os.close(descriptor)
hardening.open_standard_streams()
links = [os.readlink(f"/proc/self/fd/{{n}}") for n in ({closed})]
print("out")
print("err", file=sys.stderr)
sys.exit(links != ["/dev/null"] * len(links))
"""
NOT_ROOT = f"""
{SITE}
import os
from credhelper.errors import RunnerFailed
from credhelper.commands.run import hardening
os.geteuid = lambda: 1000  # fake: these tests may run as root
try:
    hardening.apply()
except RunnerFailed as error:
    print(error)
"""


@pytest.mark.parametrize("closed", ["0,", "2,", "0, 1", "2, 0, 1"])
def test_closed_descriptors_are_opened_on_nothing(closed: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-I", "-c", CLOSED.format(closed=closed, site=SITE)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert finished.returncode == 0


def test_without_root_it_says_what_to_type() -> None:
    finished = subprocess.run(
        [sys.executable, "-I", "-c", NOT_ROOT, "--no-mask", "x.py"], capture_output=True, check=True
    )
    assert finished.stdout == (
        b"credhelper-decrypt-run needs root (sudo credhelper-decrypt-run --no-mask x.py)\n"
    )


UNSEEN = f"""
{SITE}
import errno, os, sys
def fstat(descriptor, seen=os.fstat):
    if descriptor < 3:  # fake: as in a FUSE file system of the caller's
        raise PermissionError(errno.EACCES, "Permission denied")
    return seen(descriptor)
os.fstat = fstat
from credhelper.commands.run import hardening, masking
before = os.listdir("/proc/self/fd")
hardening.open_standard_streams()
assert os.listdir("/proc/self/fd") == before
hardening._refuse_datagrams()
masking.install({{"key": b"a-secret-value-1234"}})
print("a-secret-value-1234")
from credhelper.commands.run import relay
print(relay._leads_nowhere(1), relay._same(1, 2))
"""


def test_files_that_root_may_write_to_and_not_look_at() -> None:
    finished = subprocess.run([sys.executable, "-I", "-c", UNSEEN], capture_output=True, check=True)
    assert finished.stdout == b"[credential key]\nFalse False\n"

# SPDX-License-Identifier: MIT
"""Start-up where memory, descriptors or /dev/null are missing: a message, no traceback of ours."""

from __future__ import annotations

import resource
import subprocess

import pytest

from tests.real import namespace
from tests.real.conftest import ROOT, Runs, launcher
from tests.real.running import VALUE, Sealed

FAILURES = {"credhelper": {0, 1}, "credhelper-decrypt-run": {0, 125}}
ARGUMENTS = {"credhelper": ["list"], "credhelper-decrypt-run": ["-c", "my_api_key", "/bin/true"]}


@pytest.mark.parametrize("command", FAILURES)
@pytest.mark.parametrize(
    ("limit", "amounts"),
    [("AS", [size << 20 for size in range(14, 44, 3)]), ("NOFILE", [4, 5, 6, 8, 12, 24, 64])],
    ids=["memory", "descriptors"],
)
def test_too_little_of_it(
    command: str, limit: str, amounts: list[int], sealed: Sealed, environment: dict[str, str]
) -> None:
    """Python itself may fail below all; from there on up, each failure is told in two lines."""
    sealed("my_api_key", VALUE)
    which, failed, ended = getattr(resource, f"RLIMIT_{limit}"), 0, []
    for amount in amounts:
        limited = ["/usr/bin/prlimit", f"--{limit.lower()}={amount}:{amount}"]
        finished = subprocess.run(
            [*limited, *launcher(command), *ARGUMENTS[command]],
            stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False, timeout=90,
        )  # fmt: skip
        said = finished.stderr.decode("utf-8", "replace")
        assert str(ROOT / "src") not in said, (amount, said)
        ended.append(finished.returncode)
        if finished.returncode == min(FAILURES[command] - {0}):
            failed += f"{command}: error: " in said
    assert resource.getrlimit(which)[1] != amounts[0]
    assert failed or limit == "NOFILE"
    assert ended[-1] == 0


def test_no_dev_null(sealed: Sealed, credhelper: Runs, decrypt_run: Runs) -> None:
    sealed("my_api_key", VALUE)
    namespace.mount("none", "/dev", "tmpfs", 0)
    try:
        listed = credhelper("list")
        ran = decrypt_run("-c", "my_api_key", "/bin/true")
        shut = ["/bin/sh", "-c", 'exec "$@" <&-', "sh"]
        closed = [credhelper("list", before=shut), decrypt_run("/bin/true", before=shut)]
    finally:
        namespace.unmount("/dev")
    assert (listed.status, ran.status) == (0, 0)
    assert "my_api_key" in listed.out
    assert [finished.status for finished in closed] == [1, 125]
    assert all("/dev/null" in finished.err.splitlines()[0] for finished in closed)
    assert all("Traceback" not in finished.err for finished in closed)

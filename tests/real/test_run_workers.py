# SPDX-License-Identifier: MIT
"""What the workers of a script's own process pools write is masked without an option."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.conftest import Runs, launcher
from tests.real.running import ALICE, VALUE, Sealed, Writes

pytest_plugins = ("tests.real.runner_fixtures",)

CASES = (Path(__file__).parent / "pool_cases.py").read_text()
LATE = "late-secret/value+0987654321=="
MASKED = "[credential my_api_key]"


def assert_all_is_masked(out: str, err: str, *methods: str) -> None:
    """Each way to write came out, and none with the value."""
    assert VALUE not in out + err
    for method in methods:
        assert f"{method} initializer {MASKED}" in out
        assert f"{method} pool {MASKED}" in out
        assert f"{method} executor {MASKED}" in out
        assert f"{method} executor stderr" in err
        assert f"RuntimeError: {method} fails {MASKED}\n" in err
    assert out.count(f"nested {MASKED}") == len(methods)
    imported = out.count(f"__mp_main__ {MASKED}")
    assert bool(imported) == (set(methods) != {"fork"})


def test_every_way_to_start_them(sealed: Sealed, write: Writes, decrypt_run: Runs) -> None:
    sealed("my_api_key", VALUE)
    sealed("loaded_late", LATE)
    methods = ("spawn", "forkserver", "fork")
    finished = decrypt_run(str(write(CASES)), "late", *methods)
    assert finished.status == 0
    assert_all_is_masked(finished.out, finished.err, *methods)
    assert LATE not in finished.out + finished.err
    assert finished.out.count("[credential loaded_late]") == len(methods)


@pytest.mark.parametrize(
    ("options", "method"), [(["--user", "alice"], "forkserver"), ([], "spawn")]
)
def test_in_a_virtual_environment(
    options: list[str],
    method: str,
    sealed: Sealed,
    write: Writes,
    decrypt_run: Runs,
    environment_of_venv: Path,
    users: None,
) -> None:
    assert users is None
    sealed("my_api_key", VALUE)
    script = write(f"#!{environment_of_venv}/bin/python3\n{CASES}")
    finished = decrypt_run(*options, str(script), method)
    assert_all_is_masked(finished.out, finished.err, method)


def test_of_a_module(sealed: Sealed, decrypt_run: Runs) -> None:
    sealed("my_api_key", VALUE)
    site = Path(next(path for path in sys.path if path.startswith("/usr/local/lib/")))
    site.chmod(0o755)
    (site / "pooling.py").write_text(CASES)
    (site / "pooling.py").chmod(0o644)
    finished = decrypt_run("-c", "my_api_key", "-m", "pooling", "spawn", cwd="/")
    (site / "pooling.py").unlink()
    assert_all_is_masked(finished.out, finished.err, "spawn")


SERVING = """\
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
import multiprocessing, sys

if __name__ == "__main__":
    server = multiprocessing.get_context("forkserver")
    with server.Pool(1) as pool:
        print(pool.apply(len, ["four"]), flush=True)
        sys.stdin.readline()
        print(pool.apply(len, ["three"]), flush=True)
    process = server.Process(target=print, args=["again"])
    process.start()
    process.join()
"""
# fake: what is its own is the server of another run
INTRUDER = """\
import glob, multiprocessing, os
from multiprocessing import forkserver
server = forkserver._forkserver
server._forkserver_address, = glob.glob("/tmp/pymp-*/listener-*")
server._forkserver_alive_fd = os.dup(1)
server.ensure_running = lambda: None
steal = "cat $CREDENTIALS_DIRECTORY/my_api_key >/tmp/stolen"
process = multiprocessing.get_context("forkserver").Process(target=os.system, args=[steal])
process.start()
process.join(20)
"""


def test_a_stranger_of_the_same_user_gets_no_worker(
    sealed: Sealed, write: Writes, environment: dict[str, str], users: None
) -> None:
    """The server of workers forks for whoever of the user's connects to its socket, up to 3.13."""
    assert users is None
    sealed("my_api_key", VALUE)
    script = write(SERVING)
    argv = [*launcher("credhelper-decrypt-run"), "--user", "alice", str(script)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == b"4\n"
        refused = ALICE.run([sys.executable, "-I", "-c", INTRUDER])
        out, _ = run.communicate(b"\n", timeout=120)
    assert not Path("/tmp/stolen").exists()
    assert refused.status != 0
    assert out == b"5\nagain\n"


IMPORTS = """\
import multiprocessing, sys

def work(_):
    try:
        import beside
    except ImportError as error:
        return str(error)
    return beside.SAYS

if __name__ == "__main__":
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(work, [1])[0])
"""


@pytest.mark.parametrize("owner", [0, ALICE.uid])
def test_a_worker_imports_what_is_roots_alone(
    owner: int, sealed: Sealed, decrypt_run: Runs, users: None, jobs: Path
) -> None:
    """A module beside a script that has to be root's, which only the worker imports."""
    assert users is None
    sealed("my_api_key", VALUE)
    (jobs / "report.py").write_text(IMPORTS)
    (jobs / "report.py").chmod(0o755)
    (jobs / "beside.py").write_text("SAYS = 'imported'\n")
    os.chown(jobs / "beside.py", owner, owner)
    finished = decrypt_run("-c", "my_api_key", "--root-owned", str(jobs / "report.py"))
    assert finished.status == 0, finished.err
    lines = finished.out.splitlines()
    if not owner:
        assert lines == ["spawn imported", "forkserver imported"]
        return
    for line, method in zip(lines, ("spawn", "forkserver"), strict=True):
        assert line.startswith(f"{method} credhelper, with --root-owned: ")
        assert "belongs to alice" in line

# SPDX-License-Identifier: MIT
"""Hostile callers with files that are not root's alone, granted by mistake: see ``hostile``."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real import hostile
from tests.real.hostile import (
    EVIL,
    HACKED,
    RUN,
    SCRIPT,
    Attack,
    Judge,
    both,
    made,
    report,
)
from tests.real.running import ALICE, User

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.hostile_fixtures")


RUN_BY_MISTAKE = ("credhelper-decrypt-run", "--root-owned")


def mistaken(path: str, caller: User = ALICE) -> Attack:
    """A call of a script that sudo grants and the runner has to refuse."""
    hostile.grant("mistake", f"{caller.name} ALL=(root) NOPASSWD: /usr/bin/{RUN_BY_MISTAKE[0]} *\n")
    return Attack(caller, [*RUN_BY_MISTAKE, path])


@pytest.fixture
def mistake() -> Iterator[Callable[..., Attack]]:
    """``mistake(path)``: see ``mistaken``."""
    yield mistaken
    Path("/etc/sudoers.d/mistake").unlink()


TRICKS = {
    "her own": ("pass", f"{EVIL}/startup.py"),
    "a link to her own": ("os.symlink('startup.py', 'link.py')", f"{EVIL}/link.py"),
    "her link to root's": (f"os.symlink({SCRIPT!r}, 'link.py')", f"{EVIL}/link.py"),
    "her link to root's directory": (
        "os.symlink('/opt/jobs', 'jobs')",
        f"{EVIL}/jobs/report.py",
    ),
    "a way back": ("os.mkdir('jobs')", f"{EVIL}/jobs/../../../opt/jobs/report.py"),
    "a copy": (f"shutil.copy({SCRIPT!r}, 'copy.py')", f"{EVIL}/copy.py"),
    "a magic link": ("pass", "/proc/self/cwd/startup.py"),
    "another process' root": ("pass", "/proc/1/root/tmp/evil/startup.py"),
    "a descriptor": ("pass", "/proc/self/fd/0"),
    "standard input": ("pass", "/dev/stdin"),
    "a pipe": ("os.mkfifo('pipe')", f"{EVIL}/pipe"),
    "a terminal": ("pass", "/dev/tty"),
    "in the open": ("shutil.copy('startup.py', '/tmp/open.py')", "/tmp/open.py"),
    "in shared memory": ("shutil.copy('startup.py', '/dev/shm/open.py')", "/dev/shm/open.py"),
    "not there": ("pass", f"{EVIL}/absent.py"),
    "a name with a newline": ("shutil.copy('startup.py', 'a\\nb.py')", f"{EVIL}/a\nb.py"),
    "her interpreter": (
        "open('own', 'w').write('#!/tmp/evil/sh\\n')",
        f"{EVIL}/own",
    ),
}


@pytest.mark.parametrize("name", TRICKS)
def test_scripts_that_are_not_roots_alone(
    name: str, judge: Judge, mistake: Callable[..., Attack]
) -> None:
    code, path = TRICKS[name]
    attack = mistake(path)
    judge.before = judge.roots()
    made(code)
    finished = attack.run()
    for left in ("/tmp/open.py", "/dev/shm/open.py"):
        Path(left).unlink(missing_ok=True)
    assert both(judge, finished) == {}
    assert finished.status in (126, 127)
    assert finished.err.startswith("credhelper-decrypt-run: error: ")


def test_a_hard_link_to_a_script_of_roots(judge: Judge, mistake: Callable[..., Attack]) -> None:
    """To run one that sudo does not grant, from a directory of hers."""
    private = Path("/tmp/roots.py")
    private.write_text("open('/tmp/hacked/0', 'w')")
    attack = mistake(f"{EVIL}/linked.py")
    os.link(private, EVIL / "linked.py")  # as the kernel allows where links are not protected
    judge.before = judge.roots()
    finished = attack.run()
    private.unlink()
    assert not (HACKED / "0").exists()
    assert finished.status == 126
    assert "/tmp/evil belongs to alice" in finished.err


SWAPS = {
    "a script": (
        "os.symlink('/opt/jobs/report.py', 'good'); os.rename('good', 'x.py')\n"
        "    os.symlink('startup.py', 'bad'); os.rename('bad', 'x.py')",
        "x.py",
    ),
    "a directory": (
        "os.symlink('/opt/jobs', 'good'); os.rename('good', 'x')\n"
        "    os.symlink('/tmp/evil/jobs', 'bad'); os.rename('bad', 'x')",
        "x/report.py",
    ),
    "a file": (
        "shutil.copy('startup.py', 'new'); os.rename('new', 'x.py')\n    os.unlink('x.py')",
        "x.py",
    ),
}


@pytest.mark.parametrize("name", SWAPS)
@pytest.mark.parametrize("rooted", [True, False])
def test_swaps_while_it_is_opened(
    name: str, rooted: bool, judge: Judge, mistake: Callable[..., Attack]
) -> None:
    """In a directory of hers, or in one that is anybody's but sticky."""
    code, path = SWAPS[name]
    place = EVIL
    if rooted:
        os.chown(EVIL, 0, 0)
        EVIL.chmod(0o1777)
    (EVIL / "jobs").mkdir()
    (EVIL / "jobs/report.py").write_text((EVIL / "startup.py").read_text())
    for made_by_her in (EVIL / "jobs", EVIL / "jobs/report.py"):
        os.chown(made_by_her, ALICE.uid, ALICE.uid)
    attack = mistake(f"{place}/{path}")
    loop = f"import os, shutil\nos.chdir('{EVIL}')\nwhile True:\n    {code}\n"
    with subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", loop], user=ALICE.uid, group=ALICE.uid, extra_groups=[]
    ) as swapper:
        try:
            results = [attack.run() for _ in range(12)]
            assert swapper.poll() is None
        finally:
            swapper.kill()
    for finished in results:
        assert report(finished) == {}
        assert finished.status in (126, 127)
    judge.before = judge.roots()
    judge.acquit(*(finished.stdout + finished.stderr for finished in results))


def test_swaps_beside_a_pinned_script(judge: Judge) -> None:
    """What she can write is swapped all the while; what she may run is not hers to touch."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            ALICE.run(
                ["/bin/sh", "-c", "ln -sfn /tmp/evil /opt/jobs; mv /tmp/evil/helper.py /opt/jobs"]
            )

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        results = [Attack(ALICE).run() for _ in range(8)]
    finally:
        stop.set()
        thread.join()
    for finished in results:
        assert both(judge, finished)


def test_a_mount_namespace_of_her_own(judge: Judge) -> None:
    """Where she is root she may put her script in place, but sudo is not root's there."""
    inside = (
        "mount --bind /tmp/evil /opt/jobs && cp /tmp/evil/startup.py /opt/jobs/report.py; "
        f"exec sudo -n {' '.join(RUN)}"
    )
    finished = ALICE.run(
        ["/usr/bin/unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", inside]
    )
    judge.acquit(finished.stdout, finished.stderr)
    assert report(finished) == {}


def test_a_process_that_may_gain_nothing(judge: Judge) -> None:
    """no_new_privs, as in a container or under a seccomp filter of hers: sudo does not start."""
    finished = Attack(ALICE, before=["/usr/bin/setpriv", "--no-new-privs"]).run()
    assert both(judge, finished) == {}
    assert finished.status in (1, 125)

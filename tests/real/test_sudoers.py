# SPDX-License-Identifier: MIT
"""``credhelper sudoers`` with the real visudo; what sudo makes of it is in tests/package."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import namespace
from tests.real.conftest import Runs

DIRECTORY = Path("/etc/sudoers.d")
STEM = "credhelper-usr-local-lib-jobs-report_2epy"
DROP_IN = DIRECTORY / f"{STEM}--user-nobody"
FOR_GROUP = DIRECTORY / f"{STEM}--group-root"
VISUDO = "/usr/sbin/visudo"


@pytest.fixture(autouse=True)
def empty_directory() -> None:
    """No drop-in but the tests' own."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(0o750)


@pytest.fixture
def report() -> Iterator[str]:
    """A script that root alone can change."""
    path = Path("/usr/local/lib/jobs/report.py")
    path.parent.mkdir(0o755)
    path.write_text("print('a report')\n")
    yield str(path)
    shutil.rmtree(path.parent)


@pytest.fixture
def refusing_visudo() -> Iterator[None]:
    """Stands in for a visudo that refuses: the real one accepts whatever we write."""
    namespace.mount("/usr/bin/false", VISUDO, "", 0x1000)  # MS_BIND
    yield
    namespace.unmount(VISUDO)


def test_it_prints_what_visudo_accepts_and_writes_nothing(credhelper: Runs, report: str) -> None:
    finished = credhelper("sudoers", report, "--group", "root")
    assert finished.status == 0
    granted = f"/usr/bin/credhelper-decrypt-run --root-owned {report}"
    assert finished.out.endswith(f"\n%root ALL=(root) NOPASSWD: NOSETENV: {granted}\n")
    assert list(DIRECTORY.iterdir()) == []
    subprocess.run([VISUDO, "-csqf", "-"], input=finished.stdout, check=True)


def test_it_installs_with_the_mode_that_sudo_wants(credhelper: Runs, report: str) -> None:
    finished = credhelper("sudoers", report, "--user", "nobody", "--password", "--install")
    assert finished.status == 0
    assert finished.out == (
        f"{DROP_IN}: the user nobody may now type, with their own password:\n"
        f"  sudo credhelper-decrypt-run --root-owned {report}\n"
    )
    assert [path.name for path in DIRECTORY.iterdir()] == [DROP_IN.name]
    status = DROP_IN.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o440, 0, 0)
    printed = credhelper("sudoers", report, "--user", "nobody", "--password")
    assert DROP_IN.read_bytes() == printed.stdout


def test_it_installs_the_same_twice(credhelper: Runs, report: str) -> None:
    first = credhelper("sudoers", report, "--group", "root", "--install")
    written = FOR_GROUP.stat()
    again = credhelper("sudoers", report, "--group", "root", "--install")
    assert (again.status, again.stdout) == (0, first.stdout)
    assert FOR_GROUP.stat().st_ino == written.st_ino


def test_it_leaves_another_drop_in_alone(credhelper: Runs, report: str) -> None:
    credhelper("sudoers", report, "--group", "root", "--install")
    before = FOR_GROUP.read_bytes()
    finished = credhelper("sudoers", report, "--group", "root", "--password", "--install")
    assert finished.status == 1
    assert finished.err == (
        f"credhelper: error: {FOR_GROUP} is there and grants something else\n"
        "credhelper: hint: look at it; to take it back: "
        f"sudo credhelper sudoers {report} --group root --revoke\n"
    )
    assert FOR_GROUP.read_bytes() == before


def test_several_people_and_taking_it_back(credhelper: Runs, report: str) -> None:
    everybody = ("--group", "root", "--user", "nobody", "--group", "nogroup")
    installed = credhelper("sudoers", report, *everybody, "--install")
    assert installed.status == 0
    assert installed.out.count("may now type") == 3
    names = {FOR_GROUP.name, DROP_IN.name, f"{STEM}--group-nogroup"}
    assert set(os.listdir(DIRECTORY)) == names
    one = credhelper("sudoers", report, "--user", "nobody", "--revoke")
    assert (one.status, one.out) == (0, f"removed {DROP_IN}\n")
    assert set(os.listdir(DIRECTORY)) == names - {DROP_IN.name}
    again = credhelper("sudoers", report, "--user", "nobody", "--revoke")
    assert again.status == 1
    assert "there is no drop-in of credhelper's for" in again.err
    Path(report).unlink()  # what is gone can be taken back anyway
    assert credhelper("sudoers", report, "--revoke").status == 0
    assert os.listdir(DIRECTORY) == []


def test_no_two_scripts_share_a_drop_in(credhelper: Runs, report: str) -> None:
    """Of the same name in two directories, and with what a file name of sudo's cannot hold."""
    others = [Path(report).with_name(name) for name in ("report-py", "report_py", "report.p.y")]
    deeper = Path(report).parent / "report/py"
    deeper.parent.mkdir(0o755)
    for path in (*others, deeper):
        path.write_text("")
        path.chmod(0o755)
        assert credhelper("sudoers", str(path), "--user", "nobody", "--install").status == 0
    assert credhelper("sudoers", report, "--user", "nobody", "--install").status == 0
    installed = os.listdir(DIRECTORY)
    assert len(installed) == 5
    assert not any("." in name or "~" in name for name in installed)
    assert credhelper("sudoers", report, "--revoke").out == f"removed {DROP_IN}\n"


def test_who_may_run_what_is_what_sudo_says(credhelper: Runs, report: str) -> None:
    credhelper("sudoers", report, "--user", "nobody", "--install")
    listed = credhelper("sudoers")
    assert listed.status == 0
    assert f"nobody: {report}\n" in listed.out


def test_what_does_not_go_together_is_usage(credhelper: Runs, report: str) -> None:
    for arguments in (
        [report],
        ["--user", "nobody"],
        ["--revoke"],
        [report, "--user", "nobody", "--install", "--revoke"],
        [report, "--user", "nobody", "--selinux-role", "a b"],
    ):
        assert credhelper("sudoers", *arguments).status == 2


def test_a_role_of_selinux(credhelper: Runs, report: str) -> None:
    role = ("--selinux-role", "sysadm_r:sysadm_t")
    finished = credhelper("sudoers", report, "--user", "nobody", *role, "--install")
    assert finished.status == 0
    assert "nobody ALL=(root) ROLE=sysadm_r TYPE=sysadm_t NOPASSWD: NOSETENV: " in (
        DROP_IN.read_text()
    )


def test_what_was_interrupted_is_swept(credhelper: Runs, report: str) -> None:
    leftover = DIRECTORY / ".#credhelper-0123456789abcdef"
    leftover.write_text("nobody ALL=")
    credhelper("sudoers", report, "--user", "nobody", "--install")
    assert not leftover.exists()


@pytest.mark.parametrize("kind", ["binary", "fifo", "directory", "link"])
def test_what_is_no_text_is_left_alone(credhelper: Runs, report: str, kind: str) -> None:
    if kind == "binary":
        DROP_IN.write_bytes(b"\xff")
    elif kind == "fifo":
        os.mkfifo(DROP_IN)
    elif kind == "directory":
        DROP_IN.mkdir()
    else:
        DROP_IN.symlink_to("/nowhere")
    before = DROP_IN.lstat()
    finished = credhelper("sudoers", report, "--user", "nobody", "--install")
    assert finished.status == 1
    assert finished.err.startswith(f"credhelper: error: {DROP_IN}")
    assert finished.err.count("\n") == 2
    assert DROP_IN.lstat().st_ino == before.st_ino


def test_a_symbolic_link_is_followed_to_what_is_granted(credhelper: Runs, report: str) -> None:
    link = Path("/usr/local/lib/jobs/today")
    link.symlink_to(report)
    finished = credhelper("sudoers", str(link), "--user", "nobody", "--install")
    assert f"--root-owned {report}\n" in finished.out
    assert f"--root-owned {report}\n" in DROP_IN.read_text()


@pytest.mark.usefixtures("refusing_visudo")
def test_what_visudo_refuses_is_not_installed(credhelper: Runs, report: str) -> None:
    finished = credhelper("sudoers", report, "--group", "root", "--install")
    assert finished.status == 1
    assert finished.err.startswith("credhelper: error: visudo refuses the drop-in: ")
    assert list(DIRECTORY.iterdir()) == []


def test_there_has_to_be_a_directory(credhelper: Runs, report: str) -> None:
    DIRECTORY.rmdir()
    finished = credhelper("sudoers", report, "--group", "root", "--install")
    assert finished.status == 1
    assert finished.err == (
        "credhelper: error: /etc/sudoers.d: No such file or directory\n"
        "credhelper: hint: make the directory, as its package does: /etc\n"
    )


@pytest.mark.parametrize("who", ["--group", "--user"])
def test_a_name_that_nobody_has_is_refused(credhelper: Runs, report: str, who: str) -> None:
    kind = who[2:]
    finished = credhelper("sudoers", report, who, "nobody-has-this", "--install")
    assert finished.status == 1
    assert finished.err == (
        f"credhelper: error: there is no {kind} nobody-has-this\n"
        f"credhelper: hint: see getent {'passwd' if kind == 'user' else 'group'}\n"
    )
    assert list(DIRECTORY.iterdir()) == []


def test_a_number_needs_no_name(credhelper: Runs, report: str) -> None:
    finished = credhelper("sudoers", report, "--user", "#4242")
    assert finished.status == 0
    assert "\n#4242 ALL=(root) " in finished.out


@pytest.mark.parametrize(("mode", "owner"), [(0o666, 0), (0o644, 65534)])
def test_a_script_that_others_can_change_is_refused(
    credhelper: Runs, report: str, mode: int, owner: int
) -> None:
    Path(report).chmod(mode)
    shutil.chown(report, owner)
    finished = credhelper("sudoers", report, "--group", "root", "--install")
    assert finished.status == 1
    assert finished.err.startswith(f"credhelper: error: {report} ")
    assert list(DIRECTORY.iterdir()) == []


def test_a_script_that_is_missing_is_refused(credhelper: Runs) -> None:
    finished = credhelper("sudoers", "/opt/nothing.py", "--group", "root")
    assert finished.status == 1
    assert finished.err.startswith("credhelper: error: /opt/nothing.py is not there\n")


@pytest.mark.parametrize("verb", ["sudoers", "allow"])
def test_an_ordinary_user_learns_nothing_of_what_others_may_run(
    credhelper: Runs, report: str, verb: str
) -> None:
    credhelper("sudoers", report, "--group", "root", "--install")
    as_nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    refused = credhelper(verb, before=as_nobody)
    assert (refused.status, refused.out) == (1, "")
    assert f"credhelper {verb} needs root" in refused.err

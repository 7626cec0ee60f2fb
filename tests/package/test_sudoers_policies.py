# SPDX-License-Identifier: MIT
"""The sudoers template under attack, and what `credhelper sudoers` installs: real sudo, real users.

alice is in the group that a policy names, bob is not. What matters in the end is whether the wrong
thing ran, so most tests look at the output of what would run, not at who refused it.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.machines.machine import Machine
from tests.package.rpmfile import CHECKOUT

RUNNER = "/usr/bin/credhelper-decrypt-run"
REPORT = "/opt/jobs/report.py"
DROP_IN = "credhelper-opt-jobs-report_2epy--user-bob"
PINNED = [RUNNER, "--root-owned", REPORT]
SOURCE = """\
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
import os, sys
from credhelper import load
print("ran", os.path.basename(__file__), os.getuid(), load("my_api_key"), *sys.argv[1:])
"""
RAN = "ran report.py 0 [credential my_api_key]\n"


def policy(number: int, *, arguments: bool = False) -> str:
    """The template with one of its policies switched on, as an administrator would."""
    text = (CHECKOUT / "sudoers.d/credhelper").read_text()
    head, *policies = text.split("\n# 1. ")[0:1] + [
        part for mark in ("1", "2", "3") for part in text.split(f"\n# {mark}. ")[1:2]
    ]
    chosen = policies[number - 1].split(f"\n# {number + 1}. ")[0]
    lines = [line[1:] for line in f"{head}\n{chosen}".splitlines() if line[:2] in ("#%", "#D")]
    return "".join(f"{line}\n" for line in lines if arguments or not line.endswith(" *"))


def allow(machine: Machine, text: str) -> None:
    machine.write("/etc/sudoers.d/credhelper", text, 0o440)
    machine.run(["/usr/sbin/visudo", "-cq"], check=True)


def sudo(machine: Machine, *words: str, user: str = "alice") -> str:
    """What the user gets to see on standard output."""
    return attempt(machine, *words, user=user).stdout


def attempt(machine: Machine, *words: str, user: str = "alice") -> subprocess.CompletedProcess[str]:
    return machine.as_user(user, ["/usr/bin/sudo", "-n", *words])


def refused_by_sudo(machine: Machine, *words: str, user: str = "alice") -> bool:
    done = attempt(machine, *words, user=user)
    said = "sudo: " in done.stderr or "Sorry, user " in done.stderr
    return done.returncode == 1 and done.stdout == "" and said


@pytest.fixture
def jobs(machine: Machine) -> Machine:
    """Two scripts of root's, one of alice's, the groups of the template, a credential."""
    for group in ("ops", "wheel"):
        machine.run(["/usr/sbin/groupadd", "--force", group], check=True)
        machine.run(["/usr/sbin/usermod", "--append", "--groups", group, "alice"], check=True)
    machine.write(REPORT, SOURCE, 0o755)
    machine.write("/opt/jobs/other.py", SOURCE, 0o755)
    machine.write("/opt/jobs/below/deep.py", SOURCE, 0o755)
    machine.write("/home/alice/mine.py", SOURCE, 0o755, owner="alice")
    machine.run(["/usr/bin/credhelper", "add", "my_api_key"], input="dummy-value", check=True)
    return machine


def test_the_template_grants_nothing_as_it_is(jobs: Machine) -> None:
    allow(jobs, (CHECKOUT / "sudoers.d/credhelper").read_text())
    assert refused_by_sudo(jobs, *PINNED)


# 1. one script


def test_one_script_runs_for_the_group_alone(jobs: Machine) -> None:
    allow(jobs, policy(1))
    assert sudo(jobs, *PINNED) == RAN
    assert sudo(jobs, "-u", "root", *PINNED) == RAN
    assert refused_by_sudo(jobs, *PINNED, user="bob")


BESIDE_THE_ONE_COMMAND = [
    [*PINNED, "--fast"],
    [*PINNED, ""],
    [RUNNER, REPORT],
    [RUNNER, "--root-owned", "--no-mask", REPORT],
    [RUNNER, "--no-mask", "--root-owned", REPORT],
    [RUNNER, "--root-owned", "-c", "other", REPORT],
    [RUNNER, "--root-owned", "--python", "/home/alice/mine.py", REPORT],
    [RUNNER, "--root-owned", "--", REPORT],
    [RUNNER, "--root-owned", "/opt/jobs/other.py"],
    [RUNNER, "--root-owned", "/opt/jobs/../jobs/report.py"],
    [RUNNER, "--root-owned", "/opt/jobs//report.py"],
    [RUNNER, "--root-owned", "/home/alice/mine.py"],
    [RUNNER, "--root-owned", "-m", "pdb"],
    [RUNNER, "--root-owned", "-"],
    [RUNNER, "--help"],
    [RUNNER],
    ["PYTHONPATH=/home/alice", *PINNED],
    ["LD_PRELOAD=/home/alice/x.so", *PINNED],
    ["CREDENTIALS_DIRECTORY=/home/alice", *PINNED],
    ["--preserve-env", *PINNED],
    ["--preserve-env=HOME", *PINNED],
    ["-u", "bob", *PINNED],
    ["-g", "ops", *PINNED],
    ["-g", "root", *PINNED],
    ["-s", *PINNED],
    ["-i", *PINNED],
    ["-D", "/home/alice", *PINNED],
    ["-R", "/home/alice", *PINNED],
    ["-e", REPORT],
    ["/usr/bin/credhelper", "list"],
    ["/usr/bin/python3", "-I", RUNNER, "--root-owned", REPORT],
    ["/bin/sh", "-c", " ".join(PINNED)],
]


def test_nothing_but_the_one_command_runs(jobs: Machine) -> None:
    allow(jobs, policy(1))
    assert [words for words in BESIDE_THE_ONE_COMMAND if not refused_by_sudo(jobs, *words)] == []


@pytest.mark.parametrize(
    "words", [["--root-owned /opt/jobs/report.py"], ["--root-owned /opt/jobs/report.py", ""]]
)
def test_arguments_that_sudo_cannot_tell_apart_run_nothing(jobs: Machine, words: list[str]) -> None:
    """sudo joins the arguments by blanks before it compares them; the runner does not."""
    allow(jobs, policy(1))
    done = attempt(jobs, RUNNER, *words)
    assert done.stdout == ""
    assert done.returncode in (1, 125)


def test_arguments_after_the_script_are_the_scripts_own(jobs: Machine) -> None:
    allow(jobs, policy(1, arguments=True))
    hostile = ["--no-mask", "-c", "other", "--python", "/home/alice/mine.py", "$(id)", "a b"]
    assert sudo(jobs, *PINNED, *hostile) == f"{RAN.rstrip()} {' '.join(hostile)}\n"
    assert sudo(jobs, *PINNED) == RAN


@pytest.mark.parametrize(
    "words",
    [
        [RUNNER, "--root-owned", "/opt/jobs/report.py /opt/jobs/other.py"],
        [RUNNER, "--root-owned", "/opt/jobs/report.py ../../../home/alice/mine.py"],
        [RUNNER, "--root-owned /opt/jobs/report.py", "/home/alice/mine.py"],
        [RUNNER, "--root-owned /opt/jobs/report.py /home/alice/mine.py"],
    ],
    ids=" | ".join,
)
def test_blanks_in_arguments_name_no_other_script(jobs: Machine, words: list[str]) -> None:
    allow(jobs, policy(1, arguments=True))
    done = attempt(jobs, *words)
    assert done.stdout == ""
    assert done.returncode in (125, 126, 127)


def test_the_pinned_script_is_not_run_once_others_can_change_it(jobs: Machine) -> None:
    allow(jobs, policy(1))
    for mode, path in (("0775", "/opt/jobs"), ("0777", "/opt"), ("0666", REPORT)):
        before = jobs.run(["/usr/bin/stat", "--format=%a", path], check=True).stdout.strip()
        jobs.run(["/usr/bin/chmod", mode, path], check=True)
        done = attempt(jobs, *PINNED)
        assert (done.returncode, done.stdout) == (126, ""), path
        jobs.run(["/usr/bin/chmod", before, path], check=True)
    assert sudo(jobs, *PINNED) == RAN


def test_the_outcome_is_in_the_log(jobs: Machine) -> None:
    allow(jobs, policy(1))
    sudo(jobs, *PINNED)
    lines = [record["MESSAGE"] for record in jobs.journal("_COMM=sudo")]
    assert any(f"COMMAND={' '.join(PINNED)}" in line for line in lines)
    assert any("EXIT=0" in line for line in lines)


# 2. a directory


def test_every_script_in_the_directory_runs(jobs: Machine) -> None:
    allow(jobs, policy(2))
    assert sudo(jobs, *PINNED) == RAN
    other = sudo(jobs, RUNNER, "--root-owned", "/opt/jobs/other.py")
    assert other == RAN.replace("report", "other")
    assert refused_by_sudo(jobs, *PINNED, user="bob")


OUTSIDE_THE_DIRECTORY = [
    ["--root-owned", "/opt/jobs/below/deep.py"],
    ["--root-owned", "/opt/jobs/../../home/alice/mine.py"],
    ["--root-owned", "/opt/jobs/../../usr/bin/bash"],
    ["--root-owned", "/opt/jobs/report.py", "--fast"],
    ["--root-owned", "/opt/jobs/report.py /opt/jobs/other.py"],
    ["--root-owned", "/opt/jobs/report.py\n"],
    ["--root-owned", "/opt/jobs/.py"],
    ["--root-owned", "/opt/jobs/"],
    ["--root-owned", "/opt/jobs/reportxpy"],
    ["--no-mask", "--root-owned", "/opt/jobs/report.py"],
    ["--root-owned", "--no-mask", "/opt/jobs/report.py"],
    ["/opt/jobs/report.py"],
]


def test_nothing_outside_the_directory_runs(jobs: Machine) -> None:
    allow(jobs, policy(2))
    ran = [words for words in OUTSIDE_THE_DIRECTORY if not refused_by_sudo(jobs, RUNNER, *words)]
    assert ran == []


def test_what_others_put_into_the_directory_is_not_run(jobs: Machine) -> None:
    allow(jobs, policy(2))
    jobs.write("/opt/jobs/theirs.py", SOURCE, 0o755, owner="alice")
    jobs.run(["/usr/bin/ln", "-s", "/home/alice/mine.py", "/opt/jobs/link.py"], check=True)
    for name in ("theirs.py", "link.py"):
        done = attempt(jobs, RUNNER, "--root-owned", f"/opt/jobs/{name}")
        assert (done.returncode, done.stdout) == (126, "")


# 3. administrators


def test_administrators_are_asked_for_their_password(jobs: Machine) -> None:
    allow(jobs, policy(3))
    assert refused_by_sudo(jobs, RUNNER, "/home/alice/mine.py")
    jobs.run(["/usr/sbin/chpasswd"], input="alice:correct horse\n", check=True)
    with_password = ["/usr/bin/sudo", "-k", "-S", "-p", "", RUNNER, "/home/alice/mine.py"]
    done = jobs.as_user("alice", with_password, input="correct horse\n")
    assert done.stdout == RAN.replace("report", "mine")
    done = jobs.as_user("alice", with_password, input="wrong\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert refused_by_sudo(jobs, RUNNER, "/home/alice/mine.py", user="bob")
    assert refused_by_sudo(jobs, "/usr/bin/cat", "/etc/shadow")


# credhelper sudoers


def credhelper_sudoers(machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    return machine.run(["/usr/bin/credhelper", "sudoers", *words])


def test_what_is_printed_is_accepted_and_changes_nothing(jobs: Machine) -> None:
    done = credhelper_sudoers(jobs, REPORT, "--group", "ops")
    assert done.returncode == 0
    assert refused_by_sudo(jobs, *PINNED)
    allow(jobs, done.stdout)
    assert sudo(jobs, *PINNED) == RAN
    assert refused_by_sudo(jobs, *PINNED, user="bob")


def test_what_is_installed_works_at_once(jobs: Machine) -> None:
    done = credhelper_sudoers(jobs, REPORT, "--user", "bob", "--install")
    assert done.stdout == (
        f"/etc/sudoers.d/{DROP_IN}: the user bob may now type, without a password:\n"
        "  sudo credhelper-decrypt-run --root-owned /opt/jobs/report.py\n"
    )
    shown = jobs.run(["/usr/bin/stat", "--format=%n %a %U:%G", f"/etc/sudoers.d/{DROP_IN}"])
    assert shown.stdout == f"/etc/sudoers.d/{DROP_IN} 440 root:root\n"
    assert jobs.run(["/usr/bin/ls", "-A", "/etc/sudoers.d"]).stdout == f"{DROP_IN}\n"
    assert sudo(jobs, "credhelper-decrypt-run", "--root-owned", REPORT, user="bob") == RAN
    assert refused_by_sudo(jobs, *PINNED, "--fast", user="bob")
    assert refused_by_sudo(jobs, *PINNED)
    again = credhelper_sudoers(jobs, REPORT, "--user", "bob", "--install")
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_check_has_nothing_against_what_the_project_grants(jobs: Machine) -> None:
    def findings() -> list[str]:
        shown = jobs.run(["/usr/bin/credhelper", "check", "--json"]).stdout
        found = json.loads(shown)["findings"]
        return [f["evidence"] for f in found if f["area"] == "sudoers"]

    credhelper_sudoers(jobs, REPORT, "--user", "bob", "--install")
    allow(jobs, policy(1))
    assert findings() == []
    allow(jobs, policy(2))
    assert findings() == []


def test_another_drop_in_is_left_alone(jobs: Machine) -> None:
    credhelper_sudoers(jobs, REPORT, "--user", "bob", "--install")
    done = credhelper_sudoers(jobs, REPORT, "--user", "bob", "--password", "--install")
    assert done.returncode == 1
    assert f"/etc/sudoers.d/{DROP_IN} is there and grants something else" in done.stderr
    assert sudo(jobs, *PINNED, user="bob") == RAN


def test_each_has_a_drop_in_of_their_own_that_can_be_revoked(jobs: Machine) -> None:
    done = credhelper_sudoers(jobs, REPORT, "--user", "bob", "--user", "alice", "--install")
    assert done.returncode == 0
    assert sudo(jobs, *PINNED) == sudo(jobs, *PINNED, user="bob") == RAN
    listed = credhelper_sudoers(jobs).stdout
    for user in ("alice", "bob"):
        assert f"{user}: {REPORT} with my_api_key\n" in listed
    credhelper_sudoers(jobs, REPORT, "--user", "bob", "--revoke")
    assert refused_by_sudo(jobs, *PINNED, user="bob")
    assert sudo(jobs, *PINNED) == RAN


@pytest.mark.parametrize("site", ["noexec", "intercept", "!use_pty", "requiretty"])
def test_what_the_site_has_set_does_not_stop_it(jobs: Machine, site: str) -> None:
    jobs.write("/etc/sudoers.d/0-site", f"Defaults {site}\n", 0o440)
    credhelper_sudoers(jobs, REPORT, "--user", "bob", "--install")
    ran = attempt(jobs, *PINNED, user="bob")
    assert ran.stdout == RAN or (site == "requiretty" and "tty" in ran.stderr)


def test_the_working_directory_is_not_the_callers(jobs: Machine) -> None:
    """Where it is, what a root script starts by name of a module would be hers."""
    jobs.write("/opt/jobs/where.py", "import os\nprint(os.getcwd())\n", 0o755)
    credhelper_sudoers(jobs, "/opt/jobs/where.py", "--user", "alice", "--install")
    there = ["/bin/sh", "-c", 'cd /home/alice && exec sudo -n "$@"', "sh"]
    command = [RUNNER, "--root-owned", "/opt/jobs/where.py"]
    assert jobs.as_user("alice", [*there, *command]).stdout == "/\n"


def test_a_password_is_asked_for_where_wanted(jobs: Machine) -> None:
    credhelper_sudoers(jobs, REPORT, "--group", "ops", "--password", "--install")
    assert "password is required" in attempt(jobs, *PINNED).stderr


@pytest.mark.parametrize("name", ["domain users", "CORP\\ops", "OPS", "a,b=c", "(x)", "#x", "ALL"])
def test_names_of_groups_reach_sudo_whole(jobs: Machine, name: str) -> None:
    jobs.run(["/usr/bin/sed", "-i", "/:4242:/d", "/etc/group"], check=True)
    line = f"{name}:x:4242:alice\n"
    jobs.run(["/usr/bin/tee", "-a", "/etc/group"], input=line, check=True)
    done = credhelper_sudoers(jobs, REPORT, "--group", name, "--install")
    if name[0] == "#":
        assert (done.returncode, done.stdout) == (2, "")
        return
    assert done.returncode == 0, done.stderr
    assert sudo(jobs, *PINNED) == RAN
    assert refused_by_sudo(jobs, *PINNED, user="bob")


@pytest.mark.parametrize(
    "name", ["a*b.py", "a?b.py", "[ab].py", "a\\b.py", "a,b:c=d#e!f^.py", "é~.py"]
)
def test_a_script_is_no_pattern_for_others(jobs: Machine, name: str) -> None:
    jobs.write(f"/opt/jobs/{name}", SOURCE, 0o755)
    for like in ("axb.py", "a.py", "ab.py", "a*xb.py"):
        jobs.write(f"/opt/jobs/{like}", SOURCE, 0o755)
    done = credhelper_sudoers(jobs, f"/opt/jobs/{name}", "--user", "bob", "--install")
    assert done.returncode == 0, done.stderr
    command = [RUNNER, "--root-owned", f"/opt/jobs/{name}"]
    assert sudo(jobs, *command, user="bob").startswith(f"ran {name} 0 ")
    for like in ("axb.py", "a.py", "ab.py", "a*xb.py"):
        assert refused_by_sudo(jobs, RUNNER, "--root-owned", f"/opt/jobs/{like}", user="bob")


@pytest.mark.parametrize(
    ("words", "status", "telling"),
    [
        (["/opt/jobs/missing.py", "--group", "ops"], 1, "/opt/jobs/missing.py"),
        (["/opt/jobs", "--group", "ops"], 1, "/opt/jobs"),
        (["/home/alice/mine.py", "--group", "ops"], 1, "alice"),
        (["/opt/jobs/a b.py", "--group", "ops"], 1, "blanks"),
        ([REPORT, "--group", "nobody-has-this"], 1, "there is no group nobody-has-this"),
        ([REPORT, "--user", "nobody-has-this"], 1, "there is no user nobody-has-this"),
        ([REPORT, "--user", "%ops"], 2, "is no name of a user or group"),
        ([REPORT, "--user", "alice\nbob ALL=(ALL) NOPASSWD: ALL"], 2, "is no name"),
        ([REPORT], 2, "nobody is named"),
    ],
    ids=str,
)
def test_what_is_not_to_be_granted(
    jobs: Machine, words: list[str], status: int, telling: str
) -> None:
    jobs.write("/opt/jobs/a b.py", SOURCE, 0o755)
    for install in ([], ["--install"]):
        done = credhelper_sudoers(jobs, *words, *install)
        assert (done.returncode, done.stdout) == (status, "")
        error, hint = done.stderr.splitlines()
        assert error.startswith("credhelper: error: ") and telling in error
        assert hint.startswith("credhelper: hint: ")
    assert jobs.run(["/usr/bin/ls", "-A", "/etc/sudoers.d"]).stdout == ""

# SPDX-License-Identifier: MIT
"""What `credhelper check` says of sudoers, beside what the real sudo lets alice do."""

from __future__ import annotations

import hashlib
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from credhelper.commands.check import sudo, sudoers
from credhelper.commands.check.finding import Finding, Severity
from tests.real import namespace, policies
from tests.real.conftest import launcher
from tests.real.running import ALICE

pytest_plugins = ("tests.real.runner_fixtures",)

DROP_IN = Path("/etc/sudoers.d/policy")


@pytest.fixture(scope="module")
def installed() -> Iterator[None]:
    """The commands where the package has them, scripts of root's, people, and sudo's main file."""
    upper, work = Path("/root/upper"), Path("/root/work")
    for directory in (upper, work):
        directory.mkdir()
    options = f"lowerdir=/usr/bin,upperdir={upper},workdir={work}"
    namespace.mount("overlay", "/usr/bin", "overlay", 0, options)
    for name in ("credhelper", "credhelper-decrypt-run"):
        path = Path("/usr/bin", name)
        path.write_text(f'#!/bin/sh\nexec {shlex.join(launcher(name))} "$@"\n')
        path.chmod(0o755)
    scripts = {
        "report.py": "#!/usr/bin/python3\n"
        '# /// script\n# [tool.credhelper]\n# credentials = ["my_api_key"]\n# ///\n',
        "x.sh": "#!/bin/sh\nid\n",
        "build": "#!/usr/bin/make -f\nall:\n",
        "report.awk": "#!/usr/bin/awk -f\nBEGIN { }\n",
        "report.sed": "#!/usr/bin/sed -f\np\n",
        "find": "#!/usr/bin/env -S find / -maxdepth 0\n",
    }
    for name, text in scripts.items():
        path = Path(policies.JOBS, name)
        path.parent.mkdir(exist_ok=True, mode=0o755)
        path.write_text(text)
        path.chmod(0o755)
    for directory, owner in ((Path("/home/alice"), ALICE.uid), (Path("/opt/open"), 0)):
        directory.mkdir(parents=True)
        os.chown(directory, owner, owner)
    Path("/opt/open").chmod(0o777)
    for name, owner in (("x.py", ALICE.uid), ("roots.py", 0)):
        path = Path("/home/alice", name)
        path.write_text("#!/usr/bin/python3\n")
        path.chmod(0o755)
        os.chown(path, owner, owner)
    yield
    namespace.unmount("/usr/bin")
    for place in (policies.JOBS, "/home/alice", "/opt/open", str(upper), str(work)):
        subprocess.run(["/bin/rm", "-rf", place], check=True)


@pytest.fixture
def machine_with_sudo(users: None, installed: None) -> Iterator[None]:
    """Sudoers lets root alone do anything."""
    assert users is None
    assert installed is None
    passwd = Path("/etc/passwd").read_text()
    few = ("root:", "nobody:", "alice:", "bob:")  # each account is asked about
    lines = passwd.splitlines(keepends=True)
    Path("/etc/passwd").write_text("".join(line for line in lines if line.startswith(few)))
    main = Path("/etc/sudoers")
    before = main.read_text()
    main.chmod(0o640)
    main.write_text("Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n")
    main.chmod(0o440)
    subprocess.run(["/bin/rm", "-rf", "/etc/sudoers.d"], check=True)
    DROP_IN.parent.mkdir(0o750)
    for name, text in policies.OTHER_FILES.items():
        path = Path(filled(name))
        path.parent.mkdir(exist_ok=True)
        path.write_text(filled(text))
        path.chmod(0o440)
    Path("/etc/sudoers.skipped").mkdir(exist_ok=True)
    Path("/etc/sudoers.skipped/x.rpmsave").write_text(filled("@ALL\n"))
    yield
    Path("/etc/passwd").write_text(passwd)
    main.write_text(before)
    DROP_IN.unlink(missing_ok=True)


def filled(text: str) -> str:
    """A policy or a command line with its places filled in."""
    digest = hashlib.sha256(Path(policies.RUNNER).read_bytes()).hexdigest()
    for place, value in (
        ("{PINNED}", "{R} --root-owned {S}"),
        ("{R}", policies.RUNNER),
        ("{C}", policies.MANAGER),
        ("{S}", policies.SCRIPT),
        ("{J}", policies.JOBS),
        ("{UID}", str(ALICE.uid)),
        ("{HOST}", socket.gethostname().split(".")[0]),
        ("{DIGEST}", digest),
    ):
        text = text.replace(place, value)
    lines = text.split("\n")
    rule = "alice ALL=(root) NOPASSWD: "
    keywords = ("@include",)
    return "\n".join(
        f"{rule}{line[1:]}" if line.startswith("@") and not line.startswith(keywords) else line
        for line in lines
    )


def put(policy: str) -> None:
    """Has sudo go by ``policy``, which visudo accepts."""
    DROP_IN.unlink(missing_ok=True)
    DROP_IN.write_text(filled(policy) + "\n")
    DROP_IN.chmod(0o440)
    subprocess.run(["/usr/sbin/visudo", "-cq"], check=True, capture_output=True)


def told(who: str = "alice") -> list[Finding]:
    """The findings that are about ``who``."""
    return [
        f for f in sudoers.report().findings if who in f.subject or f.subject.startswith("/etc")
    ]


def lets(command: str) -> bool:
    """Whether sudo lets alice type it; what begins with a variable is really run."""
    words = shlex.split(filled(command).replace(";", "\\;").replace("$(shell)", "x"))
    if words[0] == "sudoedit":  # which sudo -l tells of only in its latest versions
        done = ALICE.run(["/usr/bin/env", "EDITOR=/usr/bin/true", "sudoedit", "-n", words[1]])
        return done.status == 0
    if "=" in words[0] or words[0] == "-R":
        done = ALICE.run(["/usr/bin/sudo", "-n", *words])
        return "not allowed to set" not in done.err and "not permitted" not in done.err
    return sudo.allows("alice", *words)


@pytest.mark.usefixtures("machine_with_sudo")
@pytest.mark.parametrize("name", policies.LOOSE)
def test_no_rule_that_gives_root_is_called_safe(name: str) -> None:
    policy, command = policies.LOOSE[name]
    put(policy)
    assert lets(command), "sudo would not let her: the case shows nothing"
    assert any(finding.severity is Severity.FAILURE for finding in told()), told()
    (reach,) = (line for line in sudoers.report().reaches if "alice" in line)
    assert ": root, because" in reach


@pytest.mark.usefixtures("machine_with_sudo")
@pytest.mark.parametrize("name", policies.OTHER_PROGRAMS)
def test_other_programs_that_give_root_are_named(name: str) -> None:
    policy, command = policies.OTHER_PROGRAMS[name]
    put(policy)
    assert lets(command), "sudo would not let her: the case shows nothing"
    assert any(finding.severity is not Severity.NOTE for finding in told()), told()
    (reach,) = (line for line in sudoers.report().reaches if "alice" in line)
    assert ": root, because" in reach


@pytest.mark.usefixtures("machine_with_sudo")
@pytest.mark.parametrize("name", policies.SOUND)
def test_no_sound_rule_is_blamed(name: str) -> None:
    put(policies.SOUND[name])
    assert [f for f in sudoers.report().findings if f.severity is not Severity.NOTE] == []


@pytest.mark.usefixtures("machine_with_sudo")
def test_each_is_told_what_they_reach() -> None:
    put(
        "alice ALL=(root) NOPASSWD: {PINNED}, {R} --root-owned -c other {J}/x.sh\n"
        "bob ALL=(root) NOPASSWD: {R} *\nnobody ALL=(bob) /usr/bin/id"
    )
    assert sorted(sudoers.report().reaches) == [
        f"alice: {policies.SCRIPT} with my_api_key; {policies.JOBS}/x.sh with other",
        "bob: root, because the wildcard in '*' stands for blanks and slashes, too: for "
        "../../usr/bin/bash, and for options",
        "nobody: as bob: /usr/bin/id",
    ]


@pytest.mark.usefixtures("machine_with_sudo")
def test_whom_sudo_cannot_be_asked_about_is_a_finding() -> None:
    put("ghost, %ghosts, +net, #4999 ALL=(root) NOPASSWD: {R}\nbob ALL=(root) {PINNED}")
    (finding,) = sudoers.report().findings
    assert (finding.rule, finding.severity) == ("sudo-unasked", Severity.NOTE)
    assert "names #4999, %ghosts, +net, ghost, with no account here" in finding.evidence


@pytest.mark.usefixtures("machine_with_sudo")
def test_without_cvtsudoers_it_says_what_was_not_seen() -> None:
    """As with sudo-rs; a mount stands in for a program that is not there."""
    put("%alices-friends ALL=(root) NOPASSWD: {R}\nghost ALL=(root) NOPASSWD: {R}")
    namespace.mount("/dev/null", "/usr/bin/cvtsudoers", "", 0x1000)  # MS_BIND
    try:
        found = {finding.rule: finding for finding in sudoers.report().findings}
    finally:
        namespace.unmount("/usr/bin/cvtsudoers")
    assert set(found) == {"sudo-unasked", "sudo-anything"}
    assert "not users and groups of another source" in found["sudo-unasked"].evidence
    assert found["sudo-anything"].subject.endswith("alice")


@pytest.mark.usefixtures("machine_with_sudo")
def test_what_sudo_cannot_read_is_told_and_the_rest_is_judged() -> None:
    put("alice ALL=(root) NOPASSWD: {R}")
    broken = DROP_IN.with_name("broken")
    broken.write_text("bob ALL=(root\n")
    broken.chmod(0o440)
    try:
        found = {(f.rule, f.subject.split(":")[0], f.mend) for f in sudoers.report().findings}
        assert ("sudo-syntax", str(broken), f"sudo visudo -f {broken}") in found
        assert {rule for rule, _, _ in found} == {"sudo-syntax", "sudo-anything", "sudo-unasked"}
        broken.write_text("bob ALL=(root) /usr/bin/id\n")
        broken.chmod(0o666)
        found = {(f.rule, f.subject.split(":")[0], f.mend) for f in sudoers.report().findings}
        assert ("sudo-syntax", str(broken), f"sudo visudo -f {broken}") in found
    finally:
        broken.unlink()


@pytest.mark.usefixtures("machine_with_sudo")
def test_a_sudo_that_does_not_answer_is_a_finding() -> None:
    put("alice ALL=(root) NOPASSWD: {PINNED}")
    namespace.mount("/usr/bin/false", "/usr/bin/sudo", "", 0x1000)  # MS_BIND
    try:
        found = sudoers.report().findings
    finally:
        namespace.unmount("/usr/bin/sudo")
    assert {(finding.rule, finding.severity) for finding in found} == {
        ("sudo-unasked", Severity.WARNING)
    }


@pytest.mark.usefixtures("machine_with_sudo")
@pytest.mark.parametrize("kind", ["one rule", "a script each", "a wildcard each"])
def test_five_hundred_people_are_asked_about_in_time(kind: str) -> None:
    """Ten seconds on an idle machine; four times that where others work beside the test."""
    rules = {
        "one rule": "{PINNED}",
        "a script each": "{R} --root-owned {J}/person{NUMBER}.py",
        "a wildcard each": "{R} --root-owned {J}/{NUMBER}*",
    }
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    numbers = range(500)
    rule = "person{NUMBER} ALL=(root) NOPASSWD: " + rules[kind]
    people = "".join(f"person{n}:x:{6000 + n}:{6000 + n}::/:/bin/sh\n" for n in numbers)
    passwd.write_text(before + people)
    put("\n".join(rule.replace("{NUMBER}", str(n)) for n in numbers))
    began = time.monotonic()
    report = sudoers.report()
    took = time.monotonic() - began
    print(f"500 people, {kind}: {took:.1f} s")
    assert sum("person" in line for line in report.reaches) == (1 if kind == "one rule" else 500)
    assert took < 40


def test_without_sudo_there_is_nothing_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sudo, "SUDO", "/nowhere/sudo")
    assert sudoers.report() == sudoers.Report()

# SPDX-License-Identifier: MIT
"""What `credhelper check` says of sudoers, beside what the real sudo lets alice do."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from credhelper.commands.check import sudo, sudoers
from credhelper.commands.check.finding import Finding, Severity
from tests.real import namespace, policies
from tests.real.drop_in import DROP_IN, filled, put
from tests.real.running import ALICE

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.sudoers_fixtures")


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
        found = {(f.rule, f.subject.split(":")[0], f.fix) for f in sudoers.report().findings}
        assert ("sudo-syntax", str(broken), f"sudo visudo -f {broken}") in found
        assert {rule for rule, _, _ in found} == {"sudo-syntax", "sudo-anything", "sudo-unasked"}
        broken.write_text("bob ALL=(root) /usr/bin/id\n")
        broken.chmod(0o666)
        found = {(f.rule, f.subject.split(":")[0], f.fix) for f in sudoers.report().findings}
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
def test_five_hundred_people_are_asked_about_once_each(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it takes is the processes of sudo: some 20 ms each, four side by side."""
    asked = tmp_path / "asked"
    counting = tmp_path / "sudo"
    counting.write_text(f'#!/bin/sh\necho >>{asked}\nexec {sudo.SUDO} "$@"\n')
    counting.chmod(0o755)
    monkeypatch.setattr(sudo, "SUDO", str(counting))
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
    report = sudoers.report()
    assert sum("person" in line for line in report.reaches) == (1 if kind == "one rule" else 500)
    assert len(asked.read_text().splitlines()) < 510


def test_without_sudo_there_is_nothing_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sudo, "SUDO", "/nowhere/sudo")
    assert sudoers.report() == sudoers.Report()

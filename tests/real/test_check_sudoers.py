# SPDX-License-Identifier: MIT
"""What rules of sudoers really allow, as sudo's own parser reads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credhelper.commands.check import sudoers, sudoers_rules

RUNNER = "/usr/bin/credhelper-decrypt-run"
SCRIPT = "/usr/bin/true"  # root's, as are the directories above it
PINNED = f"{RUNNER} --root-owned {SCRIPT}"


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The main file of sudoers, which includes a directory of drop-ins."""
    (tmp_path / "sudoers.d").mkdir()
    path = tmp_path / "sudoers"
    path.write_text(f"@includedir {tmp_path}/sudoers.d\n")
    monkeypatch.setattr(sudoers_rules, "MAIN", str(path))
    return path


def rules(main: Path, text: str) -> list[str]:
    (main.parent / "sudoers.d/drop-in").write_text(text + "\n")
    return [finding.rule for finding in sudoers.findings()]


@pytest.mark.parametrize(
    "command",
    [
        PINNED,
        f"{PINNED} *",
        f"{PINNED} --fast",
        f"{RUNNER} -c my_key -e KEY=my_key --root-owned --as-invoking-user {SCRIPT}",
        rf"{RUNNER} ^--root-owned /usr/bin/[A-Za-z0-9_-]+\.py$",
        rf"{RUNNER} ^--root-owned /usr/bin/true( [a-z ]*)?$",
        f'{RUNNER} ""',
        f"!{RUNNER}",
        "/usr/bin/true *",
        "ALL",
    ],
)
def test_tight_rules(main: Path, command: str) -> None:
    assert rules(main, f"bob ALL=(root) NOPASSWD: {command}") == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (RUNNER, "sudo-anything"),
        (f"{RUNNER} *", "sudo-wildcard"),
        (f"{RUNNER} --root-owned /usr/bin/*", "sudo-wildcard"),
        (f"{RUNNER} --root-owned /usr/bin/tru?", "sudo-wildcard"),
        (f"{RUNNER} * --root-owned {SCRIPT}", "sudo-wildcard"),
        (f"{RUNNER} --root-owned {SCRIPT}*", "sudo-wildcard"),
        (f"{RUNNER} ^--root-owned /usr/bin/.*$", "sudo-wildcard"),
        (rf"{RUNNER} ^--root-owned /usr/bin/[a-z/.]+\.py$", "sudo-wildcard"),
        (f"{RUNNER} ^--root-owned .+$", "sudo-wildcard"),
        (f"{RUNNER} {SCRIPT}", "sudo-root-owned"),
        (rf"{RUNNER} ^(--root-owned )?/usr/bin/[a-z]+\.py$", "sudo-root-owned"),
        (f"{RUNNER} --root-owned report.py", "sudo-relative"),
        (f"{RUNNER} --root-owned /usr/bin/nothing.py", "sudo-script-missing"),
        (f"{RUNNER} --root-owned --python /tmp/x {SCRIPT}", "sudo-python"),
        (f"{RUNNER} --root-owned", "sudo-useless"),
        (f"{RUNNER} --no-such-option {SCRIPT}", "sudo-useless"),
        ("/usr/bin/credhelper", "sudo-anything"),
        ("/usr/bin/credhelper*", "sudo-path"),
        ("/usr/bin/cred*", "sudo-path"),
    ],
)
def test_loose_rules(main: Path, command: str, fault: str) -> None:
    assert rules(main, f"bob ALL=(root) NOPASSWD: {command}") == [fault]


def test_standard_input_is_the_callers(main: Path) -> None:
    found = rules(main, f"bob ALL=(root) {RUNNER} -c a -")
    assert found == ["sudo-root-owned", "sudo-stdin"]


def test_with_a_password_it_is_for_administrators(main: Path) -> None:
    assert rules(main, f"%wheel ALL=(root) {RUNNER}") == ["sudo-anything"]
    (finding,) = sudoers.findings()
    assert finding.severity.value == "note"


def test_everyone_and_their_environment(main: Path) -> None:
    assert rules(main, f"ALL ALL=(root) SETENV: {PINNED}") == ["sudo-setenv", "sudo-everyone"]
    assert rules(main, f"Defaults !env_reset\nbob ALL=(root) {PINNED}") == ["sudo-environment"]
    assert rules(main, f"Defaults!{RUNNER} setenv\nbob ALL=(root) {PINNED}") == ["sudo-environment"]
    assert rules(main, f"Defaults!/usr/bin/true setenv\nbob ALL=(root) {PINNED}") == []


def test_aliases_of_other_files(main: Path) -> None:
    (main.parent / "sudoers.d/aliases").write_text(
        f"Cmnd_Alias RUN = {RUNNER}\nUser_Alias OPS = %ops, #1000\nUser_Alias MORE = OPS, +net\n"
    )
    assert rules(main, "MORE ALL=(root) NOPASSWD: RUN") == ["sudo-anything"]
    (finding,) = sudoers.findings()
    assert finding.subject.endswith("drop-in: %ops, #1000, +net")


def test_files_that_sudo_skips(main: Path) -> None:
    for name in ("drop-in.off", "drop-in~"):
        (main.parent / "sudoers.d" / name).write_text(f"bob ALL=(root) NOPASSWD: {RUNNER}\n")
    assert list(sudoers.findings()) == []


def test_what_cannot_be_parsed_and_is_ours(main: Path) -> None:
    (main.parent / "sudoers.d/strange").write_text("bob ALL=(\n")
    assert rules(main, f"bob ALL=(root {RUNNER}") == ["sudo-syntax"]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (
            f"bob ALL=(root) NOPASSWD: {RUNNER}",
            "sudo mv -n {0} {0}.off",
        ),
        (
            f"bob ALL=(root) NOPASSWD: {RUNNER} {SCRIPT}\n%ops ALL=(root) {PINNED}",
            "sudo mv -n {0} {0}.off && sudo credhelper sudoers /usr/bin/true --user bob --install "
            "&& sudo credhelper sudoers /usr/bin/true --group ops --password --install",
        ),
        (
            f"bob ALL=(root) NOPASSWD: {RUNNER}\nbob ALL=(root) /usr/bin/true",
            "sudo visudo -f {0}",
        ),
        (
            f"bob ALL=(root) NOPASSWD: {RUNNER}\nbob ALL=(root) {RUNNER} ^--root-owned /a/[a-z]+$",
            "sudo visudo -f {0}",
        ),
    ],
)
def test_what_is_safe_is_kept_by_the_command(main: Path, text: str, mend: str) -> None:
    rules(main, text)
    mends = {finding.mend for finding in sudoers.findings()}
    assert mends == {mend.format(main.parent / "sudoers.d/drop-in")}


def test_the_main_file_is_mended_by_hand(main: Path) -> None:
    main.write_text(f"bob ALL=(root) NOPASSWD: {RUNNER}\n")
    (finding,) = sudoers.findings()
    assert finding.mend == f"sudo visudo -f {main}"


def test_without_sudo_there_is_nothing_to_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sudoers_rules, "MAIN", str(tmp_path / "none"))
    assert list(sudoers.findings()) == []


@pytest.mark.parametrize(
    ("mode", "owner", "mend"),
    [(0o777, 0, "chmod go-w"), (0o1777, 0, "chmod go-w"), (0o755, 4321, "chown root:root")],
)
def test_a_directory_of_scripts_that_others_can_write(
    main: Path, mode: int, owner: int, mend: str
) -> None:
    jobs = Path("/etc/jobs")  # root's, and the namespace's own
    jobs.mkdir()
    try:
        rule = rf"bob ALL=(root) NOPASSWD: {RUNNER} ^--root-owned {jobs}/[a-z]+\.py$"
        assert rules(main, rule) == []
        jobs.chmod(mode)
        os.chown(jobs, owner, 0)
        assert rules(main, rule) == ["sudo-directory"]
        finding = next(iter(sudoers.findings()))
        assert f"{jobs} " in finding.evidence
        assert finding.mend == f"sudo {mend} {jobs}"
    finally:
        jobs.rmdir()

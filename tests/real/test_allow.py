# SPDX-License-Identifier: MIT
"""Credentials that are for some scripts alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.conftest import Runs
from tests.real.running import ALICE, BOB, VALUE, Sealed

pytest_plugins = ("tests.real.runner_fixtures",)

JOBS = Path("/opt/jobs")
GRANTS = Path("/etc/credhelper/grants")
SOURCE = "from credhelper import load\nprint('ran', load('my_api_key'))\n"


@pytest.fixture
def jobs(jobs: Path, users: None, sealed: Sealed) -> Iterator[Path]:
    """Two scripts of root's and a credential."""
    assert users is None
    sealed("my_api_key", VALUE)
    for name in ("report.py", "other.py"):
        (jobs / name).write_text(SOURCE)
        (jobs / name).chmod(0o755)
    yield jobs
    subprocess.run(["/bin/rm", "-rf", str(GRANTS.parent)], check=True)


def caller(user: object) -> dict[str, str]:
    return {"SUDO_UID": str(user.uid), "SUDO_USER": user.name}  # type: ignore[attr-defined]


RAN = "ran [credential my_api_key]\n"


def test_another_script_is_refused_it(jobs: Path, credhelper: Runs, decrypt_run: Runs) -> None:
    other = str(jobs / "other.py")
    assert decrypt_run("-c", "my_api_key", other).out == RAN
    allowed = credhelper("allow", "my_api_key", "--script", str(jobs / "report.py"))
    assert (allowed.status, allowed.out) == (0, f"my_api_key: {jobs}/report.py\n")
    assert decrypt_run("-c", "my_api_key", str(jobs / "report.py")).out == RAN
    for arguments in (
        ("-c", "my_api_key"),
        ("-e", "KEY=my_api_key"),
        ("--root-owned", "-c", "my_api_key"),
    ):
        refused = decrypt_run(*arguments, other)
        assert (refused.status, refused.out) == (126, "")
        assert refused.err == (
            f"credhelper-decrypt-run: error: {other} may not have credential my_api_key\n"
            "credhelper-decrypt-run: hint: to allow it: sudo credhelper allow my_api_key "
            f"--script {other}\n"
        )


def test_it_is_refused_on_demand_too(jobs: Path, credhelper: Runs, decrypt_run: Runs) -> None:
    credhelper("allow", "my_api_key", "--script", str(jobs / "report.py"))
    assert decrypt_run(str(jobs / "report.py")).out == RAN
    refused = decrypt_run(str(jobs / "other.py"))
    assert refused.status == 1
    assert "other.py may not have credential my_api_key" in refused.err
    standard_input = decrypt_run("-", input=SOURCE.encode())
    assert "what has no path may not have credential my_api_key" in standard_input.err
    venv = jobs / "venv"
    subprocess.run(["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", str(venv)], check=True)
    for name, status in (("report.py", 0), ("other.py", 1)):
        (jobs / name).write_text(f"#!{venv}/bin/python3\n{SOURCE}")
        assert decrypt_run(str(jobs / name)).status == status


def test_for_a_group_alone(jobs: Path, credhelper: Runs, decrypt_run: Runs) -> None:
    script = str(jobs / "report.py")
    allowed = credhelper("allow", "my_api_key", "--script", script, "--group", "alices-friends")
    assert allowed.out == f"my_api_key: {script} (group alices-friends)\n"
    assert decrypt_run(script, env=caller(ALICE)).out == RAN
    assert decrypt_run(script).out == RAN  # root's own
    refused = decrypt_run("-c", "my_api_key", script, env=caller(BOB))
    assert refused.status == 126
    assert "it is for callers in the group alices-friends" in refused.err


def test_what_a_caller_could_put_in_the_way(
    jobs: Path, credhelper: Runs, decrypt_run: Runs
) -> None:
    script = jobs / "report.py"
    credhelper("allow", "my_api_key", "--script", str(script))
    refused = decrypt_run("--python", "/usr/bin/python3", "-c", "my_api_key", str(script))
    assert refused.status == 126
    assert "with --python" in refused.err
    os.chown(script, ALICE.uid, ALICE.uid)  # hers, and allowed by its path
    refused = decrypt_run("-c", "my_api_key", str(script), env=caller(ALICE))
    assert refused.status == 126
    os.chown(script, 0, 0)
    link = jobs / "link.py"
    link.symlink_to(script)
    assert decrypt_run("-c", "my_api_key", str(link)).out == RAN
    (GRANTS / "my_api_key").chmod(0o666)
    refused = decrypt_run("-c", "my_api_key", str(script))
    assert refused.status == 125
    assert "/etc/credhelper/grants/my_api_key may be written by others" in refused.err


def test_what_is_shown(jobs: Path, credhelper: Runs, decrypt_run: Runs) -> None:
    script, other = str(jobs / "report.py"), str(jobs / "other.py")
    assert "every credential is for every script" in credhelper("allow").err
    assert credhelper("allow", "my_api_key").out == "my_api_key: every script\n"
    credhelper("allow", "my_api_key", "--script", script)
    credhelper("allow", "my_api_key", "--script", script)
    credhelper("allow", "my_api_key", "--script", other, "--group", "alices-friends")
    line = f"my_api_key: {script}, {other} (group alices-friends)\n"
    assert credhelper("allow").out == line
    assert credhelper("list").out.endswith(f"grant: {line}")
    listed = json.loads(credhelper("list", "--json").stdout)["credentials"]
    assert listed[0]["scripts"] == [
        {"script": script, "group": ""},
        {"script": other, "group": "alices-friends"},
    ]
    assert f"grant: {line}" in credhelper("check").out
    assert "my_api_key: decrypts" in decrypt_run("--dry-run", "-c", "my_api_key", script).out
    shown = decrypt_run("--dry-run", "-c", "my_api_key", other, env=caller(BOB))
    assert shown.status == 125
    assert "may not have credential my_api_key for this caller" in shown.out
    os.chown(script, ALICE.uid, ALICE.uid)
    assert "[grant-script] /etc/credhelper/grants/my_api_key" in credhelper("check").out


def test_taking_it_back(jobs: Path, credhelper: Runs, decrypt_run: Runs) -> None:
    script = str(jobs / "report.py")
    credhelper("allow", "my_api_key", "--script", script)
    revoked = credhelper("allow", "my_api_key", "--script", script, "--revoke")
    assert revoked.out == "my_api_key: no script\n"
    assert decrypt_run("-c", "my_api_key", script).status == 126
    again = credhelper("allow", "my_api_key", "--script", script, "--revoke")
    assert again.status == 1
    assert credhelper("allow", "my_api_key", "--any").out == "my_api_key: every script\n"
    assert decrypt_run("-c", "my_api_key", script).out == RAN


@pytest.mark.parametrize(
    "arguments",
    [
        ["--script", "/opt/jobs/report.py"],
        ["my_api_key", "--group", "root"],
        ["my_api_key", "--revoke"],
        ["my_api_key", "--any", "--script", "/opt/jobs/report.py"],
        ["../x", "--script", "/opt/jobs/report.py"],
    ],
)
@pytest.mark.usefixtures("jobs")
def test_what_does_not_go_together_is_usage(arguments: list[str], credhelper: Runs) -> None:
    refused = credhelper("allow", *arguments)
    assert refused.status == 2
    assert not GRANTS.exists()


def test_a_script_that_others_can_write_is_not_allowed(jobs: Path, credhelper: Runs) -> None:
    (jobs / "report.py").chmod(0o666)
    refused = credhelper("allow", "my_api_key", "--script", str(jobs / "report.py"))
    assert refused.status == 1
    assert "may be written by others" in refused.err


def test_under_another_name_it_is_for_the_same_scripts(
    jobs: Path, credhelper: Runs, decrypt_run: Runs
) -> None:
    credhelper("allow", "my_api_key", "--script", str(jobs / "report.py"))
    assert credhelper("rename", "my_api_key", "other_name").status == 0
    assert credhelper("allow").out == f"other_name: {jobs}/report.py\n"
    refused = decrypt_run("-c", "other_name", str(jobs / "other.py"))
    assert (refused.status, refused.out) == (126, "")
    credhelper("rename", "other_name", "my_api_key")
    assert decrypt_run("-c", "my_api_key", str(jobs / "report.py")).out == RAN

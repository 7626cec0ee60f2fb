# SPDX-License-Identifier: MIT
"""The commands of README.md run as they stand there; its pictures and wheel are what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.real.conftest import ROOT, Runs

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.documented")
README = (ROOT / "README.md").read_text()
# each has tests of its own: the machine of the tests is too large a haystack, and has no TPM2
ELSEWHERE = ("leaks --machine", "--with-key=host+tpm2")
COMMANDS = [
    command
    for command in [
        *re.findall(r"^\|[^|]*\| `sudo (credhelper[^`]*)`", README, re.MULTILINE),
        *re.findall(r"^    sudo (credhelper-decrypt-run .*)$", README, re.MULTILINE),
    ]
    if not any(words in command for words in ELSEWHERE)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme(
    command: str, place: Path, credhelper: Runs, decrypt_run: Runs
) -> None:
    command = command.replace("~/", f"{Path.home()}/")
    program, *words = shlex.split(command)
    run = credhelper if program == "credhelper" else decrypt_run
    finished = run(*words, input="dummy-new-0123456789\n", cwd=place)
    found = "check" in words and finished.status == 1  # this machine is not set up
    assert finished.status == 0 or found, finished.err
    assert "error: " not in finished.err


def test_the_readme_shows_every_kind_of_command() -> None:
    verbs = {command.split()[1] for command in COMMANDS if command.startswith("credhelper ")}
    assert verbs >= {"rotate", "import", "list", "check", "leaks", "sudoers", "allow"}
    assert any(command.startswith("credhelper-decrypt-run -c") for command in COMMANDS)


def test_the_timer_is_one_that_systemd_takes() -> None:
    first, second = re.findall(r"^    (printf .*)$", README, re.MULTILINE)
    writing, enabling = second.split(" && ")
    assert enabling == "sudo systemctl enable --now credhelper-check.timer"
    for line in (first, writing):
        subprocess.run(
            ["/bin/sh", "-c", line.replace("sudo ", "")], check=True, capture_output=True
        )
    units = [f"/etc/systemd/system/credhelper-check.{kind}" for kind in ("service", "timer")]
    Path("/usr/local/bin").mkdir(exist_ok=True)
    service = Path(units[0])
    text = service.read_text()
    assert "ExecStart=/usr/bin/credhelper check" in text
    service.write_text(text.replace("/usr/bin/credhelper", "/bin/true"))  # not installed here
    checked = subprocess.run(
        ["/usr/bin/systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, "credhelper-check" in checked.stderr) == (0, False), checked.stderr
    for unit in units:
        Path(unit).unlink()


def test_the_pictures_are_there_and_load_nothing() -> None:
    named = re.findall(r"\]\((pictures/\w+\.svg)\)", README)
    assert named
    for name in named:
        text = (ROOT / name).read_text()
        assert "credhelper" in text
        assert re.findall(r"https?://(?!www\.w3\.org|www\.textualize\.io|git\.example)", text) == []


def test_the_wheel_is_all_that_a_test_of_a_script_needs(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    (source / "src").symlink_to(ROOT / "src")
    build = "import setuptools.build_meta as b; b.build_wheel('dist')"
    (source / "dist").mkdir()
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    [wheel] = (source / "dist").iterdir()
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)  # as pip does
    assert (site / "credhelper/py.typed").exists()
    (tmp_path / "test_it.py").write_text(
        "from credhelper import load\n"
        "import credhelper\n"
        "def test_it(credhelper_credentials):\n"
        "    credhelper_credentials['my_api_key'] = 'dummy'\n"
        "    assert load('my_api_key') == 'dummy'\n"
        f"    assert credhelper.__file__.startswith({str(site)!r})\n"
    )
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--basetemp=own",
            "test_it.py",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

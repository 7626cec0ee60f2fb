# SPDX-License-Identifier: MIT
"""The package as RPM 6 builds, installs, upgrades, downgrades and erases it, under systemd 262."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from credhelper.commands.version import VERSION
from tests.machines import nspawn
from tests.machines.machine import Machine
from tests.package.rpmfile import CHECKOUT

HERE = Path(__file__).parent
NAMES = ("credhelper", "python3-credhelper", "python3-credhelper+commands")
RPM = ("/usr/bin/rpm", "--nosignature")
# Debian's database of packages cannot satisfy Fedora's dependencies; test_rpm.py reads them
WITHOUT_DEPENDENCIES = (*RPM, "--nodeps")
BUILD_SECONDS = 1200  # with %check, on a busy machine
SOURCES = f"/root/rpm/SOURCES/credhelper-{VERSION}.tar.gz"


@pytest.fixture(scope="module")
def built() -> Iterator[Machine]:
    """A booted machine that has built releases 1 and 2 of the package from the spec."""
    with nspawn.booted("sid") as machine:
        sources = CHECKOUT / f"build/srpm/credhelper-{VERSION}.tar.gz"
        spec = (CHECKOUT / "credhelper.spec").read_text()
        machine.write(SOURCES, sources.read_bytes())
        machine.write("/root/macros", (HERE / "macros.fedora-stand-in").read_bytes())
        machine.write("/root/triggers.spec", (HERE / "systemd-file-triggers.spec").read_bytes())
        build(machine, "/root/triggers.spec")
        for release, options in (("1", ()), ("2", ("--nocheck",))):
            changed = spec.replace("Release:        1%{?dist}", f"Release:        {release}")
            assert f"Release:        {release}\n" in changed
            machine.write("/root/credhelper.spec", changed)
            build(machine, "/root/credhelper.spec", *options)
        triggers = "/root/rpm/RPMS/noarch/systemd-file-triggers-1-1.noarch.rpm"
        machine.run([*WITHOUT_DEPENDENCIES, "--install", triggers], check=True)
        yield machine


def build(machine: Machine, spec: str, *options: str) -> None:
    """Plain rpmbuild, as `make rpm` runs it."""
    configured = machine.run(["/usr/bin/rpm", "--showrc"], check=True).stdout
    [macros] = re.findall(r"^Macro path: (.*)$", configured, re.MULTILINE)
    given = ["--nodeps", "--macros", f"{macros}:/root/macros", "--define", "_topdir /root/rpm"]
    machine.run(
        ["/usr/bin/rpmbuild", "-ba", *given, *options, spec], timeout=BUILD_SECONDS, check=True
    )


def files(release: str) -> list[str]:
    """The package files of a release."""
    return [f"/root/rpm/RPMS/noarch/{name}-{VERSION}-{release}.noarch.rpm" for name in NAMES]


@pytest.fixture
def installed(built: Machine) -> Iterator[Machine]:
    """The machine with release 1 installed, and nothing of it afterwards."""
    assert query(built) == {}
    built.run([*WITHOUT_DEPENDENCIES, "--install", *files("1")], check=True)
    yield built
    if left := query(built):
        built.run([*WITHOUT_DEPENDENCIES, "--erase", *left], check=True)
    built.clean()


def query(machine: Machine) -> dict[str, str]:
    """The installed releases by package."""
    shown = machine.run([*RPM, "--query", "--all", "--queryformat", "%{NAME} %{RELEASE}\n"]).stdout
    pairs = (line.split() for line in shown.splitlines())
    return {name: release for name, release in pairs if name in NAMES}


def add(machine: Machine, name: str, value: str) -> None:
    machine.run(["/usr/bin/credhelper", "add", name], input=value, check=True)


def unsealed(machine: Machine, name: str) -> str:
    """The value as systemd itself gives it."""
    decrypt = ["/usr/bin/systemd-creds", "decrypt", "--newline=no"]
    return machine.run([*decrypt, f"/etc/credstore.encrypted/{name}", "-"], check=True).stdout


def status(machine: Machine, path: str) -> str:
    return machine.run(["/usr/bin/stat", "--format=%a %U:%G", path], check=True).stdout.strip()


def verify(machine: Machine) -> str:
    """What of the installed packages is not as it was packaged."""
    return machine.run([*WITHOUT_DEPENDENCIES, "--verify", *NAMES]).stdout


def left_over(machine: Machine) -> set[str]:
    """Every file of this name that is on the machine, except for the tests' own and man's cache."""
    skipped = ["/proc", "/sys", "/dev", "/run", "/root", "/tmp", "/var/tmp", "/var/cache/man"]
    pruned = [word for path in skipped for word in ("-path", path, "-prune", "-o")]
    find = ["/usr/bin/find", "/", *pruned, "-iname", "*credhelper*", "-print"]
    return set(machine.run(find, check=True).stdout.splitlines())


def test_installing_makes_the_store_and_explains_the_journal(installed: Machine) -> None:
    assert set(query(installed)) == set(NAMES)
    assert verify(installed) == ""
    assert status(installed, "/etc/credstore.encrypted") == "700 root:root"
    catalog = installed.run(["/usr/bin/journalctl", "--list-catalog"], check=True).stdout
    assert "7c1f3a52e0d94b0d8a6e5f1b92c4d3e7 credhelper: A script was run" in catalog


def test_the_store_is_set_up_without_a_clash_with_systemds_own_line(installed: Machine) -> None:
    lines = installed.run(["/usr/bin/systemd-tmpfiles", "--cat-config"], check=True).stdout
    assert lines.splitlines().count("d /etc/credstore.encrypted 0700 root root") == 2
    for option in ("--dry-run", "--graceful"):
        done = installed.run(["/usr/bin/systemd-tmpfiles", "--create", option], check=True)
        # a complaint would name the file and the line
        assert "credhelper.conf" not in done.stderr


@pytest.mark.parametrize("script", ["package.sh", "main-job.sh", "sudo.sh"])
def test_what_runs_on_fedora_runs_here(installed: Machine, script: str) -> None:
    """The tests that tmt runs on a real Fedora machine, with the package of this one."""
    installed.write(f"/tmp/{script}", (CHECKOUT / "tests/tmt" / script).read_bytes(), 0o755)
    done = installed.run(["/bin/bash", f"/tmp/{script}"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_user_does_the_main_job_through_sudo(installed: Machine) -> None:
    sudo = ["/usr/bin/sudo", "-n"]
    installed.write("/etc/sudoers.d/admins", "alice ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    added = installed.as_user("alice", [*sudo, "credhelper", "add", "my_api_key"], input="dummy\n")
    assert added.stdout == "added my_api_key, bound to: host\n"
    script = "from credhelper import load\nprint('the key is', load('my_api_key'))\n"
    installed.write("/home/alice/script.py", script, owner="alice")
    runner = [*sudo, "credhelper-decrypt-run", "-c", "my_api_key", "/home/alice/script.py"]
    assert installed.as_user("alice", runner).stdout == "the key is [credential my_api_key]\n"
    run = "MESSAGE_ID=7c1f3a52e0d94b0d8a6e5f1b92c4d3e7"
    [record] = installed.journal(run)
    assert record["CREDHELPER_INVOKING_USER"] == "alice"
    explained = installed.run(["/usr/bin/journalctl", "--catalog", "--no-pager", run], check=True)
    assert "Subject: A script was run with credentials\n" in explained.stdout
    assert "The script /home/alice/script.py was started for alice,\n" in explained.stdout
    assert [line for line in explained.stdout.splitlines() if "@" in line] == []


def test_what_others_keep_in_the_store_stays_as_it_is(installed: Machine) -> None:
    """systemd.exec(5) lets units load directories, and files of other owners, from there."""
    installed.write("/etc/credstore.encrypted/of-a-unit/key", "sealed elsewhere", owner="alice")
    paths = ["/etc/credstore.encrypted/of-a-unit", "/etc/credstore.encrypted/of-a-unit/key"]
    before = [status(installed, path) for path in paths]
    installed.run(["/usr/bin/systemd-tmpfiles", "--create"], check=True)
    installed.run([*WITHOUT_DEPENDENCIES, "--upgrade", *files("2")], check=True)
    assert (
        [status(installed, path) for path in paths]
        == before
        == ["755 root:root", "644 alice:alice"]
    )


def test_credentials_survive_upgrade_and_downgrade(installed: Machine) -> None:
    add(installed, "my_api_key", "dummy-value")
    before = installed.read("/etc/credstore.encrypted/my_api_key")
    for release, options in (("2", ()), ("1", ("--oldpackage",))):
        installed.run([*WITHOUT_DEPENDENCIES, "--upgrade", *options, *files(release)], check=True)
        assert query(installed) == dict.fromkeys(NAMES, release)
        assert verify(installed) == ""
        assert installed.read("/etc/credstore.encrypted/my_api_key") == before
        assert unsealed(installed, "my_api_key") == "dummy-value"
        assert installed.run(["/usr/bin/credhelper", "list", "--verify"]).returncode == 0


def test_erasing_leaves_the_store_and_nothing_else(installed: Machine) -> None:
    add(installed, "my_api_key", "dummy-value")
    script = "from credhelper import load\nprint(load('my_api_key'))\n"
    installed.write("/opt/report.py", script)
    runner = ["/usr/bin/credhelper-decrypt-run", "-c", "my_api_key", "/opt/report.py"]
    assert installed.run(runner, check=True).stdout == "[credential my_api_key]\n"
    installed.run([*WITHOUT_DEPENDENCIES, "--erase", *NAMES], check=True)
    assert left_over(installed) == set()
    assert status(installed, "/etc/credstore.encrypted") == "700 root:root"
    assert unsealed(installed, "my_api_key") == "dummy-value"
    installed.run([*WITHOUT_DEPENDENCIES, "--install", *files("1")], check=True)
    assert installed.run(runner, check=True).stdout == "[credential my_api_key]\n"


def test_the_library_installs_alone(built: Machine) -> None:
    """It needs neither the commands nor what they need."""
    library = [file for file in files("1") if f"/python3-credhelper-{VERSION}" in file]
    built.run([*WITHOUT_DEPENDENCIES, "--install", *library], check=True)
    try:
        built.write("/tmp/credentials/my_api_key", "dummy-value\n")
        loaded = built.as_user(
            "alice",
            ["/usr/bin/python3", "-c", "import credhelper; print(credhelper.load('my_api_key'))"],
            environment={"CREDENTIALS_DIRECTORY": "/tmp/credentials"},
            check=True,
        )
        assert loaded.stdout == "dummy-value\n"
    finally:
        built.run([*WITHOUT_DEPENDENCIES, "--erase", "python3-credhelper"], check=True)

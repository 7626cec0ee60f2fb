# SPDX-License-Identifier: MIT
"""Check, import and reseal with 252, 257 and 262: findings and the commands that fix them."""

from __future__ import annotations

import json

import pytest

from tests.machines.fixtures import EVERY_SYSTEMD
from tests.machines.machine import Machine

pytestmark = pytest.mark.parametrize("booted", EVERY_SYSTEMD, indirect=True)

CREDHELPER = "/usr/bin/credhelper"
SYSTEMD_CREDS = "/usr/bin/systemd-creds"
STORE = "/etc/credstore.encrypted"
# what a machine is like is not this test's: those of nspawn share the kernel's core pattern
OF_THE_MACHINE = {"core-dumps", "journal", "journal-volatile", "swap"}


def check(machine: Machine, *arguments: str) -> dict[str, dict[str, str]]:
    """The findings, by rule and subject."""
    done = machine.run([CREDHELPER, "check", "--json", *arguments])
    found = json.loads(done.stdout)["findings"]
    return {
        f"{finding['rule']} {finding['subject']}": finding
        for finding in found
        if finding["rule"] not in OF_THE_MACHINE
    }


def add(machine: Machine, name: str, *options: str) -> None:
    argv = [CREDHELPER, "add", name, "--stdin", "--with-key=host", *options]
    machine.run(argv, input="s3cret-value", check=True)


def test_a_fresh_machine_is_in_good_order(machine: Machine) -> None:
    add(machine, "my_api_key", "--not-after=+90d")
    assert check(machine) == {}


def test_faults_are_found_and_mended_by_their_commands(machine: Machine) -> None:
    for name in ("good", "soon", "readable"):
        add(machine, name, *(["--not-after=+5d"] if name == "soon" else []))
    machine.run(["/usr/bin/chmod", "0644", f"{STORE}/readable"], check=True)
    machine.run(["/usr/bin/cp", "-p", f"{STORE}/good", f"{STORE}/copy"], check=True)
    machine.run(["/usr/bin/cp", "-p", f"{STORE}/good", f"{STORE}/cut"], check=True)
    machine.run(["/usr/bin/truncate", "--size=60", f"{STORE}/cut"], check=True)
    seal = [SYSTEMD_CREDS, "encrypt", "--with-key=host"]
    old = ["--name=old", "--timestamp=2020-01-01", "--not-after=2020-06-01", "-", f"{STORE}/old"]
    machine.run([*seal, *old], input="x", check=True)
    machine.run(["/usr/bin/chmod", "0600", f"{STORE}/old"], check=True)
    machine.write("/etc/credstore/plain", "x", mode=0o600)
    machine.write(
        "/etc/sudoers.d/loose",
        "%alice ALL=(root) NOPASSWD: /usr/bin/credhelper-decrypt-run\n",
        mode=0o440,
    )
    found = check(machine)
    assert set(found) == {
        f"file-mode {STORE}/readable",
        f"embedded-name {STORE}/copy",
        f"does-not-unseal {STORE}/cut",
        f"expired {STORE}/old",
        f"expires-soon {STORE}/soon",
        "plaintext /etc/credstore/plain",
        "sudo-anything /etc/sudoers.d/loose: alice",
    }
    assert "2020-05-31" in found[f"expired {STORE}/old"]["evidence"] or (
        "2020-06-01" in found[f"expired {STORE}/old"]["evidence"]
    )
    # what a person has to decide: nothing is advised that could take away what is needed
    machine.run(["/usr/bin/rm", f"{STORE}/copy", "/etc/sudoers.d/loose"], check=True)
    for name, finding in found.items():
        if name.startswith(("embedded-name ", "sudo-anything ")):
            continue
        machine.run(["/usr/bin/bash", "-c", finding["fix"]], input="new-value", check=True)
    assert check(machine) == {}


def test_import_and_reseal_keep_what_was_sealed(machine: Machine) -> None:
    machine.write("/root/.env", "API_KEY=s3cret-value\nOTHER='a b'\n", mode=0o600)
    imported = machine.run(
        [CREDHELPER, "import", "/root/.env", "--with-key=host", "--not-after=2039-02-03 UTC"],
        check=True,
    )
    assert "API_KEY: api_key added\n" in imported.stdout
    resealed = machine.run([CREDHELPER, "reseal", "--all"], check=True)
    assert resealed.stdout.splitlines() == [
        f"resealed {name}, bound to: host, before: host; expires as before: {when}"
        for name, when in (("api_key", "2039-02-03 00:00 UTC"), ("other", "2039-02-03 00:00 UTC"))
    ]
    shown = machine.run(
        [SYSTEMD_CREDS, "decrypt", "--newline=no", f"{STORE}/other", "-"], check=True
    )
    assert shown.stdout == "a b"

# SPDX-License-Identifier: MIT
"""A virtual machine with a TPM2 device (systemd 257): reboots, TPM faults and power cuts."""

from __future__ import annotations

import json
import mmap
import random
import re
import time
from collections.abc import Iterator

import pytest

from tests.machines.machine import Machine
from tests.machines.qemu import VirtualMachine
from tests.machines.tpm import TPM
from tests.system import library

pytestmark = pytest.mark.parametrize("booted", ["vm"], indirect=True)

CREDHELPER = "/usr/bin/credhelper"
RUN = "/usr/bin/credhelper-decrypt-run"
KEYS = ("host", "tpm2", "host+tpm2")
ROTATIONS = 200
POWER_CUTS = 3

# One process for many, for a start of Python is slow here; says on the serial port what is done.
SEAL = """
import os, sys
from credhelper.commands.cli import main
verb, first, last, *names = sys.argv[1:]
with open("/dev/ttyS0", "w", buffering=1) as console:
    for number in range(int(first), int(last) + 1):
        name = names[number % len(names)]
        read_end, write_end = os.pipe()
        os.write(write_end, b"plaintext-of-%s-%d" % (name.encode(), number))
        os.close(write_end)
        os.dup2(read_end, 0)
        os.close(read_end)
        sys.stdin = open(0, closefd=False)
        try:
            main([verb, name, "--stdin"])
        except SystemExit as end:
            assert not end.code, (name, number)
        console.write(f"done {number}\\n")
"""


@pytest.fixture
def power(machine: Machine) -> VirtualMachine:
    """The switch, the plug and the TPM of the machine."""
    assert isinstance(machine.transport, VirtualMachine)
    return machine.transport


@pytest.fixture
def chip(power: VirtualMachine) -> Iterator[TPM]:
    """The TPM that the machine has; it has it again after a test that took it away."""
    chip = power.tpm
    assert chip
    yield chip
    if power.tpm is not chip:
        power.cut_power()
        power.tpm = chip
        power.start()


def add(machine: Machine, name: str, value: str, *options: str) -> None:
    machine.run([CREDHELPER, "add", name, "--stdin", *options], input=value, check=True)


def bindings(machine: Machine) -> dict[str, str]:
    listed = machine.run([CREDHELPER, "list", "--json"], check=True).stdout
    return {entry["name"]: entry["bound_to"] for entry in json.loads(listed)["credentials"]}


def test_every_key_outlives_reboot_and_power_cut(machine: Machine, power: VirtualMachine) -> None:
    """Every value is there."""
    for key in KEYS:
        add(machine, f"by-{key.replace('+', '-')}", f"value by {key}", f"--with-key={key}")
    machine.reboot()
    power.cut_power()
    power.start()
    for key in KEYS:
        loaded = library.load(machine, f"by-{key.replace('+', '-')}")
        assert loaded.value.decode() == f"value by {key}", loaded
    assert sorted(bindings(machine).values()) == sorted(KEYS)


def test_script_runs_with_a_key_in_the_tpm(machine: Machine) -> None:
    """It runs."""
    add(machine, "api_key", "value", "--with-key=tpm2")
    machine.write("/opt/jobs/show.py", "import credhelper; print(len(credhelper.load('api_key')))")
    ran = machine.run([RUN, "-c", "api_key", "/opt/jobs/show.py"])
    assert (ran.returncode, ran.stdout) == (0, "5\n"), ran.stderr


def test_changed_pcr_until_the_next_boot(machine: Machine) -> None:
    """PCRsChanged and status 125; the value after a reboot."""
    add(machine, "api_key", "value", "--with-key=tpm2", "--tpm2-pcrs=16")
    extend = ["/usr/bin/tpm2_pcrextend", f"16:sha256={'ab' * 32}"]
    machine.run(extend, check=True)
    machine.write("/opt/jobs/show.py", "print('ran')")
    refused = machine.run([RUN, "-c", "api_key", "/opt/jobs/show.py"])
    assert (refused.returncode, refused.stdout) == (125, "")
    assert "PCRs" in refused.stderr
    machine.reboot()
    assert library.load(machine, "api_key").value == b"value"


def test_clock_set_forward_and_back(machine: Machine) -> None:
    """CredentialExpired while the clock is ahead, the value again when it is set back."""
    add(machine, "api_key", "value", "--not-after=+1h")
    try:
        machine.run(["/usr/bin/date", "--set=+2 hours"], check=True)
        assert library.load(machine, "api_key").error == "CredentialExpired"
        machine.run(["/usr/bin/date", "--set=-2 hours"], check=True)
        assert library.load(machine, "api_key").value == b"value"
        machine.run(["/usr/bin/date", "--set=-1 year"], check=True)
        assert library.load(machine, "api_key").value == b"value"
        assert list(bindings(machine)) == ["api_key"]
    finally:
        machine.run(["/usr/bin/date", f"--set=@{time.time():.0f}"], check=True)


def test_no_tpm_and_another_tpm(machine: Machine, power: VirtualMachine, chip: TPM) -> None:
    """The host key's value; TPMUnavailable, then WrongMachine for the others."""
    for key in KEYS:
        add(machine, f"by-{key.replace('+', '-')}", "value", f"--with-key={key}")
    power.shut_down()
    power.tpm = None
    power.start()
    assert library.load(machine, "by-host").value == b"value"
    for name in ("by-tpm2", "by-host-tpm2"):
        refused = library.load(machine, name)
        assert refused.error == "TPMUnavailable", refused
    power.cut_power()
    power.tpm = TPM(power.scratch / "another")
    power.start()
    assert library.load(machine, "by-host").value == b"value"
    for name in ("by-tpm2", "by-host-tpm2"):
        refused = library.load(machine, name)
        assert refused.error == "WrongMachine", refused
        assert "TPM" in refused.problem
    assert chip is not power.tpm


def test_power_cuts_while_rotating(machine: Machine, power: VirtualMachine) -> None:
    """Every credential has its last value or the one before; no plaintext on the disk."""
    names = [f"key-{number}" for number in range(10)]
    machine.write("/root/seal.py", SEAL)
    seal = ["/usr/bin/python3", "-I", "/root/seal.py"]
    machine.run([*seal, "add", str(1 - len(names)), "0", *names], timeout=120, check=True)
    machine.run(["/usr/bin/sync"], check=True)
    randomness = random.Random(5)  # noqa: S311 # no secret is made of it
    done = 0
    for cut in range(1, POWER_CUTS + 1):
        until = ROTATIONS * cut // POWER_CUTS
        rotate = [*seal, "rotate", str(done + 1), str(ROTATIONS), *names]
        power.send(rotate, b"", {"PATH": "/usr/bin"}, 600)
        last = cut_power_after(
            power, randomness.randint(done + 5, until), randomness.random() * 0.4
        )
        assert not found_on_disk(power, "plaintext-of-key")
        power.start()
        done = last_rotation(machine, names, last)
        assert sorted(bindings(machine)) == names
        left = machine.run(["/usr/bin/ls", "-A", "/etc/credstore.encrypted"]).stdout.split()
        assert sorted(left) == names  # the first command has removed what was unfinished


def plaintext(name: str, number: int) -> str:
    return f"plaintext-of-{name}-{number}"


def cut_power_after(power: VirtualMachine, number: int, delay: float) -> int:
    """Cuts the power `delay` seconds after that rotation; returns the last one reported done."""
    assert power.serial
    for line in power.serial:
        if line.rstrip().endswith(b"done %d" % number):
            break
    time.sleep(delay)  # to be somewhere in the next one
    after = re.findall(rb"done (\d+)\r?\n", power.cut_power())
    return int(after[-1]) if after else number


def last_rotation(machine: Machine, names: list[str], reported: int) -> int:
    """Each credential holds what was reported last, but the next one to come may be new."""
    loaded = library.load_each(machine, names)
    values = {name: outcome.value.decode() for name, outcome in zip(names, loaded, strict=True)}
    due = names[(reported + 1) % len(names)]
    for index, name in enumerate(names):
        number = reported - (reported - index) % len(names)
        allowed = {plaintext(name, number)}
        if name == due:
            allowed.add(plaintext(name, reported + 1))
        assert values[name] in allowed
    return reported + (values[due] == plaintext(due, reported + 1))


def found_on_disk(power: VirtualMachine, text: str) -> bool:
    with power.disk.open("rb") as disk, mmap.mmap(disk.fileno(), 0, prot=mmap.PROT_READ) as image:
        return image.find(text.encode()) >= 0

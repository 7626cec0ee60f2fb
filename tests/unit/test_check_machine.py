# SPDX-License-Identifier: MIT
"""The machine: versions, core dumps, swap. Fakes where a machine has just one of each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credhelper import hostkey, unsealing
from credhelper.commands import sealing
from credhelper.commands.check import machine, swap
from credhelper.errors import SystemdMissing


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a fault, in ``tmp_path``."""
    (tmp_path / "core_pattern").write_text("|/usr/bin/false\n")
    (tmp_path / "swaps").write_text("Filename\n")
    (tmp_path / "socket").touch()
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(machine, "CORE_PATTERN", tmp_path / "core_pattern")
    monkeypatch.setattr(machine, "JOURNAL_SOCKET", tmp_path / "socket")
    monkeypatch.setattr(swap, "SWAPS", tmp_path / "swaps")
    monkeypatch.setattr(hostkey, "PATH", str(tmp_path / "credential.secret"))
    monkeypatch.setattr(hostkey, "MACHINE_ID", str(tmp_path / "machine-id"))
    monkeypatch.setattr(unsealing, "version", lambda: 262)
    monkeypatch.setattr(sealing, "tpm2_parts", lambda: ["yes", "+driver", "+libraries"])
    return tmp_path


def rules() -> list[str]:
    return [finding.rule for finding in machine.findings() if finding.rule != "journal-volatile"]


@pytest.mark.usefixtures("quiet")
def test_nothing_is_amiss() -> None:
    assert rules() == []
    assert machine.facts() == [
        "systemd 262",
        "TPM2: yes",
        "host key: none yet; the first sealing makes it",
    ]


@pytest.mark.usefixtures("quiet")
def test_an_old_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsealing, "version", lambda: 249)
    assert rules() == ["systemd-old"]


@pytest.mark.usefixtures("quiet")
def test_a_tpm_without_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ["partial", "+firmware", "+driver", "+system", "-libraries", "-libtss2-esys.so.0"]
    monkeypatch.setattr(sealing, "tpm2_parts", lambda: parts)
    assert rules() == ["tpm2-libraries"]
    monkeypatch.setattr(sealing, "tpm2_parts", lambda: ["no", "-driver", "-libraries"])
    assert rules() == []  # there is none to use


@pytest.mark.usefixtures("quiet")
def test_no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> int:
        raise SystemdMissing("/usr/bin/systemd-creds is missing", "install systemd")

    monkeypatch.setattr(unsealing, "version", version)
    monkeypatch.setattr(sealing, "tpm2_parts", version)
    assert rules() == ["systemd-missing"]
    assert machine.facts() == []


def test_no_way_into_the_journal(quiet: Path) -> None:
    (quiet / "socket").unlink()
    assert rules() == ["journal"]


@pytest.mark.parametrize(
    ("pattern", "storage", "found"),
    [
        ("", "", []),
        ("|/bin/false", "", []),
        ("core.%p", "", ["core-dumps"]),
        ("@/run/cores.socket", "", ["core-socket"]),
        ("@@/run/cores.socket", "", ["core-socket"]),
        ("|/usr/share/apport/apport -p%p", "", ["core-dumps"]),
        ("|/usr/lib/systemd/systemd-coredump %P", "", ["core-dumps"]),
        ("|/usr/lib/systemd/systemd-coredump %P", "Storage=external\n", ["core-dumps"]),
        ("|/usr/lib/systemd/systemd-coredump %P", "Storage=external\nStorage=none\n", []),
    ],
)
def test_core_dumps(
    quiet: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, storage: str, found: list[str]
) -> None:
    (quiet / "core_pattern").write_text(pattern + "\n")
    analyze = quiet / "systemd-analyze"  # stands in: configuration is read below /etc alone
    analyze.write_text(f"#!/bin/sh\nprintf '[Coredump]\\n#Storage=none\\n{storage}'\n")
    analyze.chmod(0o755)
    monkeypatch.setattr(machine, "_ANALYZE", str(analyze))
    assert rules() == found


class Disks:
    """A tree as in /sys/dev/block."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        monkeypatch.setattr(swap, "_BLOCK", directory)

    def add(self, number: str, name: str, uuid: str = "", below: str = "") -> None:
        device = self.directory / "devices" / name
        (device / "dm").mkdir(parents=True)
        (device / "dev").write_text(f"{number}\n")
        if uuid:
            (device / "dm/uuid").write_text(f"{uuid}\n")
        if below:
            (device / "slaves").mkdir()
            (device / "slaves" / below).symlink_to(self.directory / "devices" / below)
        (self.directory / number).symlink_to(device)


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    disks = Disks(tmp_path / "block", monkeypatch)
    disks.add("252:0", "zram0")
    disks.add("8:1", "sda1")
    disks.add("253:0", "dm-0", uuid="CRYPT-LUKS2-1234", below="sda1")
    disks.add("253:1", "dm-1", uuid="LVM-1234", below="dm-0")
    disks.add("253:2", "dm-2", uuid="LVM-5678", below="sda1")
    (tmp_path / "block/8:2").symlink_to(tmp_path / "block/devices/dm-0/sub")
    (tmp_path / "block/devices/dm-0/sub").mkdir()
    (tmp_path / "block/devices/dm-0/sub/partition").touch()
    return disks


@pytest.mark.usefixtures("disks")
@pytest.mark.parametrize(
    ("device", "encrypted"),
    [
        ((252, 0), True),
        ((8, 1), False),
        ((253, 0), True),
        ((253, 1), True),
        ((253, 2), False),
        ((8, 2), True),
        ((9, 9), False),
    ],
)
def test_encrypted_by_itself_or_by_what_is_below(device: tuple[int, int], encrypted: bool) -> None:
    assert swap._device_is_encrypted(os.makedev(*device)) == encrypted


def test_what_is_in_memory_needs_no_encryption() -> None:
    assert swap.is_encrypted("/dev/shm")


def test_what_is_not_there_is_not_encrypted() -> None:
    assert not swap.is_encrypted("/no/such\\040file")


def test_a_name_with_a_blank(quiet: Path) -> None:
    (quiet / "swaps").write_text("Filename\n/no/such\\040file file 1 0 -2\n")
    (finding,) = swap.findings()
    assert finding.fix == "sudo swapoff '/no/such file'"


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("text", ["", "uninitialized\n", "0" * 32, "0123", "\xff"])
def test_no_machine_id(text: str) -> None:
    Path(hostkey.MACHINE_ID).write_text(text)
    assert hostkey.machine_id() is None
    Path(hostkey.PATH).write_bytes(bytes(4112))
    assert not hostkey.is_foreign()


@pytest.mark.usefixtures("quiet")
def test_whose_the_host_key_is() -> None:
    assert not hostkey.is_foreign()
    machine_id = hostkey.machine_id()
    assert machine_id
    Path(hostkey.PATH).write_bytes(hostkey.hashed(machine_id) + bytes(4096))
    assert not hostkey.is_foreign()
    Path(hostkey.PATH).write_bytes(bytes(4112))
    assert hostkey.is_foreign()


def test_a_host_key_that_is_no_file(quiet: Path) -> None:
    Path(hostkey.PATH).symlink_to(quiet / "elsewhere")
    assert rules() == ["host-key-file"]

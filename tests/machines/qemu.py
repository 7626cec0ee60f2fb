# SPDX-License-Identifier: MIT
"""A virtual machine with a TPM2 device, its own kernel and disk, that can lose its power.

Emulated in software: some ten times slower than a container. The disk is made anew from the
root for each VirtualMachine; the files on it outlive every power cut of that one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.machines import roots
from tests.machines.machine import Machine
from tests.machines.nspawn import BootFailed
from tests.machines.tpm import TPM

START_TIMEOUT = 30  # seconds, for qemu itself
BOOT_TIMEOUT = 240
SERIAL_TIMEOUT = 120  # for the next line from its serial port
SHUTDOWN_TIMEOUT = 120
_DISK = "1500M"  # sparse
# where this machine is busy, the emulated timer's interrupts come too late for the kernel's check
# of the timer: "IO-APIC + timer doesn't work", and it stops
_TIMER = "no_timer_check"


@dataclass
class VirtualMachine:
    """A Transport; `tpm` is the chip that the next start finds, None where it finds none."""

    root: Path
    scratch: Path
    tpm: TPM | None
    process: subprocess.Popen[bytes] | None = None
    channel: socket.socket | None = None
    answers: IO[bytes] | None = None
    serial: IO[bytes] | None = None  # what it writes to /dev/ttyS0; ends with its power
    _wires: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def _console(self) -> Path:
        return self.scratch / "console"

    @property
    def _log(self) -> Path:
        return self.scratch / "log"

    @property
    def disk(self) -> Path:
        """The raw disk, as the machine sees it when its power is cut."""
        return self.scratch / "disk"

    def start(self) -> None:
        """Switches it on; returns when its agent serves. Raises BootFailed."""
        chip = []
        if self.tpm:
            self.tpm.serve_socket(self.scratch / "tpm")
            chip = ["-chardev", f"socket,id=tpm,path={self.scratch}/tpm"]
            chip += ["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]
        with (
            _listening(self.scratch / "agent") as agent,
            _listening(self.scratch / "ttyS0") as tty,
            self._log.open("ab") as log,
        ):
            # one processor: with two, emulated, the kernel at times meets its own breakpoint (int3)
            self.process = subprocess.Popen(
                [
                    "/usr/bin/setpriv", "--pdeathsig=KILL", "--", "/usr/bin/qemu-system-x86_64",
                    "-machine", "q35", "-accel", "tcg", "-cpu", "max",
                    "-m", "1024", "-no-reboot", "-nodefaults", "-display", "none",
                    "-kernel", str((self.root / "vmlinuz").resolve()),
                    "-append", f"root=/dev/nvme0n1 rw console=ttyS0 quiet panic=-1 {_TIMER}",
                    "-drive", f"file={self.disk},format=raw,if=none,id=disk",
                    "-device", "nvme,drive=disk,serial=disk",  # in the kernel: no initrd needed
                    "-device", "virtio-rng-pci",
                    "-chardev", f"socket,id=tty,path={self.scratch}/ttyS0,logfile={self._console}",
                    "-serial", "chardev:tty",
                    "-device", "virtio-serial-pci",
                    "-chardev", f"socket,id=agent,path={self.scratch}/agent",
                    "-device", "virtserialport,chardev=agent,name=machine-agent",
                    *chip,
                ],
                stdin=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
            self.channel = self._wires.enter_context(agent.accept()[0])
            serial = self._wires.enter_context(tty.accept()[0])
            serial.settimeout(SERIAL_TIMEOUT)
        self.serial = self._wires.enter_context(serial.makefile("rb"))
        self.answers = self._wires.enter_context(self.channel.makefile("rb"))
        try:
            self._answer(BOOT_TIMEOUT)
        except (OSError, EOFError) as error:
            text = self._console.read_text(errors="replace") + self._log.read_text()
            raise BootFailed(f"the virtual machine is not up: {error!r}\n{text[-3000:]}") from None

    def execute(
        self, argv: Sequence[str], stdin: bytes, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """One command after the other; raises EOFError when the machine goes down meanwhile."""
        self.send(argv, stdin, environment, timeout)
        answer = self._answer(timeout + 30)
        if answer.get("error") == "timeout":
            raise subprocess.TimeoutExpired(list(argv), timeout)
        if "error" in answer:
            raise OSError(answer["error"])
        return subprocess.CompletedProcess(
            list(argv),
            answer["status"],
            base64.b64decode(answer["stdout"]),
            base64.b64decode(answer["stderr"]),
        )

    def send(
        self, argv: Sequence[str], stdin: bytes, environment: Mapping[str, str], timeout: float
    ) -> None:
        """Starts a command whose answer nobody waits for: the power is to be cut meanwhile."""
        request = {
            "argv": list(argv),
            "input": base64.b64encode(stdin).decode(),
            "environment": dict(environment),
            "timeout": timeout,
        }
        assert self.channel
        self.channel.sendall(json.dumps(request).encode() + b"\n")

    def cut_power(self) -> bytes:
        """What is not on the disk yet is lost, and the TPM is not told to shut down.

        Returns what had been written to the serial port and was not read yet.
        """
        if self.process:
            self.process.kill()
        written = b""
        with contextlib.suppress(OSError, ValueError):  # it timed out before, or is closed
            written = self.serial.read() if self.serial else b""
        self._gone(30)
        return written

    def shut_down(self) -> None:
        """Goes down in order; the power is off when this returns."""
        self.send(["/usr/bin/systemctl", "poweroff"], b"", {}, 60)
        self._gone(SHUTDOWN_TIMEOUT)

    def reboot(self) -> None:
        self.shut_down()
        self.start()

    def _gone(self, timeout: float) -> None:
        if self.process:
            self.process.wait(timeout)
        self._wires.close()
        if self.tpm:
            self.tpm.stop()

    def _answer(self, timeout: float) -> dict[str, Any]:
        assert self.channel and self.answers
        self.channel.settimeout(timeout)
        line = self.answers.readline()
        if not line:
            raise EOFError("the virtual machine went down")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(START_TIMEOUT)
    return listener


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory that goes with this process, however that ends: a shell hears of it."""
    directory = tempfile.mkdtemp(prefix="credhelper-vm-")
    remove = ["/bin/sh", "-c", 'cat; rm -r "$1"', "sh", directory]
    with subprocess.Popen(remove, stdin=subprocess.PIPE, start_new_session=True):
        yield Path(directory)


@contextlib.contextmanager
def booted() -> Iterator[Machine]:
    """A running virtual machine with a new TPM2; `transport` is its VirtualMachine."""
    root = roots.root("vm")
    with roots.in_use(root), scratch() as directory:
        make = ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", str(root), str(directory / "disk")]
        subprocess.run([*make, _DISK], check=True, stdout=subprocess.DEVNULL)
        machine = VirtualMachine(root, directory, TPM(directory / "tpm-state"))
        try:
            machine.start()
            yield Machine("vm", machine)
        finally:
            machine.cut_power()

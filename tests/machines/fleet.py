# SPDX-License-Identifier: MIT
"""Several booted machines that Ansible reaches through real SSH on loopback.

Each runs an sshd of its own on a port of its own; all share the network of this system.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.machines import nspawn, product
from tests.machines.machine import Machine
from tests.machines.product import CHECKOUT

ROOTS = ("bookworm", "trixie", "sid", "sid")  # systemd 252, 257 and 262 twice
SCRIPTS = sysconfig.get_path("scripts")
SSHD_UNIT = "test-sshd"
PLAYBOOK_SECONDS = 300
_NAMESPACE = "ansible_collections/credhelper/credhelper"


@dataclass
class Fleet:
    """The machines by host name, and the controller's directory with all that Ansible keeps."""

    directory: Path
    machines: dict[str, Machine] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What ansible-playbook runs with: everything that it writes is below the directory."""
        return {
            "PATH": f"{SCRIPTS}:{self.directory}/bin:/usr/sbin:/usr/bin",
            "HOME": str(self.directory),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.directory / "tmp"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
            "ANSIBLE_INVENTORY": str(self.directory / "inventory.json"),
            "ANSIBLE_LOG_PATH": str(self.directory / "ansible.log"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def play(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *options: str,
        hosts: str = "all",
        play: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Played:
        """Runs ``tasks`` on ``hosts`` as one play; ``play`` adds to its keywords."""
        whole = {"hosts": hosts, "gather_facts": False, "tasks": list(tasks), **(play or {})}
        playbook = self.directory / "playbook.json"
        playbook.write_text(json.dumps([whole]))
        return self.run(str(playbook), *options, environment=environment)

    def run(
        self, playbook: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> Played:
        """Runs a playbook by path or name."""
        done = subprocess.run(
            [f"{SCRIPTS}/ansible-playbook", playbook, *options],
            env={**self.environment(), **(environment or {})},
            cwd=self.directory,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PLAYBOOK_SECONDS,
            check=False,
        )
        return Played(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Played:
    """What a playbook's run ended with."""

    status: int
    out: str
    err: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Of each host, how many tasks were ok, changed, failed and so on."""
        lines = self.out.partition("PLAY RECAP")[2].splitlines()[1:]
        hosts = [line.partition(":") for line in lines if ":" in line]
        return {
            host.strip(): {
                name: int(count) for name, count in (word.split("=") for word in counts.split())
            }
            for host, _, counts in hosts
        }


@contextlib.contextmanager
def booted(directory: Path, roots: Sequence[str] = ROOTS) -> Iterator[Fleet]:
    """Boots a machine of each of ``roots`` with the product and an sshd, for a controller here."""
    fleet = Fleet(directory)
    (directory / "tmp").mkdir(parents=True)
    collection = directory / "collections" / _NAMESPACE
    shutil.copytree(CHECKOUT / "ansible", collection)
    key = directory / "id_ed25519"
    keygen = ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(keygen, check=True)
    (directory / "bin").mkdir()
    report = directory / "bin/credhelper"  # the controller's own, for the playbook "report"
    report.write_text(f'#!/bin/sh\nexec {sys.executable} -I {CHECKOUT}/bin/credhelper "$@"\n')
    report.chmod(0o755)
    with contextlib.ExitStack() as stack:
        for number, root in enumerate(roots, 1):
            name = f"host{number}"
            fleet.machines[name] = stack.enter_context(nspawn.booted(root))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(product.install, fleet.machines.values()))
        public = key.with_suffix(".pub").read_text()
        for name, machine in fleet.machines.items():
            fleet.ports[name] = _sshd(machine, public)
        _inventory(fleet, key)
        yield fleet


def _sshd(machine: Machine, key: str) -> int:
    """Starts sshd on a free port of loopback; that port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    machine.write("/root/.ssh/authorized_keys", key, 0o600)
    machine.run(["/usr/bin/chmod", "0700", "/root", "/root/.ssh"], check=True)
    machine.run(["/usr/bin/ssh-keygen", "-A"], check=True)
    machine.run(["/usr/bin/mkdir", "-p", "/run/sshd"], check=True)
    machine.run(["/usr/bin/systemd-run", "--quiet", f"--unit={SSHD_UNIT}", *sshd(port)], check=True)
    return port


def sshd(port: int) -> list[str]:
    """The command line of a machine's sshd."""
    options = [f"-oPort={port}", "-oListenAddress=127.0.0.1", "-oMaxStartups=100"]
    return ["/usr/sbin/sshd", "-D", "-e", *options]


def _inventory(fleet: Fleet, key: Path) -> None:
    hosts = {
        name: {
            "ansible_host": "127.0.0.1",
            "ansible_port": port,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        for name, port in fleet.ports.items()
    }
    options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    shared = {
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": f"{options} -o ConnectionAttempts=5",
    }
    inventory = {"all": {"hosts": hosts, "vars": shared}}
    (fleet.directory / "inventory.json").write_text(json.dumps(inventory))
    os.chmod(key, 0o600)

# SPDX-License-Identifier: MIT
"""Puts the product into a machine: the RPM that this checkout builds, or its files as they are."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from tests.machines import roots
from tests.machines.machine import Machine

CHECKOUT = Path(__file__).parents[2]
RPMS = CHECKOUT / "build/rpm/RPMS/noarch"


class ProductMissing(Exception):
    """There is no package to install."""


def install(machine: Machine) -> None:
    """Installs the built RPMs with rpm(8).

    Debian's package database cannot satisfy Fedora's dependencies: they are not asked for here
    (tests/package reads them). With CREDHELPER_FROM_CHECKOUT=1 the files of the checkout are
    copied instead: for quick turns while writing tests.
    """
    # Python 3.15 complains of each that a .pth file names and that is not there
    machine.run(["/usr/bin/mkdir", "-p", *roots.FEDORA_SITE.split()], check=True)
    if os.environ.get("CREDHELPER_FROM_CHECKOUT") == "1":
        _copy(machine)
        return
    packages = sorted(RPMS.glob("*.rpm"))
    if not packages:
        raise ProductMissing(f"no package in {RPMS}\nhint: make rpm")
    for package in packages:
        machine.write(f"/root/rpms/{package.name}", package.read_bytes())
    names = [f"/root/rpms/{package.name}" for package in packages]
    rpm = ["/usr/bin/rpm", "--nodeps", "--nosignature"]
    machine.run([*rpm, "--install", *names], check=True)
    machine.run(["/usr/bin/systemd-tmpfiles", "--create"], check=True)
    machine.run(["/usr/bin/journalctl", "--update-catalog"], check=True)


def _copy(machine: Machine) -> None:
    python = machine.run(
        ["/usr/bin/python3", "-Ic", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True
    ).stdout.strip()
    places = {
        "src/credhelper": f"usr/lib/python{python}/site-packages/credhelper",
        "bin/credhelper": "usr/bin/credhelper",
        "bin/credhelper-decrypt-run": "usr/bin/credhelper-decrypt-run",
        "tmpfiles.d/credhelper.conf": "usr/lib/tmpfiles.d/credhelper.conf",
        "catalog/credhelper.catalog": "usr/lib/systemd/catalog/credhelper.catalog",
        "sudoers.d/credhelper": "usr/share/credhelper/sudoers.d/credhelper",
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for source, target in places.items():
            if (CHECKOUT / source).exists():
                tar.add(CHECKOUT / source, target, filter=_as_packaged)
    unpack = ["/usr/bin/tar", "--extract", "--no-overwrite-dir", "--directory=/", "--file=-"]
    machine.run(unpack, input=archive.getvalue(), check=True)
    machine.run(["/usr/bin/systemd-tmpfiles", "--create"], check=True)
    machine.run(["/usr/bin/journalctl", "--update-catalog"], check=True)


def _as_packaged(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() or member.mode & 0o111 else 0o644
    return member

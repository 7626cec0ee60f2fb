# SPDX-License-Identifier: MIT
"""Test roots: whole Debian systems, built once by mmdebstrap and kept outside the checkout.

`root("sid")` returns the directory of a pristine system; nothing writes to it afterwards (a boot
puts an overlay on top). The cache is /var/cache/credhelper-tests or $CREDHELPER_TEST_CACHE; a
root is built anew when its recipe changes or after 30 days.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.machines import agent
from tests.machines.machine import USERS

MAXIMUM_AGE = dt.timedelta(days=30)
BUILD_TIMEOUT = 900  # seconds

_SYSTEM = (
    "systemd systemd-sysv dbus passwd sudo mount util-linux procps acl strace git man-db rpm "
    "python3 python3-venv python3-rich python3-dotenv tpm2-tools openssh-server"
).split()
_PACKAGING = (
    "file make patch unzip python3-pip python3-setuptools python3-wheel python3-pytest "
    "python3-hypothesis hyperfine ansible-core"
).split()
_KERNEL = "linux-image-cloud-amd64 initramfs-tools udev kmod dmsetup e2fsprogs".split()

# Where the package puts its modules on Fedora; Debian's Python does not look there by itself.
FEDORA_SITE = "".join(f"/usr/lib/python3.{minor}/site-packages\n" for minor in range(11, 16))

# Nothing here may wait for a person, the network or a timer of the distribution's own.
_MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer "
    "e2scrub_reap.service fstrim.timer man-db.timer systemd-firstboot.service "
    "console-getty.service getty@tty1.service ssh.service ssh.socket"
).split()

_FILES = {
    "usr/lib/python3/dist-packages/fedora-site.pth": FEDORA_SITE,
    "etc/systemd/journald.conf.d/tests.conf": "[Journal]\nRateLimitIntervalSec=0\n",
    "etc/hosts": "127.0.0.1 localhost machine\n::1 localhost\n",
    "etc/hostname": "machine\n",
    "etc/machine-id": "",
    "etc/default/locale": "",
}

_AGENT_UNIT = """\
[Unit]
Description=Runs the commands of the tests
After=systemd-journald.socket

[Service]
ExecStart=/usr/bin/python3 -I /usr/local/lib/machine-agent.py
Type=notify
NotifyAccess=all

[Install]
WantedBy=multi-user.target
"""


class RootUnavailable(Exception):
    """A test root could not be built; the text says why and what to do."""


@dataclass(frozen=True)
class Recipe:
    """What a root is made of; its `key` changes with any part of it."""

    suite: str
    packages: tuple[str, ...]
    options: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    units: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return hashlib.sha256(repr((self, _MASKED)).encode()).hexdigest()[:12]


RECIPES = {
    # systemd 252, Python 3.11: the oldest that a fleet may have
    "bookworm": Recipe("bookworm", (*_SYSTEM,), files=_FILES),
    # systemd 257, Python 3.13, RPM 4.20, sudo 1.9.16
    "trixie": Recipe("trixie", (*_SYSTEM, "libpython3.13-testsuite"), files=_FILES),
    # systemd 262, Python 3.14, RPM 6: the closest to a current Fedora; also builds the package
    "sid": Recipe(
        "sid",
        (*_SYSTEM, *_PACKAGING, "libpython3.14-testsuite"),
        options=('--aptopt=Acquire::Check-Valid-Until "false"',),
        files=_FILES,
    ),
    # the same systemd with the next Python, which is to become Fedora's
    "next": Recipe(
        "sid",
        (*_SYSTEM, "python3.15", "libpython3.15-testsuite"),
        options=(
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--customize-hook=ln -sf python3.15 "$1/usr/bin/python3"',
        ),
        files=_FILES,
    ),
    # the first, with a kernel of its own, for a machine that has a TPM2 and can lose its power
    "vm": Recipe(
        "trixie",
        (*_SYSTEM, *_KERNEL),
        files={
            **_FILES,
            "usr/local/lib/machine-agent.py": Path(agent.__file__).read_text(),
            "etc/systemd/system/machine-agent.service": _AGENT_UNIT,
        },
        units=("machine-agent.service",),
    ),
}


def cache() -> Path:
    """The directory of everything that is kept between runs."""
    return Path(os.environ.get("CREDHELPER_TEST_CACHE", "/var/cache/credhelper-tests"))


def root(name: str) -> Path:
    """The directory of the root called `name`, built first if it is missing or stale.

    Raises RootUnavailable when it cannot be built.
    """
    recipe = RECIPES[name]
    roots = cache() / "roots"
    roots.mkdir(parents=True, exist_ok=True)
    link = roots / name
    with _locked(roots / f".{name}.lock"):
        if not _fresh(link, recipe):
            built = _build(name, recipe, roots)
            _publish(link, built)
        return link.resolve()


def _fresh(link: Path, recipe: Recipe) -> bool:
    """Whether the link leads to a root of this recipe that is not too old."""
    try:
        _, day, key = link.resolve(strict=True).name.rsplit("-", 2)
        age = dt.date.today() - dt.date.fromisoformat(day)
    except (OSError, ValueError):
        return False
    return key == recipe.key and age <= MAXIMUM_AGE


def _build(name: str, recipe: Recipe, roots: Path) -> Path:
    target = roots / f"{name}-{dt.date.today():%Y%m%d}-{recipe.key}"
    building = roots / f".building-{name}"
    _discard(building)  # of a build that was killed
    log = roots / f"{name}.log"
    command = [
        # killed, it would leave processes and mounts behind, which to discard is to delete /dev
        *("/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        "/usr/bin/mmdebstrap",
        "--mode=root",
        "--variant=apt",
        "--aptopt=Acquire::Languages none",
        *recipe.options,
        f"--include={','.join(recipe.packages)}",
        recipe.suite,
        str(building),
    ]
    try:
        with log.open("wb") as output:
            status = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                timeout=BUILD_TIMEOUT, check=False,
            ).returncode  # fmt: skip
        if status:
            raise RootUnavailable(_why(name, log))
        _furnish(building, recipe)
        _discard(target)
        building.rename(target)
    except FileNotFoundError as error:
        raise RootUnavailable(
            f"cannot build the test root '{name}': {error.filename} is missing\n"
            "hint: make setup (installs what the tests need)"
        ) from error
    except subprocess.CalledProcessError as error:
        raise RootUnavailable(
            f"cannot build the test root '{name}': {error.cmd} failed with {error.returncode}\n"
            "hint: its recipe in tests/machines/roots.py does not fit the distribution any more"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise RootUnavailable(
            f"cannot build the test root '{name}': no end after {BUILD_TIMEOUT} s, see {log}\n"
            "hint: is the package registry of Debian slow or out of reach?"
        ) from error
    finally:
        _discard(building)
    return target


def _why(name: str, log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    telling = [line for line in lines if line.startswith(("E:", "W:", "Err:"))] or lines
    return "\n".join(
        [
            f"cannot build the test root '{name}': mmdebstrap failed",
            *(f"  {line}" for line in telling[-6:]),
            f"hint: needs the package registry of Debian and root; the whole log is {log}",
        ]
    )


def _furnish(root: Path, recipe: Recipe) -> None:
    """The set-up that every machine shares: two ordinary users, Fedora's module path, quiet."""
    for user in USERS:
        useradd = ["/usr/sbin/useradd", "--create-home", "--shell", "/bin/bash", user]
        subprocess.run(["/usr/sbin/chroot", str(root), *useradd], check=True)
    for path, content in recipe.files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    for unit in _MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for unit in recipe.units:
        subprocess.run(
            ["/usr/bin/systemctl", f"--root={root}", "enable", "--quiet", unit], check=True
        )


def _publish(link: Path, built: Path) -> None:
    """Points the link at the new root, and removes older ones that no machine stands on."""
    temporary = link.with_name(f".{link.name}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(built.name)
    temporary.replace(link)
    for old in link.parent.glob(f"{link.name}-*-*"):
        if old != built and not _in_use(old):
            _discard(old)


def _in_use(root: Path) -> bool:
    try:
        with in_use(root, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


@contextlib.contextmanager
def in_use(root: Path, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Keeps a root from being removed while a machine stands on it."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _discard(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=not directory.exists())


def main() -> int:
    """Builds the named roots (all of them by default) side by side and prints where they are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *RECIPES], help="roots to build")
    names = parser.parse_args().name or list(RECIPES)
    try:
        with ThreadPoolExecutor() as pool:
            for name, directory in zip(names, pool.map(root, names), strict=True):
                print(f"{name}: {directory}")
    except RootUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

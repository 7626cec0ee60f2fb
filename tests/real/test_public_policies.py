# SPDX-License-Identifier: MIT
"""Policies that others published, in the directory $CREDHELPER_POLICIES: nobody to whom the real
sudo gives root by one is told to be less, with this package's own drop-in beside it and without.

They are about alice, bob and their groups; what sudo is asked for is made of the policy itself.
"""

from __future__ import annotations

import fnmatch
import glob
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from credhelper.commands.check import sudo, sudoers
from credhelper.commands.check.finding import Severity
from tests.real import namespace, policies
from tests.real.conftest import Runs
from tests.real.drop_in import put
from tests.real.running import ALICE, BOB, User

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.sudoers_fixtures")

_FILES: Final = sorted(Path(os.environ["CREDHELPER_POLICIES"]).iterdir())
_TEXTS: Final = {path.name: path.read_text() for path in _FILES}  # before the namespace hides them
_OTHERS: Final = (
    "/usr/sbin",
    "/usr/local",
    "/opt",
    "/etc",
    "/home",
    "/run",
    "/usr/bin",
    "/bin",
    "/sbin",
)
# who may run one of these with arguments of their own is root, or reads any file (the sealed
# credentials and the host key): known from the programs' manuals, and no list of the product's
_WITH_ARGUMENTS: Final = frozenset(
    "ab ansible-playbook ansible-test aoss apt apt-get aptitude arp as ash aspell at awk base64 "
    "bash batch bpftrace bundle busybox bzr c89 c99 capsh cargo cat certbot chattr check_by_ssh "
    "chgrp chmod chown chpasswd chroot cmp cobc column comm cowsay cp cpan cpio cpulimit crontab "
    "csh csplit curl cut dash date dcmd dd debootstrap dhclient diff dig dmesg dmsetup dnf "
    "dnsmasq docker dosbox dpkg dvips easy_install eb ed efax emacs enscript env ethtool ex "
    "exiftool expand expect facter file find fish flatpak flock fmt fold ftp gawk gcc gcore gdb "
    "gem genisoimage ghc ghci gimp git grc grep groff gtester guestmount gzip head hexdump "
    "highlight hping3 httpd iconv ifdown ifup insmod install ionice ip ip6tables iptables irb jjs "
    "join journalctl jq jrunscript julia kexec ksh kubectl latex ld ldconfig less ln logrotate "
    "logsave look losetup ltrace lua lualatex lwp-download lwp-request mail make man mawk mdadm "
    "minicom modprobe more mount mplayer msgcat mtr multitime mutt mv mysql nano nasm nawk nc "
    "ncat neofetch netcat nginx nice nl nmap node nohup npm nroff nsenter ntpdate nvim octave od "
    "openssl openvpn opkg pacman pandoc paste pbuilder pdb pdflatex pear pecl perf perl perlbug "
    "pg php pic pico pidstat pip pip3 pkexec podman powertop pr psad psql ptx puppet pwsh python "
    "python2 python3 qemu-img qemu-system-x86_64 rake readelf red restic rev rlwrap rpm rpmdb "
    "rpmquery rpmverify rsync rsyslogd ruby run-mailcap run-parts rview rvim scanmem scp screen "
    "script sed service setcap setfacl setpriv setsid sftp sg sh sha256sum smbclient snap socat "
    "sort split sqlite3 sqlmap ss ssh ssh-agent ssh-keygen ssh-keyscan sshfs start-stop-daemon "
    "stdbuf strace strings su sudo sudoedit sysctl systemctl systemd-run tac tail tar taskset "
    "tasksh tbl tclsh tcpdump tee terraform tftp tic time timeout tmux troff tshark ul unexpand "
    "uniq unshare unsquashfs unzip useradd usermod uudecode uuencode vagrant valgrind vi view vim "
    "vipw virsh visudo vtysh w3m watch wc wget whiptail wireshark wish wpa_cli wpa_supplicant "
    "xargs xelatex xm xxd xz yarn yash yum zip zsh zypper".split()
)
# these, whatever their arguments are
_INTERACTIVE: Final = frozenset(
    "ed emacs ex ftp gdb less man more most mutt nano nvim pg pico rview rvim vi view vigr vim "
    "vipw visudo vtysh".split()
)
# these, without any
_ALONE: Final = frozenset(
    "ash bash busybox csh dash fish gdb ksh lua mysql node perl php psql python python2 python3 "
    "ruby screen sh sqlite3 su tclsh tmux zsh".split()
)
_ANYTHING: Final = (
    ["/usr/bin/bash"],
    ["/usr/bin/id"],
    [policies.RUNNER, "/usr/bin/id"],
    [policies.RUNNER, "--root-owned", "/usr/bin/id"],
    [policies.RUNNER, "--root-owned", "-c", "other", policies.SCRIPT],
    [policies.RUNNER, "--root-owned", f"{policies.SCRIPT}/../../../usr/bin/id"],
    [policies.MANAGER, "add", "x", "--from-file", "/etc/shadow"],
    [policies.MANAGER, "import", "/etc/shadow"],
    ["/usr/bin/vim", "/etc/sudoers"],
    ["/usr/bin/tee", "/etc/sudoers"],
)

_VARIABLES: Final = ("LD_PRELOAD=/x", "LD_AUDIT=/x", "LD_LIBRARY_PATH=/x")


@pytest.fixture(scope="module")
def room(installed: None) -> Iterator[None]:
    """Where stand-ins for the policies' programs can be made, as in /usr/bin."""
    assert installed is None
    for number, place in enumerate(("/usr/sbin", "/usr/local")):
        layers = [Path(f"/root/layer{number}{part}") for part in ("upper", "work")]
        for layer in layers:
            layer.mkdir()
        options = f"lowerdir={place},upperdir={layers[0]},workdir={layers[1]}"
        namespace.mount("overlay", place, "overlay", 0, options)
    yield
    for place in ("/usr/sbin", "/usr/local"):
        namespace.unmount(place)


def commands(name: str) -> list[str]:
    """The commands of a policy, its aliases with it, as cvtsudoers(1) writes them."""
    text = subprocess.run(
        ["/usr/bin/cvtsudoers", "-f", "json"],
        input=_TEXTS[name],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: list[str] = []

    def look(data: Any) -> None:
        for key, value in data.items() if isinstance(data, dict) else ():
            if key == "command":
                found.append(value)
            look(value)
        for value in data if isinstance(data, list) else ():
            look(value)

    look(json.loads(text))
    return list(dict.fromkeys(found))


def stand_in(command: str) -> None:
    """Puts something at the program's path where nothing is: sudo tells only of what is there."""
    path = Path(re.sub(r"\*|\[[^]]*\]|\?", "x", command.partition(" ")[0]))
    if not path.is_absolute() or path.exists() or command.endswith("/"):
        return
    if any(path.is_relative_to(place) for place in _OTHERS):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        for user in (ALICE, BOB):
            home = Path("/home", user.name)
            for one in (path, *path.parents) if path.is_relative_to(home) else ():
                if one.is_relative_to(home):
                    os.chown(one, user.uid, user.uid)


def tried(command: str, user: User) -> Iterator[list[str]]:
    """Command lines that ``command`` may allow, and that give root if it does."""
    place, blank, pattern = command.partition(" ")
    wild = re.sub(r"\*", "../../x -x", re.sub(r"\[!?.[^]]*\]|\?", "0", pattern)).split()
    for path in sorted(glob.glob(place)) if place.startswith("/") else ():
        name = os.path.basename(path)
        if not os.access(path, os.X_OK) or os.path.isdir(path):
            continue
        if os.stat(path).st_uid == user.uid:
            yield [path]
            yield [path, *wild]
        if not blank and name in _WITH_ARGUMENTS:
            yield [path, "x"]
        if name in _ALONE and (not blank or pattern == '""'):
            yield [path]
        if "*" in pattern and name in _WITH_ARGUMENTS:
            yield [path, *wild]
        if name in _INTERACTIVE or (name == "su" and pattern in ("-", "- root", "root")):
            yield [path, *wild]
        if name == "passwd" and (
            not blank or pattern == "root" or fnmatch.fnmatch("root", pattern)
        ):
            yield [path, "root"]


def gives(name: str, user: User) -> str:
    """What sudo lets the user type that gives root; empty where it is nothing that was tried."""
    for argv in (
        *_ANYTHING,
        *(argv for command in commands(name) for argv in tried(command, user)),
    ):
        if sudo.allows(user.name, *argv):
            return " ".join(argv)
    runner = [policies.RUNNER, "--root-owned", policies.SCRIPT]
    for variable in _VARIABLES if sudo.allows(user.name, *runner) else ():
        done = user.run(["/usr/bin/sudo", "-n", variable, *runner])
        if "not allowed to set" not in done.err:
            return f"{variable} {' '.join(runner)}"
    return ""


@pytest.mark.usefixtures("machine_with_sudo", "room")
@pytest.mark.parametrize("ours", [False, True], ids=["alone", "beside ours"])
@pytest.mark.parametrize("name", _TEXTS)
def test_nobody_whom_sudo_gives_root_is_called_safe(
    name: str, ours: bool, credhelper: Runs
) -> None:
    drop_in = credhelper("sudoers", policies.SCRIPT, "--user", "alice").out if ours else ""
    for command in commands(name):
        stand_in(command)
    put(f"{_TEXTS[name]}\n{drop_in}")
    report = sudoers.report()
    wrong = []
    for user in (ALICE, BOB):
        how = gives(name, user)
        said = "; ".join(line for line in report.reaches if user.name in line.split(":")[0])
        found = {f.rule for f in report.findings if f.severity is not Severity.NOTE}
        is_root = ": root, because" in said
        print(f"{name}\t{user.name}\t{'root' if how else '-'}\t{is_root}\t{how}\t{said}\t{found}")
        if how and not is_root:
            wrong.append(f"{user.name} may type {how!r}, and is said to reach {said!r}")
    assert not wrong, "\n".join(wrong)

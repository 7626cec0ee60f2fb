# SPDX-License-Identifier: MIT
"""Programs that make root of their callers where sudo runs them, by options, commands or files."""

from __future__ import annotations

import os
import re
from typing import Final

# they run what their arguments say, or read or write any file that those name
ESCAPES: Final = frozenset(
    "ab ansible-playbook ansible-test aoss apt apt-get aptitude arp as ash aspell at awk base64 "
    "bash batch bpftrace bundle busybox bzr c89 c99 capsh cargo cat certbot chattr check_by_ssh "
    "chgrp chmod chown chpasswd chroot cmp cobc column comm cowsay cp cpan cpio cpulimit crontab "
    "csh csplit curl cut dash date dcmd dd debootstrap dhclient diff dig dmesg dmsetup dnf "
    "dnsmasq docker dosbox dpkg dvips easy_install eb efax enscript env ethtool exiftool expand "
    "expect facter file find fish flatpak flock fmt fold gawk gcc gcore gem genisoimage ghc ghci "
    "gimp git gpasswd grc grep groff groupadd gtester guestmount gzip head hexdump highlight "
    "hping3 httpd iconv ifdown ifup insmod install ionice ip ip6tables iptables irb jjs join "
    "journalctl jq jrunscript julia kexec ksh kubectl latex ld ldconfig ln logrotate logsave look "
    "losetup ltrace lua lualatex lwp-download lwp-request mail make mawk mdadm minicom modprobe "
    "mount mplayer msgcat mtr multitime mv mysql nasm nawk nc nc.openbsd nc.traditional ncat "
    "neofetch netcat nginx nice nl nmap node nohup npm nroff nsenter ntpdate octave od openssl "
    "openvpn opkg pacman pandoc passwd paste pbuilder pdb pdflatex pear pecl perf perl perlbug "
    "php pic pidstat pip pip3 pkexec podman powertop pr psad psql ptx puppet pwsh python python2 "
    "python3 qemu-img qemu-system-x86_64 rake readelf red restic rev rlwrap rpm rpmdb rpmquery "
    "rpmverify rsync rsyslogd ruby run-mailcap run-parts scanmem scp screen script sed service "
    "setcap setfacl setpriv setsid sftp sg sh sha256sum smbclient snap socat sort split sqlite3 "
    "sqlmap ss ssh ssh-agent ssh-keygen ssh-keyscan sshfs start-stop-daemon stdbuf strace strings "
    "su sudo sysctl systemctl systemd-run tac tail tar taskset tasksh tbl tclsh tcpdump tee "
    "terraform tftp tic time timeout tmux troff tshark ul umount unexpand uniq unshare unsquashfs "
    "unzip useradd userdel usermod uudecode uuencode vagrant valgrind virsh w3m watch wc wget "
    "whiptail wireshark wish wpa_cli wpa_supplicant xargs xelatex xm xxd xz yarn yash yum zip zsh "
    "zypper".split()
)
# whatever their arguments are: a command in them starts a shell
INTERACTIVE: Final = frozenset(
    "ed emacs ex ftp gdb less man more most mutt nano nvim pg pico rview rvim vi view vigr vim "
    "vim.basic vim.tiny vipw visudo vtysh".split()
)
# without arguments, they read commands
_SHELLS: Final = frozenset(
    "ash bash busybox csh dash fish ksh lua mysql node perl php psql python ruby screen sh sqlite3 "
    "tclsh tmux zsh".split()
)
_VERSION: Final = re.compile(r"[-.]?[\d.]+$")
# a class of letters and digits stands for one of them; all else for options and paths, too
_OPEN: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:[*?]|\[(?![\w-]+\]))")


def name_of(path: str) -> str:
    """The program's name, without the version in it (``python3.11``)."""
    name = os.path.basename(path)
    return name if name in ESCAPES | INTERACTIVE else _VERSION.sub("", name)


def makes_root(path: str, pattern: str | None) -> bool:
    """Whether ``path`` is such a program, with arguments that sudo compares with ``pattern``."""
    name = name_of(path)
    if name in INTERACTIVE:
        return True
    if pattern is None or pattern.startswith("^") or _OPEN.search(pattern):
        return name in ESCAPES
    words = pattern.strip('"').split()
    if name == "su":
        return set(words) <= {"-", "-l", "--login", "-m", "-p", "root"}
    if name == "passwd":
        return words in ([], ["root"])
    return name in _SHELLS and not words

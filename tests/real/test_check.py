# SPDX-License-Identifier: MIT
"""``credhelper check``: a machine with many faults, and each is found and fixed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from credhelper import hostkey
from tests.real import namespace
from tests.real.conftest import HOST_KEY, OTHER_STORES, STORE, SYSTEMD_CREDS, Runs, launcher, unseal

BIND = 0x1000
NOBODY = 65534
JOBS = Path("/usr/local/lib/jobs")
SUDOERS = Path("/etc/sudoers.d")
CORE_PATTERN = "/proc/sys/kernel/core_pattern"
GOOD_RULE = "%nogroup ALL=(root) NOPASSWD: /usr/bin/credhelper-decrypt-run --root-owned {}\n"


# what is there may be needed by somebody: a person has to look
NOT_FOR_A_COMMAND = {
    (rule, f"{STORE}/{name}")
    for rule, name in (
        ("name", "my.key"),
        ("name-capitals", "My_Token"),
        ("embedded-name", "copy"),
        ("embedded-name", "new_name"),
        ("does-not-unseal", "flipped"),
        ("does-not-unseal", "foreign"),
        ("file-kind", "dangling"),
        ("file-kind", "pipe"),
        ("leftover", ".#good0123456789abcdef"),
    )
}


@dataclass(frozen=True)
class Found:
    """What ``check --json`` said."""

    status: int
    findings: list[dict[str, str]]
    everything: str

    @property
    def blamed(self) -> set[tuple[str, str]]:
        """Rule and subject of each finding."""
        return {(finding["rule"], finding["subject"]) for finding in self.findings}

    def fixes(self) -> list[str]:
        """The commands that they print, each once."""
        return list(dict.fromkeys(finding["fix"] for finding in self.findings))


@pytest.fixture
def host() -> Iterator[None]:
    """A machine without a fault: sudo, the commands in its path, no core dumps, no plaintext."""
    mounts = ["/usr/local/bin"]
    namespace.mount("tmpfs", mounts[0], "tmpfs", 0, "mode=0755")
    for command in ("credhelper", "credhelper-decrypt-run"):
        path = Path("/usr/local/bin", command)
        path.write_text(f'#!/bin/sh\nexec {shlex.join(launcher(command))} "$@"\n')
        path.chmod(0o755)
    for file, text in ((CORE_PATTERN, "|/usr/bin/false\n"), ("/proc/swaps", "Filename\n")):
        instead = Path("/root", file.replace("/", "_"))
        instead.write_text(text)
        namespace.mount(str(instead), file, "", BIND)
        mounts.append(file)
    Path("/etc/sudoers").write_text(
        'Defaults env_reset, secure_path="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\n'
        "root ALL=(ALL:ALL) ALL\n"
        f"@includedir {SUDOERS}\n"
    )
    Path("/etc/sudoers").chmod(0o440)
    changed = [JOBS, SUDOERS, Path("/etc/credstore"), Path("/run/credstore")]
    for directory in changed:
        subprocess.run(["/bin/rm", "-rf", str(directory)], check=True)
    for directory in changed[:2]:
        directory.mkdir(0o755)
    yield
    for place in reversed(mounts):
        namespace.unmount(place)
    for directory in (*changed[2:], JOBS):
        subprocess.run(["/bin/rm", "-rf", str(directory)], check=True)


@pytest.fixture
def check(credhelper: Runs) -> Callable[..., Found]:
    def run(*arguments: str) -> Found:
        finished = credhelper("check", "--json", *arguments)
        assert finished.stdout, finished.err
        report = json.loads(finished.stdout)
        return Found(finished.status, report["findings"], finished.out + finished.err)

    return run


def fix(found: Found) -> None:
    """Types every command of the report, with a new value where one is asked for."""
    for command in found.fixes():
        subprocess.run(
            ["/bin/bash", "-c", command],
            input=b"a new value",
            check=not command.startswith("sudo credhelper check"),  # a look, which fails again
            capture_output=True,
            env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "EDITOR": "/bin/false"},
        )


def seal(name: str, path: Path, value: bytes = b"sk-1234", *options: str) -> Path:
    """A credential sealed by systemd-creds itself, in good order except for what follows."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    argv = [SYSTEMD_CREDS, "encrypt", f"--name={name}", "--with-key=host", *options, "-", str(path)]
    subprocess.run(argv, input=value, check=True, capture_output=True)
    path.chmod(0o600)
    return path


def script(name: str, directory: Path = JOBS) -> Path:
    directory.mkdir(mode=0o755, exist_ok=True)
    path = directory / name
    path.write_text("#!/usr/bin/python3\n")
    path.chmod(0o755)
    return path


def drop_in(name: str, text: str) -> Path:
    path = SUDOERS / name
    path.write_text(text)
    path.chmod(0o440)
    return path


def everything_stored() -> set[str]:
    """The paths of the store, except for what an interrupted write of ours left over."""
    found = (path for store in (STORE, *OTHER_STORES) for path in store.rglob("*"))
    return {str(path) for path in found if not path.name.startswith(".#credhelper-")}


def in_good_order() -> None:
    """What is never to be blamed."""
    seal("good", STORE / "good")
    seal("long_lived", STORE / "long_lived", b"sk-1234", "--not-after=+90d")
    seal("elsewhere", OTHER_STORES[0] / "elsewhere")
    seal("bin.ary-1@x", STORE / "bin.ary-1@x", bytes(range(256)))
    (STORE / "application").mkdir(0o700)  # a unit loads the whole of it
    seal("application_key", STORE / "application/key")
    Path("/etc/credstore").mkdir(0o700)
    Path("/etc/credstore/empty").touch()
    pinned = script("pinned.py")
    drop_in("pinned", GOOD_RULE.format(pinned))
    drop_in("with-arguments", GOOD_RULE.format(f"{pinned} *"))
    directory = str(JOBS) + r"/[A-Za-z0-9_-]+\.py$"
    drop_in("directory", GOOD_RULE.format(directory).replace("--root", "^--root"))
    drop_in("others", "root ALL=(root) NOPASSWD: /usr/bin/true *\nbin ALL=(ALL) ALL\n")


@pytest.mark.usefixtures("host")
def test_a_machine_in_good_order_is_blamed_for_nothing(
    check: Callable[..., Found], credhelper: Runs
) -> None:
    in_good_order()
    assert check() == Found(0, [], check().everything)
    finished = credhelper("check")
    assert finished.status == 0
    assert finished.out.endswith("\nno problems found\n")


def faults_of_places() -> set[tuple[str, str]]:
    """Directories and files of the store."""
    STORE.chmod(0o755)
    os.chown(OTHER_STORES[0], NOBODY, -1)
    OTHER_STORES[1].mkdir()
    OTHER_STORES[1].chmod(0o777)
    for leftover in (".#credhelper-0123456789abcdef", ".#good0123456789abcdef"):
        (STORE / leftover).write_text("half")
    seal("readable", STORE / "readable").chmod(0o644)
    seal("writable", STORE / "writable").chmod(0o666)
    os.chown(seal("theirs", STORE / "theirs"), NOBODY, NOBODY)
    (STORE / "linked").symlink_to(seal("linked", Path("/etc/elsewhere/linked")))
    (STORE / "dangling").symlink_to("/nowhere")
    os.mkfifo(STORE / "pipe")
    (STORE / "shared").mkdir()
    (STORE / "shared").chmod(0o775)
    return {
        ("store-mode", str(STORE)),
        ("store-owner", str(OTHER_STORES[0])),
        ("store-mode", str(OTHER_STORES[1])),
        ("leftover", f"{STORE}/.#credhelper-0123456789abcdef"),
        ("leftover", f"{STORE}/.#good0123456789abcdef"),
        ("file-mode", f"{STORE}/readable"),
        ("file-mode", f"{STORE}/writable"),
        ("file-owner", f"{STORE}/theirs"),
        ("file-kind", f"{STORE}/linked"),
        ("file-kind", f"{STORE}/dangling"),
        ("file-kind", f"{STORE}/pipe"),
        ("store-directory", f"{STORE}/shared"),
    }


def faults_of_credentials() -> set[tuple[str, str]]:
    """What is inside, and what it is called."""
    seal("my.key", STORE / "my.key")
    seal("My_Token", STORE / "My_Token")
    (STORE / "copy").write_bytes((STORE / "good").read_bytes())
    (STORE / "copy").chmod(0o600)
    seal("renamed", STORE / "renamed").rename(STORE / "new_name")
    seal("old", STORE / "old", b"x", "--timestamp=2020-01-01", "--not-after=2020-06-01")
    seal("soon", STORE / "soon", b"x", "--not-after=+5d")
    null = STORE / "null"
    for key in ("null", "tpm2-absent"):  # the name since systemd 253, and the one before
        argv = [SYSTEMD_CREDS, "encrypt", "--name=null", f"--with-key={key}", "-", str(null)]
        if subprocess.run(argv, input=b"x", capture_output=True).returncode == 0:
            break
    null.chmod(0o600)
    damaged = seal("truncated", STORE / "truncated")
    damaged.write_bytes(damaged.read_bytes()[:60])
    flipped = seal("flipped", STORE / "flipped")
    text = bytearray(flipped.read_bytes())
    text[80] = ord("A") if text[80] != ord("A") else ord("B")
    flipped.write_bytes(text)
    seal("empty", STORE / "empty").write_bytes(b"")
    aged = seal("aged", STORE / "aged")
    os.utime(aged, (time.time() - 400 * 86400,) * 2)
    own = HOST_KEY.read_bytes()
    HOST_KEY.unlink()
    seal("foreign", STORE / "foreign")  # another host key is made for it
    HOST_KEY.unlink()
    HOST_KEY.write_bytes(own)
    HOST_KEY.chmod(0o400)
    rules = {
        "my.key": "name",
        "My_Token": "name-capitals",
        "copy": "embedded-name",
        "new_name": "embedded-name",
        "old": "expired",
        "soon": "expires-soon",
        "null": "null-key",
        "truncated": "does-not-unseal",
        "flipped": "does-not-unseal",
        "foreign": "does-not-unseal",
        "empty": "damaged",
        "aged": "age",
    }
    return {(rule, f"{STORE}/{name}") for name, rule in rules.items()}


def faults_beside_the_store() -> set[tuple[str, str]]:
    """Plaintext, and core dumps that go to a file."""
    Path(CORE_PATTERN).write_text("core\n")
    Path("/etc/credstore/plain").write_text("sk-5678")
    Path("/run/credstore").mkdir(0o700)
    Path("/run/credstore/good").write_bytes(b"sk-1234")
    Path("/run/credstore/good").chmod(0o600)
    return {
        ("core-dumps", "core dumps"),
        ("plaintext", "/etc/credstore/plain"),
        ("plaintext", "/run/credstore/good"),
    }


@pytest.mark.usefixtures("host")
def test_each_of_many_faults_is_found_and_mended(check: Callable[..., Found]) -> None:
    in_good_order()
    faults = faults_of_credentials() | faults_beside_the_store()
    faults |= faults_of_places()
    assert len(faults) >= 25
    found = check("--max-age=365")
    assert found.status == 1
    assert found.blamed == faults
    assert len(found.findings) == len(faults)
    assert not any(value in found.everything for value in ("sk-1234", "sk-5678"))
    before = everything_stored()
    fix(found)
    assert check("--max-age=365").blamed == NOT_FOR_A_COMMAND
    assert before <= everything_stored()


@pytest.mark.usefixtures("host")
def test_fix_mends_owners_modes_and_leftovers_alone(
    check: Callable[..., Found], credhelper: Runs
) -> None:
    in_good_order()
    faults = faults_of_places()
    (STORE / "copy").write_bytes((STORE / "good").read_bytes())
    (STORE / "copy").chmod(0o600)
    os.link("/etc/elsewhere/linked", STORE / "two-names")
    Path("/etc/elsewhere/linked").chmod(0o644)
    finished = credhelper("check", "--fix")
    assert finished.status == 1
    assert "two-names was left as it is: it has a second name" in finished.err
    assert finished.out.count("fixed [") == 7
    left = {fault for fault in faults if fault[0] in ("file-kind", "store-directory")}
    left |= {("leftover", f"{STORE}/.#good0123456789abcdef")}
    left |= {("embedded-name", f"{STORE}/copy"), ("embedded-name", f"{STORE}/two-names")}
    assert check().blamed == left | {("file-mode", f"{STORE}/two-names")}


HOST_KEY_FAULTS = {
    "host-key-mode": lambda: HOST_KEY.chmod(0o440),
    "host-key-owner": lambda: os.chown(HOST_KEY, NOBODY, -1),
    "host-key-links": lambda: os.link(HOST_KEY, HOST_KEY.with_name("again")),
}


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("rule", HOST_KEY_FAULTS)
def test_what_keeps_systemd_from_the_host_key(check: Callable[..., Found], rule: str) -> None:
    in_good_order()
    HOST_KEY_FAULTS[rule]()
    try:
        found = check()
        assert found.status == 1
        assert found.blamed == {(rule, str(HOST_KEY))}
        fix(found)
        assert check().findings == []
    finally:
        HOST_KEY.with_name("again").unlink(missing_ok=True)


@pytest.mark.usefixtures("host")
def test_a_host_key_of_another_machine_id_is_saved_from_systemd(
    check: Callable[..., Found],
) -> None:
    in_good_order()
    own, machine_id = HOST_KEY.read_bytes(), Path("/etc/machine-id").read_text()
    saved = Path("/root/credential.secret.foreign")
    try:
        Path("/etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        found = check()
        assert found.blamed == {("host-key-foreign", str(HOST_KEY))}
        assert check("good").blamed == found.blamed
        assert HOST_KEY.read_bytes() == own
        fix(found)
        assert saved.read_bytes() == own
        assert HOST_KEY.read_bytes() == own
    finally:
        Path("/etc/machine-id").write_text(machine_id)
        saved.unlink(missing_ok=True)


@pytest.mark.usefixtures("host")
def test_a_damaged_host_key_is_put_aside(check: Callable[..., Found]) -> None:
    HOST_KEY.unlink()
    HOST_KEY.touch(0o400)
    found = check()
    assert found.blamed == {("host-key-file", str(HOST_KEY))}
    fix(found)
    assert check().findings == []


@pytest.mark.usefixtures("host")
def test_no_command_removes_or_replaces_what_may_be_needed(check: Callable[..., Found]) -> None:
    """Every command of a machine with every fault: what takes something away has a reason."""
    in_good_order()
    faults_of_credentials()
    faults_beside_the_store()
    faults_of_places()
    taking = re.compile(r"\b(rm|mv|rotate|shred|unlink|truncate|dd|delete-source)\b")
    found = {f["subject"]: (f["rule"], f["fix"]) for f in check("--max-age=365").findings}
    dead = {subject: rule for subject, (rule, command) in found.items() if taking.search(command)}
    assert dead == {
        f"{STORE}/old": "expired",
        f"{STORE}/soon": "expires-soon",
        f"{STORE}/aged": "age",
        f"{STORE}/empty": "damaged",
        f"{STORE}/.#credhelper-0123456789abcdef": "leftover",  # nobody holds the lock
        f"{STORE}/truncated": "does-not-unseal",  # no whole envelope
        "/etc/credstore/plain": "plaintext",  # deleted once it is sealed and opens again
        "/run/credstore/good": "plaintext",  # the same value, sealed, has just been opened
    }


@pytest.mark.usefixtures("host")
def test_a_machine_without_an_id_gets_one(check: Callable[..., Found]) -> None:
    machine_id = Path("/etc/machine-id").read_text()
    HOST_KEY.unlink()
    try:
        Path("/etc/machine-id").write_text("")
        found = check()
        assert found.blamed == {("machine-id", "/etc/machine-id")}
        fix(found)
        assert check().findings == []
    finally:
        Path("/etc/machine-id").write_text(machine_id)


@pytest.mark.usefixtures("host")
def test_swap_on_a_disk_in_the_clear(check: Callable[..., Found]) -> None:
    """A table of swap areas in place of the kernel's: swap is on for a machine, not for a test."""
    swap_file = Path("/etc/swapfile")
    swap_file.touch()
    Path("/proc/swaps").write_text(
        f"Filename Type Size Used Priority\n{swap_file} file 1048572 0 -2\n"
        "/run/in-memory file 1048572 0 -3\n"
    )
    Path("/run/in-memory").touch()
    found = check()
    assert found.status == 0
    assert found.blamed == {("swap", "/etc/swapfile")}
    assert found.fixes() == ["sudo swapoff /etc/swapfile"]


@pytest.mark.usefixtures("host")
def test_without_a_journal_nobody_learns_of_it(check: Callable[..., Found]) -> None:
    socket = Path("/run/systemd/journal/socket")
    socket.rename("/run/systemd/journal/away")
    try:
        found = check()
    finally:
        Path("/run/systemd/journal/away").rename(socket)
    assert found.blamed == {("journal", "systemd-journald")}


@pytest.mark.usefixtures("host")
def test_the_template_of_the_package_is_what_it_says(check: Callable[..., Found]) -> None:
    """Each policy in force: the two narrow ones without a fault, the wide one with a note."""
    template = Path(__file__).parents[2] / "sudoers.d/credhelper"
    text = template.read_text().replace("#Defaults", "Defaults")
    text = text.replace("#%", "%").replace("/opt/jobs", str(JOBS))
    drop_in("credhelper", text.replace("%ops", "%nogroup").replace("%wheel", "bin"))
    script("report.py")
    found = check()
    assert found.status == 0
    assert found.blamed == {("sudo-anything", "/etc/sudoers.d/credhelper: bin")}


@pytest.mark.usefixtures("host")
def test_files_of_sudo_that_others_can_write(check: Callable[..., Found]) -> None:
    path = drop_in("theirs", GOOD_RULE.format(script("pinned.py")))
    path.chmod(0o666)
    assert check().blamed == {("sudo-syntax", str(path))}  # sudo itself takes no such file


SCRIPT = """\
#!/usr/bin/python3
import logging, subprocess
from credhelper import load

API_TOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
PASTED = "sk-1234-pasted"
key = load("good")
headers = {"Authorization": f"Bearer {key.strip()}"}
print("sending", headers)
logging.getLogger(__name__).info("with %s", key)
subprocess.run(["/usr/bin/curl", "-H", "X-Key: " + key])
"""
MENDED = """\
#!/usr/bin/python3
# /// script
# [tool.credhelper]
# credentials = ["good"]
# ///
from credhelper import load

key = load("good")
print("sending")
"""


@pytest.mark.usefixtures("host")
def test_scripts(check: Callable[..., Found], scratch: Path) -> None:
    seal("good", STORE / "good", b"sk-1234-pasted")
    path = scratch / "script.py"
    path.write_text(SCRIPT)
    found = check(str(path))
    assert found.status == 1
    rules = {finding["evidence"].split(":")[0]: finding["rule"] for finding in found.findings}
    assert rules == {
        "line 5": "key-in-source",
        "line 6": "value-in-source",
        "line 9": "value-printed",
        "line 10": "value-printed",
        "line 11": "value-printed",
        "loads good without declaring it": "undeclared",
    }
    assert "sk-1234" not in found.everything
    assert "ghp_" not in found.everything
    assert f'"${{EDITOR:-vi}}" +9 {path}' in found.fixes()
    path.write_text(MENDED)
    assert check(str(path)).findings == []


@pytest.mark.usefixtures("host")
def test_the_block_that_is_missing_is_put_in_by_the_command(
    check: Callable[..., Found], scratch: Path
) -> None:
    seal("good", STORE / "good")
    path = scratch / "script with a blank.py"
    path.write_text('#!/usr/bin/python3\nfrom credhelper import load\nkey = load("good")\n')
    found = check(str(path))
    assert found.status == 0
    assert [finding["rule"] for finding in found.findings] == ["undeclared"]
    fix(found)
    assert check(str(path)).findings == []


@pytest.mark.usefixtures("host")
def test_what_is_asked_for_is_all_that_is_looked_at(check: Callable[..., Found]) -> None:
    in_good_order()
    drop_in("anything", "nobody ALL=(root) NOPASSWD: /usr/bin/credhelper-decrypt-run\n")
    seal("other", STORE / "other").chmod(0o644)
    (STORE / "good").chmod(0o644)
    assert check("good").blamed == {("file-mode", f"{STORE}/good")}


@pytest.mark.usefixtures("host")
def test_what_is_not_there_is_an_error(credhelper: Runs) -> None:
    finished = credhelper("check", "missing")
    assert finished.status == 1
    assert "there is no credential missing" in finished.err
    finished = credhelper("check", "./missing.py")
    assert finished.status == 1
    assert "./missing.py: No such file or directory" in finished.err
    assert credhelper("check", "--max-age=-1").status == 2


@pytest.mark.usefixtures("host")
def test_the_null_key_may_be_let_pass(check: Callable[..., Found]) -> None:
    in_good_order()
    faults = faults_of_credentials()
    assert check("--allow-null").blamed == {
        fault for fault in faults if fault[0] not in ("null-key", "age")
    }


@pytest.mark.usefixtures("host")
def test_on_a_terminal_it_is_folded_and_coloured(credhelper: Runs) -> None:
    seal("readable", STORE / "readable").chmod(0o644)
    seal("a" * 60, STORE / ("b" * 60))
    shown = credhelper("check", tty=[]).out
    assert "\x1b[35m  warning\x1b[0m [file-mode]" in shown
    plain = credhelper("check", tty=[], env={"NO_COLOR": "1"}).out
    assert "\x1b[35m" not in plain
    lines = re.sub(r"\x1b\[[0-9;]*[mK]|.*\r", "", plain).splitlines()
    assert max(len(line) for line in lines if "$ sudo" not in line) <= 80


@pytest.mark.usefixtures("host")
def test_the_command_against_stored_core_dumps_is_understood_by_systemd(
    check: Callable[..., Found],
) -> None:
    Path(CORE_PATTERN).write_text("|/usr/lib/systemd/systemd-coredump %P %u\n")
    found = check()
    assert found.blamed == {("core-dumps", "core dumps")}
    fix(found)
    assert check().findings == []


def test_the_hashed_machine_id_is_systemds() -> None:
    machine_id = hostkey.machine_id()
    assert machine_id
    told = subprocess.run(
        ["/usr/bin/systemd-id128", "machine-id", f"--app-specific={hostkey._APPLICATION.hex()}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert hostkey.hashed(machine_id).hex() == told.stdout.strip()
    assert not hostkey.is_foreign()


def test_text_for_a_unit_file_is_recognised_and_its_command_makes_a_credential_of_it(
    check: Callable[..., Found], credhelper: Runs
) -> None:
    argv = [SYSTEMD_CREDS, "encrypt", "--with-key=host", "--pretty", "--name=pretty", "-", "-"]
    text = subprocess.run(argv, input=b"sk-pretty", check=True, capture_output=True).stdout
    STORE.mkdir(0o700)
    (STORE / "pretty").touch(0o600)
    (STORE / "pretty").write_bytes(text)
    found = check("pretty")
    assert ("unit-text", str(STORE / "pretty")) in found.blamed
    (fix,) = [finding["fix"] for finding in found.findings if finding["rule"] == "unit-text"]
    assert "rotate" not in fix
    subprocess.run(shlex.split(fix)[1:], check=True)
    assert unseal(STORE / "pretty") == b"sk-pretty"
    assert credhelper("list", "--verify").status == 0

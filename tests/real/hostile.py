# SPDX-License-Identifier: MIT
"""The stage of the hostile-caller tests: the product as installed, real sudo, and a judge.

Two callers may run one script of root's: alice under the sudoers drop-in that the product writes,
bob under a careless one, which keeps his environment and descriptors, so that the runner is alone.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import shutil
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper.commands import sudoers
from credhelper.commands.run.delivery import PLACE
from tests.real import namespace, traces
from tests.real.conftest import ROOT, TIME_LIMIT_SECONDS, Finished
from tests.real.running import ALICE, BOB, VALUE, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OTHER_VALUE: Final = "other-secret-that-the-script-does-not-declare"
SCRIPT: Final = "/opt/jobs/report.py"
RUN: Final = ("credhelper-decrypt-run", "--root-owned", SCRIPT)
SUDO: Final = "/usr/bin/sudo"
HACKED: Final = Path("/tmp/hacked")  # what evil code writes: a file named for the user that it is
EVIL: Final = Path("/tmp/evil")  # what the callers have written

REPORT: Final = """\
#!/usr/bin/python3
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
import json, locale, os, signal, subprocess, sys, tempfile, time
import helper
from credhelper import load

key = load("my_api_key")
time.tzset()
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
shell = subprocess.run("id -u; date >/dev/null", shell=True, executable="/bin/bash",
                       capture_output=True, text=True)
facts = {
    "arguments": sys.argv[1:],
    "length": len(key),
    "uids": os.getresuid(),
    "home": os.path.expanduser("~"),
    "from": sys.path[0],
    "temporary": tempfile.gettempdir(),
    "shell": shell.stdout,
    "variables": sorted(os.environ),
    "umask": os.umask(0o077),
    "directory": os.getcwd(),
    "flags": [sys.flags.isolated, sys.flags.inspect, sys.flags.verbose],
    "personality": int(open("/proc/self/personality").read(), 16),
    "timer slack": int(open("/proc/self/timerslack_ns").read()),
    "merged": "ksm_merge_any: yes" in open("/proc/self/ksm_stat").read()
    if os.path.exists("/proc/self/ksm_stat") else False,
    "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "descriptors": [n for n in os.listdir("/proc/self/fd") if int(n) > 9],
}
print("using", key, flush=True)
print("using", key, file=sys.stderr)
print("report", json.dumps(facts), flush=True)
if sys.argv[1:] == ["wait"]:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
elif sys.argv[1:] == ["read"]:
    print("read", len(sys.stdin.buffer.read(1 << 16)))
elif sys.argv[1:] == ["children"]:  # which import from where they start
    for argv in ([sys.executable, "-c", "import json"], ["python3", "-m", "json.tool", "--help"]):
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
elif sys.argv[1:] == ["fail"]:
    raise ValueError(key)
"""
# what a report says, whoever calls and however
ALWAYS: Final = {
    "length": len(VALUE),
    "uids": [0, 0, 0],
    "home": "/root",
    "from": "/opt/jobs",
    "temporary": "/tmp",
    "shell": "0\n",
    "umask": 0o077,
    "directory": "/",
    "flags": [1, 0, 0],
    "personality": 0,
    "timer slack": 50_000,
    "merged": False,
    "blocked": 0,
    "descriptors": [],
}
CALLERS: Final = {"alice": ALICE, "bob": BOB}
VARIABLES: Final = frozenset(
    "COLORTERM COLUMNS CREDENTIALS_DIRECTORY CREDHELPER_RUN HOME LANG LANGUAGE LC_ALL LC_CTYPE "
    "LC_MESSAGES LINES LOGNAME NO_COLOR PATH SHELL SUDO_COMMAND SUDO_GID SUDO_UID SUDO_USER TERM "
    "TZ USER".split()
)
_BOBS: Final = """\
Defaults:bob !env_reset, closefrom_override, !use_pty
bob ALL=(root) NOPASSWD: {rule}, {rule} *
"""


@functools.cache
def install() -> None:
    """Once in a process: the commands, the library and the script, as root would install them."""
    python = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True,
        check=True,
        text=True,
    )
    library = Path(python.stdout.strip())
    _overlay("/usr/bin")
    if not library.is_relative_to("/usr/local/lib"):
        _overlay(str(library))
    library.chmod(0o755)  # Debian's is a group's
    shutil.copytree(
        ROOT / "src/credhelper",
        library / "credhelper",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    compiled = ["/usr/bin/python3", "-I", "-m", "compileall", "-q", str(library / "credhelper")]
    subprocess.run(compiled, check=True)
    for command in ("credhelper", "credhelper-decrypt-run"):
        shutil.copy(ROOT / "bin" / command, "/usr/bin")
        os.chmod(f"/usr/bin/{command}", 0o755)  # noqa: S103 # as the package installs it
    Path(PLACE).mkdir(parents=True, exist_ok=True)  # as a run before has left it
    script = Path(SCRIPT)
    script.parent.mkdir(0o755, exist_ok=True)
    script.write_text(REPORT)
    script.chmod(0o755)
    (script.parent / "helper.py").write_text("")
    (script.parent / "helper.py").chmod(0o644)


def granted() -> list[Path]:
    """What sudo grants the two callers: the drop-ins, to be removed again."""
    drop_in = sudoers.drop_in(sudoers.Grant(SCRIPT, user="alice"))
    rule = f"/usr/bin/{' '.join(RUN)}"
    return [
        grant("report", f"{drop_in}alice ALL=(root) NOPASSWD: NOSETENV: {rule} *\n"),
        grant("careless", _BOBS.format(rule=rule)),
    ]


def grant(name: str, text: str) -> Path:
    """Puts a drop-in in place; its path."""
    path = Path("/etc/sudoers.d", name)
    path.unlink(missing_ok=True)
    path.touch(0o440)
    path.write_text(text)
    subprocess.run(["/usr/sbin/visudo", "-c"], check=True, capture_output=True)
    return path


def prepare() -> None:
    """What the callers have at hand before each attack."""
    shutil.rmtree(HACKED, ignore_errors=True)
    _hacked()
    shutil.rmtree(EVIL, ignore_errors=True)
    EVIL.mkdir()
    EVIL.chmod(0o777)  # anybody's
    note = f'import os; open(f"{HACKED}/{{os.geteuid()}}", "w").close()\n'
    names = "json sitecustomize usercustomize helper credhelper/__init__ os site coverage locale"
    for name in names.split():
        path = EVIL / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(note)
    for name in ("python3", "id", "date", "bash", "sh", "systemd-creds", "env", "startup"):
        path = EVIL / name
        path.write_text(f'#!/bin/sh\n: >"{HACKED}/$(/usr/bin/id -u)"\n')
        path.chmod(0o755)
    (EVIL / "startup.py").write_text(note)
    (EVIL / "my_api_key").write_text("not the credential")
    for path in EVIL.rglob("*"):
        os.chown(path, ALICE.uid, ALICE.uid)
    os.chown(EVIL, ALICE.uid, ALICE.uid)


@dataclass(frozen=True)
class Attack:
    """A way in which ``caller`` calls sudo: run ``before`` it in the same process, if any."""

    caller: User
    words: Sequence[str] = RUN
    environment: Mapping[str, str] | None = None
    options: Sequence[str] = ()
    before: Sequence[str] = ()
    cwd: str = "/tmp/evil"

    @property
    def argv(self) -> list[str]:
        """The whole command line."""
        return [*self.before, SUDO, "-n", *self.options, *self.words]

    def run(self, stdin: bytes | int = b"") -> Finished:
        """Runs it to its end."""
        usual = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        finished = subprocess.run(
            self.argv,
            input=stdin if isinstance(stdin, bytes) else None,
            stdin=stdin if isinstance(stdin, int) else None,
            capture_output=True,
            user=self.caller.uid,
            group=self.caller.uid,
            extra_groups=[],
            env=usual | dict(self.environment or {}),
            cwd=self.cwd,
            check=False,
            timeout=TIME_LIMIT_SECONDS,
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr)


def forms(value: str) -> set[bytes]:
    """How a value might be written down."""
    data = value.encode()
    found = {data, data[::-1], data.hex().encode(), urllib.parse.quote(value, safe="").encode()}
    found.update(base64.b64encode(bytes(n) + data)[4:-4] for n in range(3))
    found.update(base64.urlsafe_b64encode(bytes(n) + data)[4:-4] for n in range(3))
    return found | {data[:12], data[-12:]}


class Judge:
    """Knows what was there before, and says what an attack has got."""

    def __init__(self, trees: Sequence[Path]) -> None:
        self.trees = trees
        self.before = self.roots()

    def acquit(self, *outputs: bytes) -> None:
        """Fails where somebody got a shell, a write of root's, or a byte of a value."""
        assert not (HACKED / "0").exists(), "evil code ran as root"
        for output in outputs:
            for value in (VALUE, OTHER_VALUE):
                assert not [form for form in forms(value) if form in output]
        for value in (VALUE, OTHER_VALUE):
            assert traces.holding(value.encode(), self.trees) == []
        now = self.roots()
        changed = {path for path in {*now, *self.before} if now.get(path) != self.before.get(path)}
        assert not changed, f"of root's was written: {changed}"

    def roots(self) -> traces.Snapshot:
        """What root has in all trees, except for what sudo itself keeps."""
        return {
            path: identity
            for path, identity in traces.snapshot(self.trees).items()
            if identity[1] == 0 and "/sudo/" not in path and not path.endswith(("/sudo", "/run"))
        }


def report(finished: Finished) -> dict[str, object]:
    """What the script said of itself, which has to be what it always says; empty if it did not."""
    lines = [line for line in finished.out.splitlines() if line.startswith("report ")]
    if not lines:
        return {}
    facts: dict[str, object] = json.loads(lines[0].removeprefix("report "))
    assert {name: facts[name] for name in ALWAYS} == ALWAYS, facts
    variables = facts["variables"]
    assert isinstance(variables, list)
    assert set(variables) <= VARIABLES, facts
    assert "using [credential my_api_key]" in finished.out
    return facts


def _hacked() -> None:
    HACKED.mkdir()
    HACKED.chmod(0o1777)  # anybody's


def _overlay(lower: str) -> None:
    """Changes to ``lower`` go to memory."""
    layer = Path("/run/layers", lower.strip("/").replace("/", "_"))
    layer.mkdir(parents=True)
    namespace.mount("tmpfs", str(layer), "tmpfs", 0, "mode=0755")
    (layer / "upper").mkdir(0o755)
    (layer / "work").mkdir()
    options = f"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work"
    namespace.mount("overlay", lower, "overlay", 0, options)


def shim(code: str) -> list[str]:
    """Python that does ``code`` and becomes what stands after it."""
    start = "import ctypes, os, resource, signal, sys"
    return ["/usr/bin/python3", "-I", "-c", f"{start}\n{code}\nos.execv(sys.argv[1], sys.argv[1:])"]


def made(code: str) -> None:
    """Does something as alice."""
    done = ALICE.run(["/usr/bin/python3", "-I", "-c", f"import os, shutil\n{code}"], cwd=str(EVIL))
    assert done.err == ""


def both(judge: Judge, finished: Finished) -> dict[str, object]:
    """The verdict, then the report."""
    judge.acquit(finished.stdout, finished.stderr)
    return report(finished)

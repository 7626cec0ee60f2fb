# SPDX-License-Identifier: MIT
"""Who could have written a script: what is refused, and that the way out breaks no machine."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import py_compile
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.conftest import Record, Runs
from tests.real.running import ALICE, BOB

pytest_plugins = ("tests.real.runner_fixtures",)

AS_ALICE = {"SUDO_UID": str(ALICE.uid), "SUDO_USER": ALICE.name}
JOBS = Path("/opt/jobs")


@pytest.fixture
def home(users: None) -> Iterator[Path]:
    """Alice's home, and a team's directory beside it."""
    assert users is None
    path = Path("/home/alice")
    for place, owner, group, mode in (
        (path, ALICE.uid, ALICE.uid, 0o755),
        (Path("/opt/shared"), 0, ALICE.uid + 100, 0o2775),
    ):
        place.mkdir(parents=True)
        os.chown(place, owner, group)
        place.chmod(mode)
    yield path
    for place in (path, Path("/opt/shared"), JOBS):
        subprocess.run(["/bin/rm", "-rf", str(place)], check=True)


def script(path: Path, owner: int, mode: int = 0o755, group: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("print('ran')\n")
    os.chown(path, owner, owner if group is None else group)
    path.chmod(mode)
    return path


PLACES = [
    ("/tmp/report.py", 0, 0o755, ()),
    ("/tmp/report.py", 0, 0o755, ("--root-owned",)),
    ("/tmp/report.py", ALICE.uid, 0o755, ("--root-owned",)),
    ("/home/alice/report.py", ALICE.uid, 0o755, ("--root-owned",)),
    ("/home/alice/bin/report.py", 0, 0o755, ("--root-owned",)),
    ("/home/alice/re port.py", BOB.uid, 0o755, ()),
    ("/home/alice/report.py", ALICE.uid, 0o666, ()),
    ("/opt/shared/report.py", ALICE.uid, 0o664, ()),
    ("/opt/shared/deep/report.py", 0, 0o775, ("--root-owned",)),
]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("path", "owner", "mode", "options"), PLACES)
def test_a_hint_touches_the_script_alone_and_leads_to_a_run(
    path: str, owner: int, mode: int, options: tuple[str, ...], decrypt_run: Runs
) -> None:
    """Typed as it is, by root, it ends in a run, and no directory has another owner or mode."""
    made = script(Path(path), owner, mode)
    above = {str(p): (p.stat().st_uid, p.stat().st_mode) for p in made.parents}
    arguments = [*options, path, "--fast", "a b"]
    try:
        refused = decrypt_run(*arguments, env=AS_ALICE)
        assert refused.status == 126
        hint = refused.err.splitlines()[1].partition(" hint: ")[2]
        words = shlex.split(hint)
        assert not set(words) & set(above)
        assert words.count("chmod") + words.count("chown") <= 1
        command = hint[hint.index("sudo ") :]
        if " install " in hint:
            assert command.endswith(f"sudo credhelper-decrypt-run {shlex.join(moved(arguments))}")
        for step in command.split(" && ")[:1]:
            subprocess.run(shlex.split(step)[1:], check=True)
        again = decrypt_run(*(moved(arguments) if " install " in hint else arguments), env=AS_ALICE)
        assert (again.status, again.out) == (0, "ran\n")
        assert above == {str(p): (p.stat().st_uid, p.stat().st_mode) for p in made.parents}
    finally:
        made.unlink()


def moved(arguments: list[str]) -> list[str]:
    """The command line with the script where hints put it."""
    at = len(arguments) - 3
    return [*arguments[:at], f"{JOBS}/{Path(arguments[at]).name}", *arguments[at + 1 :]]


def test_a_hint_overwrites_nothing(home: Path, decrypt_run: Runs) -> None:
    script(JOBS / "report.py", 0)
    refused = decrypt_run("--root-owned", str(script(home / "report.py", ALICE.uid)), env=AS_ALICE)
    assert "/opt/jobs/report-2.py && sudo credhelper-decrypt-run --root-owned" in refused.err


def test_a_private_group_gives_nobody_anything(home: Path, decrypt_run: Runs) -> None:
    """As with umask 002: directory, script and virtual environment are alice's group's to write."""
    made = script(home / "project/report.py", ALICE.uid, 0o775)
    for directory in (home, made.parent):
        os.chown(directory, ALICE.uid, ALICE.uid)
        directory.chmod(0o775)
    venv = made.parent / "venv"
    subprocess.run(
        ["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", str(venv)],
        check=True,
        user=ALICE.uid,
        group=ALICE.uid,
        extra_groups=[],
        umask=0o002,
    )
    made.write_text(f"#!{venv}/bin/python3\nprint('ran')\n")
    ran = decrypt_run(str(made), env=AS_ALICE)
    assert (ran.status, ran.out) == (0, "ran\n"), ran.err
    assert decrypt_run("--root-owned", str(made), env=AS_ALICE).status == 126


@pytest.mark.parametrize("why", ["member", "primary", "other", "acl", "world"])
def test_a_group_that_is_not_private(why: str, home: Path, decrypt_run: Runs) -> None:
    """One refusal names every path."""
    made = script(home / "project/report.py", ALICE.uid, 0o775)
    home.chmod(0o775)
    group, passwd = Path("/etc/group"), Path("/etc/passwd")
    before = group.read_text(), passwd.read_text()
    if why == "member":
        line = f"alice:x:{ALICE.uid}:"
        group.write_text(before[0].replace(f"{line}\n", f"{line}bob\n"))
    elif why == "primary":
        passwd.write_text(before[1] + f"carol:x:4203:{ALICE.uid}::/tmp:/bin/sh\n")
    elif why == "other":
        for path in (made, home):
            os.chown(path, ALICE.uid, ALICE.uid + 100)
    elif why == "acl":
        for path in (made, home):
            os.chown(path, ALICE.uid, ALICE.uid)
            entries = ((1, 7, -1), (2, 7, BOB.uid), (4, 5, -1), (16, 7, -1), (32, 5, -1))
            acl = b"".join(
                kind.to_bytes(2, "little")
                + bits.to_bytes(2, "little")
                + (who % 2**32).to_bytes(4, "little")
                for kind, bits, who in entries
            )
            os.setxattr(path, "system.posix_acl_access", (2).to_bytes(4, "little") + acl)
    else:
        made.chmod(0o777)
        home.chmod(0o777)
    try:
        refused = decrypt_run(str(made), env=AS_ALICE)
        assert refused.status == 126
        problem, hint = refused.err.splitlines()
        assert f"{home} may be written by others" in problem
        assert f"; {made} may be written by others" in problem
        assert f"sudo install -D -m 0755 {made} /opt/jobs/report.py" in hint
    finally:
        group.write_text(before[0])
        passwd.write_text(before[1])


@pytest.fixture
def environment_of_root() -> Iterator[Path]:
    """A virtual environment of root's with one package, and a script that imports it."""
    venv = Path("/opt/venv")
    subprocess.run(["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", str(venv)], check=True)
    (package,) = venv.glob("lib/python3*/site-packages")
    (package / "parts").mkdir()
    (package / "parts/__init__.py").write_text("print('ran')\n")
    script(JOBS / "report.py", 0).write_text(f"#!{venv}/bin/python3\nimport parts\n")
    yield package
    for path in (venv, JOBS, Path("/opt/python")):
        subprocess.run(["/bin/rm", "-rf", str(path)], check=True)


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    "what", ["file", "directory", "pth", "target", "link", "home", "library", "configuration"]
)
def test_an_environment_with_a_part_of_somebody_elses(
    what: str, environment_of_root: Path, decrypt_run: Runs
) -> None:
    """Each could run her code as root."""
    run = ("--root-owned", str(JOBS / "report.py"))
    before = decrypt_run(*run)
    assert (before.status, before.out) == (0, "ran\n"), before.err
    site, elsewhere = environment_of_root, Path("/opt/python")
    configuration = Path("/opt/venv/pyvenv.cfg")
    elsewhere.mkdir()
    hers = site / "parts/__init__.py"
    if what == "directory":
        hers = site / "parts"
    elif what == "pth":
        hers = site / "hers.pth"
        hers.write_text("import os\n")
    elif what == "target":
        hers = elsewhere / "package.py"
        hers.write_text("")
        (site / "roots.pth").write_text(f"# a comment\n{elsewhere}\n")
    elif what == "link":
        hers = elsewhere / "package"
        hers.mkdir()
        (site / "package").symlink_to(hers)
    elif what in ("home", "library"):
        hers = elsewhere / ("bin" if what == "home" else "lib/python3.11/json.py")
        (elsewhere / "bin").mkdir()
        (elsewhere / "lib/python3.11").mkdir(parents=True)
        if what == "library":
            hers.write_text("")
        configuration.write_text(f"home = {elsewhere}/bin\n")
    elif what == "configuration":
        hers = configuration
    os.chown(hers, ALICE.uid, ALICE.uid)
    refused = decrypt_run(*run)
    assert (refused.status, refused.out) == (126, "")
    assert f"{hers} belongs to alice" in refused.err
    assert "chown" not in refused.err


MODULES = {
    "module": "part.py",
    "package": "part/__init__.py",
    "namespace": "part/deep.py",
    "extension": "part.abi3.so",
    "sourceless": "part.pyc",
}


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("python", ["own", "venv"])
def test_what_a_script_of_roots_imports_beside_it(
    kind: str, python: str, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    """Her module beside root's script ran as uid 0."""
    path = JOBS / MODULES[kind]
    path.parent.mkdir(parents=True, mode=0o755)
    path.write_text("print('ran')\n")
    if kind == "sourceless":
        source = path.with_suffix(".source")
        path.rename(source)
        py_compile.compile(str(source), cfile=str(path))
        source.unlink()
    elif kind == "extension":
        path.write_bytes(b"")  # it is refused before it is looked into
    line = "#!/usr/bin/python3\n"
    if python == "venv":
        venv = Path("/opt/venv")
        subprocess.run(
            ["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", str(venv)], check=True
        )
        line = f"#!{venv}/bin/python3\n"
    made = script(JOBS / "report.py", 0)
    name = "part.deep" if kind == "namespace" else "part"
    made.write_text(f"{line}import json, {name}\n")
    try:
        before = decrypt_run("--root-owned", str(made))
        if kind != "extension":
            assert (before.status, before.out) == (0, "ran\n"), before.err
            record = journal(2)[-1]
            assert record["CREDHELPER_IMPORTED"] == str(path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert record["CREDHELPER_IMPORTED_SHA256"] == digest
        hers = path.parent if kind in ("package", "namespace") else path
        os.chown(hers, ALICE.uid, ALICE.uid)
        refused = decrypt_run("--root-owned", str(made))
        assert (refused.status, refused.out) == (1, "")
        assert f"ImportError: credhelper, with --root-owned: {hers} belongs to alice" in refused.err
        if kind != "extension":
            assert decrypt_run(str(made), env=AS_ALICE).out == "ran\n"
    finally:
        for directory in (JOBS, Path("/opt/venv")):
            subprocess.run(["/bin/rm", "-rf", str(directory)], check=True)


@pytest.mark.usefixtures("users")
def test_cached_bytecode_of_somebody_elses_is_not_used(decrypt_run: Runs) -> None:
    made = script(JOBS / "report.py", 0)
    made.write_text("import part\n")
    (JOBS / "part.py").write_text("print('ran')\n")
    hers = JOBS / "hers.py"
    hers.write_text("print('hers')\n")
    cached = Path(importlib.util.cache_from_source(str(JOBS / "part.py")))
    try:
        py_compile.compile(
            str(hers),
            cfile=str(cached),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        assert decrypt_run("--root-owned", str(made)).out == "hers\n"  # root's: as Python does
        os.chown(cached, ALICE.uid, ALICE.uid)
        assert decrypt_run("--root-owned", str(made)).out == "ran\n"
        os.chown(cached, 0, 0)
        os.chown(cached.parent, ALICE.uid, ALICE.uid)
        assert decrypt_run("--root-owned", str(made)).out == "ran\n"
    finally:
        subprocess.run(["/bin/rm", "-rf", str(JOBS)], check=True)


@pytest.mark.usefixtures("users")
def test_control_characters_reach_no_log(
    decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    """A path may hold them, and whoever reads the log has a terminal."""
    named = "/opt/\x1b]0;x\x07\r\x1b[2Jreport.py\n<13>forged"
    made = script(Path(named), ALICE.uid)
    try:
        refused = decrypt_run("--root-owned", str(made))
    finally:
        made.unlink()
    assert refused.status == 126
    (record,) = journal(1)
    for text in (refused.err.replace("\n", ""), record["MESSAGE"]):
        assert "x1b]0;x" in text
        assert text.isprintable()

# SPDX-License-Identifier: MIT
"""What Python runs, the runner runs: archives, directories, compiled files, and whole commands."""

from __future__ import annotations

import py_compile
import shutil
import sys
import zipapp
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import Record, Runs
from tests.real.running import ALICE, DECLARING, VALUE, Same, Sealed, Writes

pytest_plugins = ("tests.real.runner_fixtures",)

FACTS = """\
import sys
import part
print(sys.argv, sys.path[0], __name__, __file__, repr(__package__), __cached__)
print(type(__loader__).__name__, __spec__ and (__spec__.name, __spec__.origin))
print(part.__file__, part.told())
"""
PART = "def told(): return 'told'\n"
DECLARES = DECLARING.replace("    #", "#") + (
    "from credhelper import load\nprint(load('my_api_key'), len(load('my_api_key')))\n"
)
SHOWN = f"[credential my_api_key] {len(VALUE)}\n"


@pytest.fixture
def tree(scratch: Path) -> Path:
    """A directory that Python runs."""
    path = scratch / "app"
    path.mkdir(0o755)
    (path / "__main__.py").write_text(FACTS)
    (path / "part.py").write_text(PART)
    return path


def archive(tree: Path, interpreter: str | None = None) -> str:
    """The tree as a zipapp; its name."""
    zipapp.create_archive(tree, tree.parent / "app.pyz", interpreter)
    (tree.parent / "app.pyz").chmod(0o755)
    return "app.pyz"


@pytest.mark.parametrize("interpreter", [None, "/usr/bin/env python3"])
def test_an_archive(interpreter: str | None, tree: Path, same: Same) -> None:
    finished = same(archive(tree, interpreter), "one", "-x")
    assert finished.out.endswith("told\n")


def test_an_archive_elsewhere(tree: Path, same: Same, scratch: Path) -> None:
    name = archive(tree)
    (scratch / "deep").mkdir()
    same(f"../{name}", cwd=scratch / "deep")
    same(f"{scratch}/deep/../{name}")


def test_a_directory(tree: Path, same: Same) -> None:
    (tree.parent / "plain").mkdir()
    for path in ("app", "app/", str(tree), "./plain/../app"):
        assert same(path, "one").out.endswith("told\n")


def test_a_compiled_file(tree: Path, same: Same) -> None:
    for name in ("script.pyc", "part.pyc"):
        py_compile.compile(str(tree / "__main__.py"), str(tree / name), doraise=True)
        assert same(f"app/{name}").out.endswith("told\n")
    (tree / "part.pyc").unlink()
    (tree / "__main__.py").rename(tree / "x.py")
    py_compile.compile(str(tree / "x.py"), str(tree / "__main__.pyc"), doraise=True)
    assert same("app", "one").out.endswith("told\n")


@pytest.mark.parametrize("make", [archive, lambda tree: tree.name], ids=["archive", "directory"])
def test_an_error_in_it(make: Callable[[Path], str], tree: Path, same: Same) -> None:
    (tree / "part.py").write_text("def told(): raise SystemExit(7)\n")
    assert same(make(tree)).status == 7
    (tree / "__main__.py").write_text("import part, absent\n")
    assert same(make(tree)).status == 1
    (tree / "__main__.py").write_text("import sys\nsys.exit('bye')\n")
    assert same(make(tree)).err == "bye\n"


def test_what_no_python_reads(tree: Path, same: Same, scratch: Path) -> None:
    (scratch / "bad.pyc").write_bytes(b"no magic" * 9)
    assert "Bad magic number in .pyc file" in same("bad.pyc").err
    with zipfile.ZipFile(scratch / "empty.pyz", "w") as file:
        file.write(tree / "part.py", "part.py")
    assert "can't find '__main__' module in" in same("empty.pyz").err


@pytest.mark.parametrize("python", ["", "venv"])
def test_they_declare_what_they_need(
    python: str,
    sealed: Sealed,
    tree: Path,
    decrypt_run: Runs,
    environment_of_venv: Path,
) -> None:
    """In their ``__main__.py``, whichever Python it is that runs them."""
    sealed("my_api_key", VALUE)
    options = ["--python", f"{environment_of_venv}/bin/python"] if python else []
    (tree / "__main__.py").write_text(DECLARES)
    for path in (archive(tree), str(tree)):
        finished = decrypt_run(*options, path, cwd=tree.parent)
        assert (finished.out, finished.err) == (SHOWN, "")


def test_an_archive_that_is_exchanged_meanwhile(
    sealed: Sealed, tree: Path, decrypt_run: Runs
) -> None:
    """Here by itself: it goes on with the bytes that were looked at."""
    sealed("my_api_key", VALUE)
    (tree / "__main__.py").write_text(
        f"import os, sys\nwith open(sys.argv[0], 'wb') as f: f.write(b'x')\n{FACTS}"
    )
    assert decrypt_run(archive(tree), cwd=tree.parent).out.endswith("told\n")


def test_a_directory_of_others(tree: Path, decrypt_run: Runs, users: None) -> None:
    assert users is None
    tree.chmod(0o777)
    finished = decrypt_run(str(tree))
    assert finished.status == 126
    assert "app may be written by others" in finished.err
    empty = tree.parent / "empty"
    empty.mkdir()
    assert "empty is a directory" in decrypt_run(str(empty)).err


def test_a_program_by_its_name(sealed: Sealed, decrypt_run: Runs, scratch: Path) -> None:
    """A file here comes before: it is what was meant with no program in sight."""
    sealed("my_api_key", VALUE)
    assert decrypt_run("-c", "my_api_key", "cat", "{my_api_key}").out == VALUE
    assert decrypt_run("-c", "my_api_key", "--", "env", "cat", "{my_api_key}").out == VALUE
    (scratch / "cat").write_text("print('here')")
    assert decrypt_run("cat", cwd=scratch).out == "here\n"
    by_alice = {"SUDO_USER": "alice", "SUDO_UID": str(ALICE.uid)}
    granted = ["--root-owned", "-c", "my_api_key", "cat", "{my_api_key}"]
    assert decrypt_run(*granted, cwd=scratch, env=by_alice).out == VALUE
    assert decrypt_run("absent-program").status == 127


@pytest.mark.parametrize(
    "words",
    [
        ["/usr/bin/python3"],
        ["python3"],
        ["env", "python3"],
        ["/usr/bin/env", "python3", "-u"],
        ["python3", "-B", "-Wdefault", "-X", "utf8", "--"],
        [sys.executable],
    ],
)
def test_a_python_in_front_of_a_script(
    words: list[str], sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    """It is that Python and that script: declared, checked, masked."""
    sealed("my_api_key", VALUE)
    script = write(DECLARES, "x.py")
    finished = decrypt_run(*words, "x.py", "one", cwd=script.parent)
    assert (finished.out, finished.err) == (SHOWN, "")
    script.chmod(0o666)
    refused = decrypt_run(*words, "x.py", cwd=script.parent)
    assert refused.status == 126
    assert "x.py may be written by others" in refused.err


def test_a_python_in_front_of_something_else(
    sealed: Sealed, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    sealed("my_api_key", VALUE)
    journal(1).clear()
    code = "import sys; print(sys.argv, open('/dev/stdin').read())"
    declared = ["-e", "KEY=my_api_key"]
    finished = decrypt_run("python3", "-c", code, "one", input="x")
    assert finished.out == "['-c', 'one'] x\n"
    (record,) = journal(1)
    assert record["CREDHELPER_SCRIPT"] == "-c"
    show = "import os; print(os.environ['KEY'])"
    assert decrypt_run(*declared, "python3", "-uc", show).out == "[credential my_api_key]\n"
    assert decrypt_run(*declared, "python3", "-", input=show).out == "[credential my_api_key]\n"
    assert decrypt_run("python3", "-m", "json.tool", input="1").out == "1\n"
    assert decrypt_run("python3", "-I", "-m", "json.tool", input="2").out == "2\n"
    assert decrypt_run("python3", "--version").out.startswith("Python 3.")
    assert decrypt_run("env", "A=1", "python3", "-c", "print(2)").out == "2\n"
    for vouched in (["-c", show], ["-"]):
        refused = decrypt_run("--root-owned", "python3", *vouched)
        assert refused.status == 125
        assert "--root-owned cannot vouch for" in refused.err


def test_a_python_that_others_may_write(decrypt_run: Runs, write: Writes) -> None:
    script = write("print('ran')")
    shutil.copy("/usr/bin/python3", script.parent)
    (script.parent / "python3").chmod(0o777)
    refused = decrypt_run("./python3", "script.py", cwd=script.parent)
    assert refused.status == 126
    assert "python3 may be written by others" in refused.err

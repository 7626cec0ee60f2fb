# SPDX-License-Identifier: MIT
"""Which program reads a script."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import venv
from pathlib import Path

import pytest

from credhelper.commands import script
from credhelper.commands.run import interpreter
from credhelper.commands.run.options import Options, parse
from credhelper.errors import RunnerFailed, ScriptNotFound, Untrusted

OWNERS = (0, os.getuid())
ACCOUNT = pwd.getpwuid(os.getuid())
SHELL = shutil.which("sh", path="/usr/bin") or "/bin/sh"


def choose(source: str | bytes, *argv: str) -> interpreter.Interpreter:
    """The interpreter for a script of this text."""
    data = source.encode() if isinstance(source, str) else source
    target = script.Script("script", "/place/script", data)
    return interpreter.choose(parse([*argv, "script"]), target, OWNERS, ACCOUNT)


def test_noneis_python() -> None:
    found = choose("print()\n")
    assert (found.kind, found.argv, found.why) == (
        interpreter.IN_PROCESS,
        [sys.executable],
        "no #! line: Python",
    )


def test_a_program() -> None:
    found = choose(b"\x7fELF\x02\x01\x01")
    assert (found.kind, found.argv, found.shown) == (interpreter.PROGRAM, [], "program")


def system_python() -> str:
    """The Python that runs this, by its name in the system."""
    return os.path.realpath(sys.executable)


@pytest.mark.parametrize("line", ["{}", " {}", "{}  "])
def test_the_own_python_is_in_process(line: str) -> None:
    found = choose(f"#!{line.format(system_python())}\n")
    assert (found.kind, found.why) == (interpreter.IN_PROCESS, f"#!{system_python()}")


def test_the_own_python_with_options_is_another_process() -> None:
    found = choose(f"#!{system_python()} -u -X dev\n")
    assert (found.kind, found.argv) == (interpreter.PYTHON, [system_python(), "-u -X dev"])


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        (f"{SHELL}", [SHELL]),
        (f"{SHELL} -e -x", [SHELL, "-e -x"]),
        ("/usr/bin/env sh", [SHELL]),
        ("/usr/bin/env -S sh -e  -x", [SHELL, "-e", "-x"]),
        ("/usr/bin/env -Ssh -e", [SHELL, "-e"]),
        (f"/usr/bin/env -S {SHELL} -e", [SHELL, "-e"]),
        # what only env itself understands is left to it
        ("/usr/bin/env -S A=1 sh", ["/usr/bin/env", "-S A=1 sh"]),
        ("/usr/bin/env -S -i sh", ["/usr/bin/env", "-S -i sh"]),
        ("/usr/bin/env -S sh '-e'", ["/usr/bin/env", "-S sh '-e'"]),
        ("/usr/bin/env -i", ["/usr/bin/env", "-i"]),
        ("/usr/bin/env", ["/usr/bin/env"]),
    ],
)
def test_programs(line: str, argv: list[str]) -> None:
    found = choose(f"#!{line}\n")
    assert (found.kind, found.argv, found.why) == (interpreter.PROGRAM, argv, f"#!{line}")


@pytest.mark.parametrize("name", ["absent", "sh -e", "python3\r", "../../bin/absent"])
def test_env_of_what_is_not_there(name: str) -> None:
    with pytest.raises(ScriptNotFound) as caught:
        choose(f"#!/usr/bin/env {name}\n")
    assert caught.value.exit_code == 127


def test_an_interpreter_that_is_not_there() -> None:
    with pytest.raises(ScriptNotFound, match="the interpreter /bin/absent is not there"):
        choose("#!/bin/absent\n")
    with pytest.raises(ScriptNotFound, match="the interpreter /absent is not there"):
        choose("print()\n", "--python=/absent")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An interpreter that is a script itself."""
    path = tmp_path.resolve() / "program"
    path.write_text(f"#!{SHELL}\n")
    path.chmod(0o755)
    return path


def test_an_interpreter_that_is_a_script(program: Path) -> None:
    assert choose(f"#!{program}\n").argv == [str(program)]


@pytest.mark.usefixtures("group_of_others")
@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_an_interpreter_that_others_may_write(program: Path, mode: int) -> None:
    program.chmod(mode)
    with pytest.raises(Untrusted, match="may be written by others"):
        choose(f"#!{program}\n")
    with pytest.raises(Untrusted, match="may be written by others"):
        choose("print()\n", f"--python={program}")


def test_an_interpreter_that_may_not_be_executed(program: Path) -> None:
    program.chmod(0o644)
    with pytest.raises(Untrusted, match="may not be executed"):
        choose(f"#!{program}\n")


def test_what_interprets_the_interpreter_is_looked_at_too(program: Path) -> None:
    outer = program.with_name("outer")
    outer.write_text(f"#!{program}\n")
    outer.chmod(0o755)
    assert choose(f"#!{outer}\n").argv == [str(outer)]
    program.chmod(0o777)
    with pytest.raises(Untrusted, match="program may be written by others"):
        choose(f"#!{outer}\n")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment."""
    path = tmp_path.resolve() / "venv"
    venv.create(path, symlinks=True)
    return path


def test_a_virtual_environment(environment: Path) -> None:
    python = f"{environment}/bin/python3"
    for source, argv in ((f"#!{python}\n", []), ("print()\n", [f"--python={python}"])):
        found = choose(source, *argv)
        assert (found.kind, found.argv) == (interpreter.PYTHON, [python])


@pytest.mark.parametrize(
    "place", ["", "bin", "pyvenv.cfg", "lib", "lib/python3*", "lib/python3*/site-packages"]
)
def test_a_virtual_environment_that_others_may_write(environment: Path, place: str) -> None:
    (found,) = environment.glob(place) if place else (environment,)
    found.chmod(0o777)
    with pytest.raises(Untrusted, match="may be written by others"):
        choose(f"#!{environment}/bin/python3\n")


def test_a_virtual_environment_without_packages(environment: Path) -> None:
    shutil.rmtree(environment / "lib")
    (environment / "lib64").unlink(missing_ok=True)
    assert choose(f"#!{environment}/bin/python3\n").kind == interpreter.PYTHON


def module(name: str) -> script.Script:
    """The module that would be run."""
    found = interpreter.module(name, OWNERS)
    found.close()
    return found


def test_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path.resolve()
    (place / "tool.py").write_text("raise AssertionError\n")
    (place / "pack/inner").mkdir(parents=True)
    for name in ("__init__", "__main__", "part", "inner/__init__"):
        (place / f"pack/{name}.py").write_text("raise AssertionError\n")
    (place / "space").mkdir()
    (place / "space/part.py").write_text("raise AssertionError\n")
    monkeypatch.setattr(sys, "path", [str(place), *sys.path])
    for name, path in {
        "tool": "tool.py",
        "pack": "pack/__main__.py",
        "pack.part": "pack/part.py",
        "space.part": "space/part.py",
    }.items():
        assert module(name).path == f"{place}/{path}"
    for name in ("absent", "pack.absent", "pack.inner", "tool.part", "pack.part.more", "space"):
        with pytest.raises(ScriptNotFound, match=f"there is no module {name} that can be run"):
            module(name)
    (place / "tool.py").chmod(0o666)
    with pytest.raises(Untrusted):
        module("tool")


def test_a_module_that_is_no_python_source() -> None:
    with pytest.raises(RunnerFailed, match="is no Python source"):
        module("_ctypes")


def test_a_module_runs_in_process_whatever_its_first_line() -> None:
    chosen = parse(["-m", "tool"])
    target = script.Script("/place/tool.py", "/place/tool.py", b"#!/bin/absent\n")
    assert interpreter.choose(chosen, target, OWNERS, ACCOUNT).kind == interpreter.IN_PROCESS


def test_nothing_is_chosen_by_default() -> None:
    assert (Options().target, Options().python) == ("", "")

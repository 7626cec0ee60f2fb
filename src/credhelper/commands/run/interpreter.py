# SPDX-License-Identifier: MIT
"""Which program reads the script, as the kernel would choose it: the shebang decides."""

from __future__ import annotations

import os
import stat
import sys

from credhelper.commands import script, trust
from credhelper.commands.run.environment import PATH
from credhelper.commands.run.target import in_path, is_python
from credhelper.errors import RunnerFailed, ScriptNotFound, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from pwd import struct_passwd
    from typing import Final

    from credhelper.commands.run.options import Options
    from credhelper.commands.script import Script

IN_PROCESS: Final = "in-process"
PYTHON: Final = "python"
PROGRAM: Final = "program"

# a path that is too long for a #! line, or has a blank: a line for sh, and a string to Python
_FOR_SH: Final = b"\n'''exec' "
_ELF: Final = b"\x7fELF"
_NESTED: Final = 4  # scripts that interpret scripts, as deep as the kernel goes


class Interpreter:
    """What runs the script: its ``kind``, its ``argv`` up to the script, and ``why``.

    In-process is the Python that the runner itself is; a program's argv is empty where the
    script is a program itself.
    """

    __slots__ = ("argv", "kind", "why")

    def __init__(self, kind: str, argv: list[str], why: str) -> None:
        self.kind = kind
        self.argv = argv
        self.why = why

    @property
    def shown(self) -> str:
        """For people and the journal."""
        return " ".join(self.argv) or self.kind


def choose(
    options: Options, target: Script, owners: Collection[int], account: struct_passwd
) -> Interpreter:
    """The interpreter for ``target``, which is to run as ``account``.

    Raises :class:`RunnerFailed`, :class:`ScriptNotFound`, and :class:`Untrusted` where others than
    ``owners`` could have written it.
    """
    if options.python:
        _check(options.python, owners, hint="give its path: --python /usr/bin/python3")
        return Interpreter(PYTHON, [options.python], "--python")
    if options.front:
        _check(options.front[0], owners)
        kind = IN_PROCESS if is_own(options.front) else PYTHON
        return Interpreter(kind, options.front, "on the command line")
    if target.source.startswith(_ELF):
        return Interpreter(PROGRAM, [], "the script is a program")
    line = script.shebang(target.source)
    if line is None or options.module or target.form == script.DIRECTORY:
        return Interpreter(IN_PROCESS, [sys.executable], "no #! line: Python")
    path, argument = line
    argv = [path, argument] if argument else [path]
    if os.path.basename(path) == "env":
        argv = _through_env(argument) or argv
    why = f"#!{path} {argument}".rstrip()
    if len(argv) == 1 and target.source.startswith(_FOR_SH, target.source.find(b"\n")):
        from credhelper.commands.run import first_lines

        argv = first_lines.executed(target.source, target.real) or argv
    _check(argv[0], owners)
    if os.path.basename(argv[0]) == "uv":
        from credhelper.commands.run import first_lines

        if first_lines.runs_script(argv):
            argv = first_lines.environment_of(argv, target.path, account, make=not options.dry_run)
            _check(argv[0], owners)
    if not is_python(argv[0]):
        return Interpreter(PROGRAM, argv, why)
    if is_own(argv):
        return Interpreter(IN_PROCESS, argv, why)
    return Interpreter(PYTHON, argv, why)


def imports_safely(argv: list[str]) -> bool:
    """Whether this Python is told not to import from the script's directory (-I, -P)."""
    if not argv[1:]:
        return False
    import re

    letters = (re.match(r"-([a-zA-Z]*?)(?:[WXcm]|$)", flag) for flag in argv[1:])
    return any(match and set(match[1]) & {"I", "P"} for match in letters)


def _through_env(argument: str) -> list[str]:
    """What env(1) would run, with the search path that the script gets; empty: env itself."""
    # without -S, the kernel gives env one argument: the whole of it is a name
    words = argument[2:].split() if argument.startswith("-S") else [argument]
    if (
        not words
        or not words[0]
        or words[0].startswith("-")
        or "=" in words[0]
        or set("'\"\\$") & set(argument)
    ):
        return []
    if "/" in words[0]:
        return words
    if program := in_path(words[0]):
        return [program, *words[1:]]
    raise ScriptNotFound(
        f"#! env: there is no program {words[0]!a} in {PATH}",
        "install it, name its path, or write env -S to give it arguments",
    )


def is_own(argv: list[str]) -> bool:
    """Whether ``argv`` is the Python that runs this, without options and outside of any virtual
    environment."""
    path, *options = argv
    if options:
        return False
    beside = os.path.dirname(path)
    if any(
        os.path.exists(os.path.join(directory, "pyvenv.cfg"))
        for directory in (beside, os.path.dirname(beside))
    ):
        return False
    return os.path.realpath(path) == os.path.realpath(sys.executable)


def _check(
    path: str, owners: Collection[int], depth: int = _NESTED, hint: str = "fix the #! line"
) -> None:
    """Refuses an interpreter that others could have written, or that cannot be executed."""
    try:
        opened = trust.open_file(path, owners)
    except ScriptNotFound:
        raise ScriptNotFound(f"the interpreter {path} is not there", hint) from None
    except Untrusted as error:
        error.moved, error.hint = (
            "",
            "name an interpreter of the system's, such as /usr/bin/python3",
        )
        raise
    try:
        if not opened.status.st_mode & stat.S_IXUSR:
            raise Untrusted(f"the interpreter {path} may not be executed", "look at its mode")
        head = os.pread(opened.descriptor, 256, 0)
    finally:
        os.close(opened.descriptor)
    nested = script.shebang(head)
    if nested and depth:
        _check(nested[0], owners, depth - 1)
    if is_python(path):
        for prefix in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
            if os.path.exists(f"{prefix}/pyvenv.cfg"):  # seldom: not with every run
                from credhelper.commands.run import virtual_environment

                virtual_environment.check(prefix, owners)


def module(name: str, owners: Collection[int]) -> Script:
    """The installed module ``name`` (of a package: its ``__main__``) as a script.

    Nothing of it is imported yet, and the working directory is not searched. Raises
    :class:`ScriptNotFound`, :class:`Untrusted`.
    """
    from importlib.machinery import PathFinder

    first, *parts = name.split(".")
    spec = PathFinder.find_spec(first)
    for part in parts:
        within = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(part, within) if within else None
    if spec and spec.submodule_search_locations:
        spec = PathFinder.find_spec("__main__", spec.submodule_search_locations)
    if spec is None:
        hint = f"a file is given without -m: {name}" if name.endswith(".py") else "install it"
        raise ScriptNotFound(f"there is no module {name} that can be run", hint)
    if not spec.origin or not spec.origin.endswith(".py"):
        raise RunnerFailed(f"the module {name} is no Python source", "run its program instead")
    return script.read(spec.origin, owners)

# SPDX-License-Identifier: MIT
"""What a script that sudoers has run as root gives whoever may run it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from credhelper.commands import metadata, trust
from credhelper.commands import script as scripts
from credhelper.commands.check.finding import Severity, command, look
from credhelper.errors import CredentialError, ScriptNotFound, Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credhelper.commands.run.options import Options

# `PROGRAM SCRIPT ARGUMENT...` hands the arguments on to the script, and has no say in them itself
_INTERPRETERS: Final = re.compile(
    r"(python[\d.]*t?|pypy3?|(ba|da|k|mk|z|c|tc|fi|a|)sh|perl[\d.]*|ruby[\d.]*|node|php|lua[\d.]*"
    r"|Rscript|tclsh[\d.]*|expect|pwsh|raku|julia|osh)"
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a command; ``fix`` is empty where the rule has to be rewritten."""

    severity: Severity
    rule: str
    evidence: str
    fix: str = ""


def with_credentials(chosen: Options, source: bytes) -> str:
    """With which credentials, for people."""
    names = [*chosen.credentials, *chosen.environment.values()]
    try:
        declared = metadata.declared(source)
        names = [*declared.credentials, *declared.environment.values(), *names]
    except CredentialError:
        pass
    return f" with {', '.join(dict.fromkeys(map(str, names)))}" if names else ""


def judge_script(path: str) -> tuple[list[Fault], bytes | None]:
    """What is wrong with the script that a rule runs, and its bytes where they can be trusted."""
    if not os.path.lexists(path):
        evidence = f"{path} is not there: who can make it decides what runs"
        return [Fault(Severity.WARNING, "sudo-script-missing", evidence, look(path))], None
    try:
        read = scripts.read(path, trust.ROOT_ALONE)
    except (ScriptNotFound, Untrusted) as error:
        fix = look(path)
        if isinstance(error, Untrusted) and error.moved:
            fix = command("install", "-D", "-m", "0755", path, error.moved)
        elif "sudo ch" in error.hint:
            fix = error.hint[error.hint.index("sudo ch") :]
        evidence = f"runs {path}, and {error.problem}"
        return [Fault(Severity.FAILURE, "sudo-script", evidence, fix)], None
    read.close()
    return [], read.source


def judge_module(name: str, *, any_arguments: bool) -> Iterator[Fault]:
    if name.split(".")[0] in sys.stdlib_module_names:
        evidence = f"-m {name} is a tool of Python's, which runs what it is given as root"
        yield Fault(Severity.FAILURE, "sudo-module", evidence)
    elif any_arguments:
        evidence = f"-m {name} takes any arguments, as root: it must expect hostile ones"
        yield Fault(Severity.WARNING, "sudo-module", evidence)


def judge_arguments(
    path: str, source: bytes, *, any_arguments: bool, python: bool
) -> Iterator[Fault]:
    """What the caller's arguments or input make of a program, or of the script's interpreter."""
    if source.startswith(b"\x7fELF"):
        name = os.path.basename(path)
        if any_arguments:
            evidence = f"{path} is a program, and takes any option of its own as root"
            yield Fault(Severity.FAILURE, "sudo-program", evidence)
        elif _INTERPRETERS.fullmatch(name):
            evidence = f"{path} reads commands from them: they are root"
            yield Fault(Severity.FAILURE, "sudo-program", evidence)
        elif path.startswith(("/usr/", "/bin/", "/sbin/")):
            evidence = f"{path} is a program of the system's: what it does for them is not judged"
            yield Fault(Severity.NOTE, "sudo-other", evidence)
        return
    try:
        line = scripts.shebang(source)
    except CredentialError as error:
        yield Fault(Severity.WARNING, "sudo-useless", f"{path}: {error.problem}")
        return
    if not any_arguments or python or line is None:
        return
    interpreter, argument = line
    words = argument.removeprefix("-S").split() if os.path.basename(interpreter) == "env" else []
    name = os.path.basename(words[0] if words else interpreter)
    if not _INTERPRETERS.fullmatch(name):
        evidence = (
            f"with any arguments after {path}, {name} takes their options as its own "
            "(make --eval, awk -f, sed -e): they are root"
        )
        yield Fault(Severity.FAILURE, "sudo-arguments", evidence)

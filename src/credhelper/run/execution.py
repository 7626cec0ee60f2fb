"""Another program in place of this process: the Python of an environment, a shell, a binary."""

from __future__ import annotations

import marshal
import os
import re

from credhelper.errors import RunnerFailed, Untrusted
from credhelper.run import hardening, interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, NoReturn

    from credhelper.run import Plan

_BOOTSTRAP: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.py")
_MARSHAL_VERSION: Final = 2  # the last that every Python 3 reads


def execute(plan: Plan, values: Mapping[str, bytes], *, mask: bool) -> NoReturn:
    """Becomes the script's interpreter. Raises :class:`RunnerFailed` or :class:`Untrusted`."""
    if plan.interpreter.kind == interpreter.PYTHON:
        program: str | int = plan.interpreter.argv[0]
        argv = _python(plan, mask=mask)
    else:
        for variable, name in plan.variables.items():
            os.environ[variable] = _variable(name, values[name])
        arguments = [_with_paths(argument, values) for argument in plan.options.arguments]
        argv = [*plan.interpreter.argv, plan.script.path, *arguments]
        # a binary by its descriptor: what was looked at is what runs
        program = plan.interpreter.argv[0] if plan.interpreter.argv else plan.script.descriptor
    hardening.program_signals()
    try:
        os.execve(program, argv, os.environ)  # noqa: S606
    except OSError as error:
        raise Untrusted(
            f"{argv[0]} cannot be executed: {error.strerror}", "look at its mode and its #! line"
        ) from None


def _python(plan: Plan, *, mask: bool) -> list[str]:
    """The command line that starts ``bootstrap`` with the plan behind a descriptor in memory."""
    described = {
        "source": plan.script.source,
        "path": plan.script.path,
        "directory": os.path.dirname(plan.script.real),
        "arguments": plan.options.arguments,
        "module": plan.options.module,
        "names": list(map(str, plan.names)),
        "environment": {variable: str(name) for variable, name in plan.variables.items()},
        "mask": mask,
        "on_demand": plan.account.pw_uid == 0,
    }
    descriptor = os.memfd_create("credhelper", 0)
    with open(descriptor, "wb", closefd=False) as file:
        marshal.dump(described, file, _MARSHAL_VERSION)
    os.lseek(descriptor, 0, os.SEEK_SET)
    python, *flags = plan.interpreter.argv
    return [python, "-I", *flags, _BOOTSTRAP, str(descriptor)]


def _variable(name: str, value: bytes) -> str:
    if b"\0" in value:
        raise RunnerFailed(
            f"credential {name} holds a zero byte, which no variable can",
            "read it from $CREDENTIALS_DIRECTORY",
        )
    return os.fsdecode(value)


def _with_paths(argument: str, values: Mapping[str, bytes]) -> str:
    """``argument`` with each ``{NAME}`` of a declared credential as the path of its file."""

    def path(match: re.Match[str]) -> str:
        name = match[1]
        return f"{os.environ['CREDENTIALS_DIRECTORY']}/{name}" if name in values else match[0]

    return re.sub(r"\{([A-Za-z0-9._@-]+)\}", path, argument)

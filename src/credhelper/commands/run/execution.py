# SPDX-License-Identifier: MIT
"""Another program in place of this process: the Python of an environment, a shell, a binary."""

from __future__ import annotations

import errno
import marshal
import os
import re

from credhelper.commands.run import hardening, interpreter
from credhelper.errors import Untrusted
from credhelper.process import in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, NoReturn

    from credhelper.commands.run.planning import Plan

_BOOTSTRAP: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.py")
_NOT_ALLOWED: Final = (
    "look at its mode, for noexec among the options of its file system, for noexec and intercept "
    "in sudoers(5), and for NoExecPaths= and SystemCallFilter= of the unit"
)
_MARSHAL_VERSION: Final = 2  # the last that every Python 3 reads

_WAYS_OUT: Final = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.E2BIG: "the arguments and the environment are too long together: pass less of them",
    errno.ENOEXEC: "it is no program for this machine, and has no #! line",
    errno.ENOMEM: "free memory, then try again",
}


def execute(plan: Plan, values: Mapping[str, bytes], record: Mapping[str, str]) -> NoReturn:
    """Becomes the script's interpreter. ``values`` are in the credentials directory already.

    ``record`` holds the fields of the journal's record where decrypting on demand is to be
    recorded too. Raises :class:`Untrusted`.
    """
    if plan.interpreter.kind == interpreter.PYTHON:
        program: str | int = plan.interpreter.argv[0]
        argv = _python(plan, record)
    else:
        for variable, name in plan.variables.items():
            os.environ[variable] = os.fsdecode(values[name])
        arguments = [_with_paths(argument, values) for argument in plan.options.arguments]
        path = plan.script.path
        path = f"./{path}" if path.startswith("-") else path  # which is no option
        reading = []
        if plan.reading:
            source = in_memory(plan.script.source, inherited=True, sealed=True)
            reading = ["-c", plan.reading.format(source)]
        argv = [*plan.interpreter.argv, *reading, path, *arguments]
        # a binary by its descriptor: what was looked at is what runs
        program = plan.interpreter.argv[0] if plan.interpreter.argv else plan.script.descriptor
    hardening.program_signals()
    try:
        os.execve(program, argv, os.environ)  # noqa: S606 # no shell: that is meant
    except OSError as error:
        raise Untrusted(
            f"{argv[0]} cannot be executed: {error.strerror}",
            _WAYS_OUT.get(error.errno or 0, "look at its mode and its #! line"),
        ) from None


def _python(plan: Plan, record: Mapping[str, str]) -> list[str]:
    """The command line that starts ``bootstrap`` with the script behind a descriptor in memory."""
    python, *flags = plan.interpreter.argv
    script = plan.python_script(record)
    described = {name: getattr(script, name) for name in script.__slots__}
    descriptor = in_memory(marshal.dumps(described, _MARSHAL_VERSION), inherited=True)
    # nothing that root owns beside the script, and nothing of this Python's in the package
    uncached = () if os.geteuid() else ("-B",)
    return [python, "-I", *uncached, *flags, _BOOTSTRAP, str(descriptor)]


def _with_paths(argument: str, names: Mapping[str, bytes]) -> str:
    """``argument`` with each ``{NAME}`` of a declared credential as the path of its file."""

    def path(match: re.Match[str]) -> str:
        name = match[1]
        if name in names:
            return f"{os.environ['CREDENTIALS_DIRECTORY']}/{name}"
        if names:
            from credhelper.commands.run import meant

            meant.tell_of_close(name, names)
        return match[0]

    return re.sub(r"\{([A-Za-z0-9._@-]+)\}", path, argument)

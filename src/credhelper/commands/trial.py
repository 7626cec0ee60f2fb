# SPDX-License-Identifier: MIT
"""Trying a value out: a command that gets it as a script would, before it is anywhere else."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING, Final

from credhelper import mistakes
from credhelper.commands import kernel, messages
from credhelper.commands.run import delivery
from credhelper.errors import CredentialError, UsageError

if TYPE_CHECKING:
    from typing import NoReturn

_NOT_STARTED: Final = 126


def words(command: str) -> list[str]:
    """The ``command`` as its program's path and its arguments; no shell reads it.

    Raises :class:`UsageError` for what cannot be split, :class:`CredentialError` for a program
    that is not there.
    """
    try:
        split = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--test: {str(error).lower()}", "quote it as in a shell") from None
    if not split:
        raise UsageError("--test takes a command", "leave it out, or name a program")
    program = shutil.which(split[0])
    if not program:
        meant = mistakes.closest_program(split[0], os.defpath)
        hint = f"did you mean {meant}?" if meant else "give its path"
        raise CredentialError("--test: there is no such program", hint)
    return [os.path.abspath(program), *split[1:]]


def require(argv: list[str], name: str, value: bytes) -> None:
    """Runs ``argv``, for which ``name`` with ``value`` is in ``$CREDENTIALS_DIRECTORY``.

    ``{NAME}`` in an argument is the path of its file. Raises :class:`CredentialError` unless it
    ends with exit status 0.
    """
    kernel.keep_memory_private()
    child = os.fork()
    if child == 0:
        _become(argv, name, value)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        how = f"exit status {code}" if code > 0 else f"signal {-code}"
        raise CredentialError(
            f"the new value of {name} did not pass the test: {argv[0]} ended with {how}",
            "the old one is in place; nothing has changed",
        )


def _become(argv: list[str], name: str, value: bytes) -> NoReturn:
    """The child: makes the directory, which only it sees, and becomes the program."""
    try:
        directory = delivery.deliver({name: value}, os.geteuid(), os.getegid())
        environment = {**os.environ, "CREDENTIALS_DIRECTORY": directory}
        filled = [word.replace(f"{{{name}}}", f"{directory}/{name}") for word in argv]
        os.execve(argv[0], filled, environment)  # noqa: S606 # no shell: that is meant
    except CredentialError as error:
        messages.error(error)
    except OSError as error:
        messages.error(f"{argv[0]}: {error.strerror}")
    os._exit(_NOT_STARTED)

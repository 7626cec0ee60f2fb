# SPDX-License-Identifier: MIT
"""What is going to be run: decided, and nothing of it done."""

from __future__ import annotations

import os

from credhelper.commands import trust
from credhelper.commands.run import environment, identity, interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pwd import struct_passwd

    from credhelper.commands.run.interpreter import Interpreter
    from credhelper.commands.run.options import Options
    from credhelper.commands.run.python import PythonScript
    from credhelper.commands.script import Script
    from credhelper.name import CredentialName


class Plan:
    """A run: the script, what runs it, as whom, in which environment and with which credentials.

    ``reading`` is how a shell is told to read the bytes that were looked at (see ``shell``).
    ``read_again`` tells that the interpreter opens a file that others than root could have
    exchanged since. ``requires_python`` is what the script says of its Python, if anything.
    """

    __slots__ = (
        *("account", "environment", "interpreter", "names", "options", "script", "variables"),
        *("read_again", "reading", "requires_python", "invoking"),
    )

    def __init__(
        self,
        options: Options,
        script: Script,
        names: Iterable[str],
        variables: Mapping[str, CredentialName],
        account: struct_passwd,
        environment: dict[str, str],
        interpreter: Interpreter,
    ) -> None:
        self.options = options
        self.script = script
        self.names = list(names)
        self.variables = variables
        self.account = account
        self.environment = environment
        self.interpreter = interpreter
        self.requires_python = ""
        self.invoking = 0
        self.reading = ""
        self.read_again = False

    @property
    def masks(self) -> bool:
        """Whether what the script writes is to be masked."""
        return not self.options.no_mask

    @property
    def masks_children(self) -> bool:
        """Whether what all that the script starts writes is to be masked."""
        return self.masks and self.options.mask_children

    def python_script(self, record: Mapping[str, str]) -> PythonScript:
        """For the Python that is to become the script; ``record`` as :class:`PythonScript` has it.

        Of built-in types alone, which ``marshal`` can hand to another Python.
        """
        from credhelper.commands.run.python import MODULE, PythonScript

        safely = interpreter.imports_safely(self.interpreter.argv)
        return PythonScript(
            source=self.script.source,
            path=self.options.target if self.options.module else self.script.path,
            directory="" if safely else os.path.dirname(self.script.real),
            form=MODULE if self.options.module else self.script.form,
            arguments=self.options.arguments,
            names=list(map(str, self.names)),
            variables={variable: str(name) for variable, name in self.variables.items()},
            masks=self.masks,
            record=dict(record),
            requires_python=self.requires_python,
            real=self.script.real,
            invoking=self.invoking,
            root_owned=self.options.root_owned,
        )


def plan(
    options: Options,
    script: Script,
    names: Iterable[str],
    variables: Mapping[str, CredentialName],
    owners: Collection[int],
    invoking: int,
    requires_python: str = "",
) -> Plan:
    """The plan that ``options`` ask for; ``names`` are its credentials.

    The interpreter too has to be such as only ``owners`` could have written; ``invoking`` is the
    invoking user. Raises :class:`credhelper.errors.RunnerFailed`,
    :class:`credhelper.errors.ScriptNotFound` and :class:`credhelper.errors.Untrusted`.
    """
    account = identity.account(options.user, invoking, as_invoking_user=options.as_invoking_user)
    environment.check_kept(options.keep)
    clean = environment.clean(
        os.environ,
        options.keep,
        name=account.pw_name,
        home=account.pw_dir,
        shell=account.pw_shell,
    )
    chosen = interpreter.choose(options, script, owners, account)
    made = Plan(options, script, names, variables, account, clean, chosen)
    made.requires_python = requires_python
    made.invoking = invoking
    if requires_python and chosen.kind == interpreter.IN_PROCESS:
        from credhelper.commands.requires_python import check

        check(requires_python)
    opened_by_name = chosen.kind == interpreter.PROGRAM or options.module
    if opened_by_name and trust.why_not(script.path, trust.ROOT_ALONE):
        if chosen.kind == interpreter.PROGRAM and chosen.argv:
            from credhelper.commands.run import shell

            made.reading = shell.reading(chosen.argv, script.source)
        made.read_again = not made.reading
    return made

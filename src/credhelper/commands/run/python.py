# SPDX-License-Identifier: MIT
"""Running Python source as ``python3 SCRIPT`` does, in this process.

Also loaded by the Python of a virtual environment, through ``bootstrap``: it has to run on each
Python that a script may name, and needs the standard library alone.
"""

from __future__ import annotations

import os
import sys

# what Python has for cached code that was moved; no stub has it
from _imp import _fix_co_filename  # type: ignore[attr-defined]

from credhelper import loading
from credhelper.commands import grants, messages
from credhelper.commands.run import compiling, masking, workers
from credhelper.commands.script import ARCHIVE, COMMAND, COMPILED, DIRECTORY, SOURCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType, ModuleType, TracebackType
    from typing import Final

MODULE: Final = "module"


class PythonScript:
    """What a Python has to know to become a script.

    ``path`` is that of the script as given, or a module's name, as ``form`` says (see ``script``);
    ``directory`` is where it imports from (its own, without links), empty for none. ``names`` are
    its credentials, ``variables`` those of the environment with the name of their credential, and
    ``record`` holds the fields with which to record what it decrypts on demand, if that is to be.
    ``requires_python`` is what the script says of its Python. ``real`` is its path without links
    and ``invoking`` the invoking user, for what it may decrypt on demand; ``root_owned`` tells
    that root alone may have written what it imports from ``directory``.
    """

    __slots__ = (
        *("source", "path", "directory", "form", "arguments"),
        *("names", "variables", "masks", "record", "requires_python"),
        *("real", "invoking", "root_owned"),
    )

    def __init__(
        self,
        source: bytes,
        path: str,
        directory: str,
        form: str,
        arguments: list[str],
        names: list[str],
        variables: dict[str, str],
        masks: bool,
        record: dict[str, str],
        requires_python: str,
        real: str,
        invoking: int,
        root_owned: bool,
    ) -> None:
        self.source = source
        self.path = path
        self.directory = directory
        self.form = form
        self.arguments = arguments
        self.names = names
        self.variables = variables
        self.masks = masks
        self.record = record
        self.requires_python = requires_python
        self.real = real
        self.invoking = invoking
        self.root_owned = root_owned


class Running:
    """A script that is about to run: ``function(*arguments)`` executes it.

    The launcher does that, so that its frame alone is below the script's; then it calls ``leave``,
    on the same line, or ``fail``.
    """

    __slots__ = ("arguments", "frame", "function", "name")

    def __init__(self) -> None:
        self.function: Callable[..., object] = exec
        self.arguments: tuple[object, ...] = ()
        self.frame: FrameType | None = None
        self.name = ""  # of the file

    def leave(self) -> None:
        """Keeps debuggers out of the launcher's frame, which looks like one of the script's."""
        self.arguments = ()  # what is in the script's namespace is to end with it
        if self.frame:
            self.frame.f_trace_lines, self.frame.f_trace = False, None
        if self.frame and self.name:
            self.frame.f_globals["__file__"] = self.name
            _fix_co_filename(self.frame.f_code, self.name)  # for inspect.stack()[-1]

    def fail(self, error: BaseException) -> None:
        """Lets ``error`` end the process with a traceback that begins in the script."""
        self.arguments = ()
        if isinstance(error, SystemExit):
            return
        own, ours = error.__traceback__, (__file__, compiling.__file__)
        while own and (own.tb_frame is self.frame or own.tb_frame.f_code.co_filename in ours):
            own = own.tb_next
        masking.prune(own)
        shown, hook = [own], sys.excepthook  # the script's, if it has set one

        def show(kind: type[BaseException], value: BaseException, _: TracebackType | None) -> None:
            sys.excepthook, trace = hook, shown.pop()  # which would keep what ends with the script
            sys.last_traceback = trace
            hook(kind, value.with_traceback(trace), trace)

        sys.excepthook = show


def become_script(script: PythonScript, values: dict[str, bytes]) -> Running:
    """Makes ready to run ``script``, this Python being its own or that of its environment.

    ``values`` are its credentials; they are gone from here before it starts.
    """
    for variable, name in script.variables.items():
        os.environ[variable] = os.fsdecode(values[name])
    if script.masks:
        _mask(values)
    workers.follow()
    if script.record:
        _record_on_demand(script.record)
    values.clear()
    loading.guard(lambda name: grants.check(name, script.real, script.invoking))
    sys.argv[:] = [script.path, *script.arguments]
    command = [os.fsdecode(script.source)] if script.form == COMMAND else []
    sys.orig_argv[:] = [sys.executable, script.path, *command, *script.arguments]
    beside = script.directory if script.form in (SOURCE, COMPILED) else ""
    workers.follow_script(beside, script.record if script.root_owned else None)
    running = Running()
    running.frame = sys._getframe()
    while running.frame.f_back:
        running.frame = running.frame.f_back
    try:
        if script.form == MODULE:
            _run_module(script.path, script.arguments, running)
        elif script.form in (ARCHIVE, DIRECTORY):
            _run_application(script, running)
        else:
            _run_file(script, running)
    except BaseException as error:
        running.fail(error)
        raise
    return running


def find_packages_of_user() -> None:
    """Lets the script import what the running user has of ``pip install --user``."""
    import site

    site.USER_BASE = site.USER_SITE = None  # root's
    place = site.getusersitepackages()
    try:
        if os.stat(place).st_uid != os.geteuid():
            return
    except OSError:
        return
    before = len(sys.path)
    site.addsitedir(place)
    added = sys.path[before:]
    del sys.path[before:]
    installed = [at for at, path in enumerate(sys.path) if path.endswith("-packages")]
    at = installed[0] if installed else before
    sys.path[at:at] = added  # where Python has it
    site.ENABLE_USER_SITE = True


def _mask(values: Mapping[str, bytes]) -> None:
    """Has stdout and stderr mask ``values``, and what the script loads from the store later."""
    reasons = {name: masking.left_alone(value) for name, value in values.items()}
    alone = [f"{name} ({reason})" for name, reason in reasons.items() if reason]
    if alone:
        messages.note(f"not masked: {', '.join(alone)}")
    workers.mask(values)


def _record_on_demand(fields: Mapping[str, str]) -> None:
    """Has the journal told what the script loads from the store; ``fields`` are of its run."""
    from credhelper.commands import audit

    run = fields["CREDHELPER_RUN"]
    loading.observe(lambda name, _: audit.on_demand(name, fields), records=run)


def _run_file(script: PythonScript, running: Running) -> None:
    """Has the source executed as ``__main__``."""
    main = _new_main()
    name = script.path if script.path.startswith("/") else f"{os.getcwd()}/{script.path}"
    if script.directory and script.form != COMMAND:
        sys.path.insert(0, script.directory)
        if script.root_owned:
            from credhelper.commands.run import imports

            imports.become_guarded(script.directory, script.record)
    if script.form == COMMAND or script.path == "-":
        name = "<string>" if script.form == COMMAND else "<stdin>"
    else:
        _describe(main, name, script.form)

    code = compiling.code(script.source, name, script.form)
    running.name = name
    running.leave()
    running.function, running.arguments = exec, (code, main.__dict__)


def _describe(main: ModuleType, name: str, form: str) -> None:
    """Gives ``__main__`` the attributes that Python gives it for the file ``name``."""
    # importlib.machinery, but loaded
    from _frozen_importlib_external import SourceFileLoader, SourcelessFileLoader

    main.__file__ = name
    if sys.version_info < (3, 15):
        main.__cached__ = None  # type: ignore[attr-defined] # as Python sets it
    kind = SourcelessFileLoader if form == COMPILED else SourceFileLoader
    main.__loader__ = kind("__main__", name)


def _run_module(name: str, arguments: list[str], running: Running) -> None:
    """Has the installed module ``name`` run as ``python3 -I -m NAME`` does."""
    import runpy

    _new_main()
    sys.argv[:] = ["-m", *arguments]
    sys.orig_argv[:] = [sys.executable, "-m", name, *arguments]
    # what Python itself calls for -m
    running.function = runpy._run_module_as_main  # type: ignore[attr-defined]
    running.arguments = (name,)


def _run_application(script: PythonScript, running: Running) -> None:
    """Has an archive or a directory run as ``python3 PATH`` does."""
    import runpy
    from _frozen_importlib_external import MAGIC_NUMBER

    from credhelper.commands.run import applications

    _new_main()
    if script.form == ARCHIVE:
        applications.from_archive(script.path, script.source)
    else:
        place = script.path if script.path.startswith("/") else f"{os.getcwd()}/{script.path}"
        form = COMPILED if script.source.startswith(MAGIC_NUMBER) else SOURCE
        file = f"{place.rstrip('/')}/__main__.{'pyc' if form == COMPILED else 'py'}"
        applications.from_directory(place, file, compiling.code(script.source, file, form))
    # what Python itself calls for them
    running.function = runpy._run_module_as_main  # type: ignore[attr-defined]
    running.arguments = ("__main__", False)


def _new_main() -> ModuleType:
    """An empty ``__main__`` in place of the launcher's, which stays alive behind it."""
    from _frozen_importlib import BuiltinImporter  # importlib.machinery, but loaded

    launcher = sys.modules["__main__"]
    main = type(launcher)("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    main.__loader__ = BuiltinImporter
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    sys.modules["credhelper.commands.run.launcher"] = launcher  # its end would empty its namespace
    # no files that root owns beside the script, and none of another version's in the package
    sys.dont_write_bytecode = not os.geteuid() or bool(sys.flags.dont_write_bytecode)
    return main

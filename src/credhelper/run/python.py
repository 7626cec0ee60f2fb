"""Running Python source as ``python3 SCRIPT`` does, in this process.

Also loaded by the Python of a virtual environment, through ``bootstrap``: standard library only.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def mask(values: Mapping[str, bytes], *, on_demand: bool) -> None:
    """Has stdout and stderr mask ``values``, and what the script loads from the store later."""
    from credhelper.run import masking

    short = masking.too_short(values)
    if short:
        print(
            f"credhelper: note: too short to be masked: {', '.join(short)}",
            file=sys.stderr,
        )
    maskers = masking.install(values)
    if on_demand:
        from credhelper import loading

        for masker in maskers:
            loading.observe(masker.add)


def run(source: bytes, path: str, directory: str, arguments: list[str]) -> None:
    """Runs ``source`` as ``__main__``; what the script raises comes out as it does of Python.

    ``directory`` is where it imports from (the script's own, without links), empty for none.
    """
    from _frozen_importlib_external import SourceFileLoader  # importlib.machinery, but loaded

    main = type(sys)("__main__")  # types.ModuleType
    is_file = path != "-"
    sys.argv[:] = [path, *arguments]
    sys.orig_argv[:] = [sys.executable, path, *arguments]
    if directory:
        sys.path.insert(0, directory)
    own = sys.modules["__main__"]  # kept until the end: its end would end the launcher's names
    sys.modules["__main__"] = main
    name = os.path.abspath(path) if is_file else "<stdin>"
    main.__dict__.update(__builtins__=__builtins__, __annotations__={})
    if is_file:
        main.__file__ = name
        main.__cached__ = None  # type: ignore[attr-defined] # as Python sets it
        main.__loader__ = SourceFileLoader("__main__", name)
    try:
        exec(compile(source, name, "exec", flags=0, dont_inherit=True), main.__dict__)  # noqa: S102
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        raise
    finally:
        del own


def run_module(name: str, arguments: list[str]) -> None:
    """Runs the installed module ``name`` as ``python3 -I -m NAME`` does."""
    import runpy

    sys.argv[:] = [name, *arguments]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        raise


def _show(error: BaseException) -> None:
    """Shows the traceback without the frames of this module, and lets nothing show it again.

    What is raised further still gives the exit status, or the death by SIGINT.
    """
    traceback = error.__traceback__
    while traceback and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    sys.excepthook = lambda *_: None

# SPDX-License-Identifier: MIT
"""The code of a Python script, without what ``compile()`` does first.

``compile()`` makes the types of the syntax tree, whether or not anybody asks for a tree: 1.5 ms,
and more memory than all the rest of a run but its modules. The C function below it does not.
"""

from __future__ import annotations

import os
import sys
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_PYTHONAPI,
    CFuncPtr,
    _SimpleCData,
    dlsym,
)

from credhelper.commands.kernel import PROGRAM, Int
from credhelper.commands.script import COMMAND, COMPILED
from credhelper.process import in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Final

    _Object = _SimpleCData[CodeType]
else:
    _Object = _SimpleCData  # which cannot be subscripted

_PYC_HEADER_BYTES: Final = 16
_FILE_INPUT: Final = 257  # Py_file_input of Python.h, which is in the stable ABI


class _Code(_Object):
    _type_ = "O"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
    _restype_ = _Code


def code(source: bytes, name: str, form: str) -> CodeType:
    """The code of ``source`` (of a ``form``, see ``script``), which tracebacks call ``name``.

    Raises what Python raises for such a file, in its words.
    """
    if form == COMPILED:
        from _frozen_importlib_external import MAGIC_NUMBER

        if not source.startswith(MAGIC_NUMBER):
            raise RuntimeError("Bad magic number in .pyc file")
        import marshal

        compiled: CodeType = marshal.loads(source[_PYC_HEADER_BYTES:])  # noqa: S302 # as Python does
        return compiled
    if form == COMMAND:
        return _code_of_command(source.decode("utf-8", "surrogateescape"), name)
    _refuse_zero(source, name)
    function = _Function(dlsym(PROGRAM, "Py_CompileString"))
    try:
        if not any(b"coding" in line for line in source.split(b"\n", 2)[:2]):
            source.decode()  # the compiler does not look into comments
        if sys.version_info >= (3, 15) and sys.warnoptions:  # which may name the module
            return compile(source, name, "exec", dont_inherit=True, module="__main__")
        found: CodeType = function(source, os.fsencode(name), Int(_FILE_INPUT))
        return found
    except (SyntaxError, UnicodeDecodeError) as error:
        failed = error
    _raise_as_of_file(source, name)  # out of there: as its context, what failed would be shown
    raise failed


def _code_of_command(text: str, name: str) -> CodeType:
    """As of ``python3 -c``: it is text already, whatever encoding it declares."""
    text += "\n"
    if sys.version_info >= (3, 14) and text.lstrip("\n")[:1] in (" ", "\t"):
        import textwrap

        text = textwrap.dedent(text)
    try:
        found = compile(text, name, "exec", flags=0, dont_inherit=True)
    except UnicodeEncodeError:
        os.write(2, b"Unable to decode the command from the command line:\n")
        raise
    if sys.version_info >= (3, 13):
        import linecache

        linecache._register_code(found, text, name)  # for tracebacks
    return found


def _refuse_zero(source: bytes, name: str) -> None:
    """Refuses what would end the source for the compiler."""
    nothing, zero, _ = source.partition(b"\0")
    if zero:
        line = nothing.count(b"\n") + 1
        text = nothing.rpartition(b"\n")[2].decode("utf-8", "replace")
        raise SyntaxError("source code cannot contain null bytes", (name, line, None, text))


def _raise_as_of_file(source: bytes, name: str) -> None:
    """Raises what Python says of a file with this source, which does not compile.

    It reads a file by the line: what it says of an error, and where it points, may be another.
    """
    import ctypes
    import warnings

    descriptor = in_memory(source)
    opened = ctypes.pythonapi.fdopen
    opened.restype = ctypes.c_void_p
    run = ctypes.pythonapi.PyRun_FileEx
    run.restype = ctypes.py_object
    nothing: ctypes.py_object[object] = ctypes.py_object(
        {"__builtins__": {}}
    )  # for nothing of it is executed
    with warnings.catch_warnings(record=True):  # they were shown
        file = ctypes.c_void_p(opened(descriptor, b"rb"))
        run(file, os.fsencode(name), _FILE_INPUT, nothing, nothing, 1)

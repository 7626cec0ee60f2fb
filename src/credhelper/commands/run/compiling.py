# SPDX-License-Identifier: MIT
"""The code of a Python script, without what ``compile()`` does first.

``compile()`` makes the types of the syntax tree, whether or not anybody asks for a tree: 1.5 ms,
and more memory than all the rest of a run but its modules. The C function below it does not.
"""

from __future__ import annotations

import os
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_PYTHONAPI,
    CFuncPtr,
    _SimpleCData,
    dlsym,
)

from credhelper.commands.kernel import PROGRAM, Int
from credhelper.commands.script import COMMAND, COMPILED

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
    _check_text(source, name)
    function = _Function(dlsym(PROGRAM, "Py_CompileString"))
    found: CodeType = function(source, os.fsencode(name), Int(_FILE_INPUT))
    return found


def _code_of_command(text: str, name: str) -> CodeType:
    """As of ``python3 -c``: it is text already, whatever encoding it declares."""
    try:
        return compile(text, name, "exec", flags=0, dont_inherit=True)
    except UnicodeEncodeError:
        os.write(2, b"Unable to decode the command from the command line:\n")
        raise


def _check_text(source: bytes, name: str) -> None:
    """Refuses what Python refuses in a file, but not in bytes handed to the compiler."""
    nothing, zero, _ = source.partition(b"\0")
    if zero:
        line = nothing.count(b"\n") + 1
        text = nothing.rpartition(b"\n")[2].decode("utf-8", "replace")
        raise SyntaxError("source code cannot contain null bytes", (name, line, None, text))
    try:
        source.decode()
    except UnicodeDecodeError as error:
        if any(b"coding" in line for line in source.split(b"\n", 2)[:2]):
            return  # it is declared: the compiler knows that
        number = source.count(b"\n", 0, error.start) + 1
        raise SyntaxError(
            f"Non-UTF-8 code starting with '\\x{source[error.start]:02x}' in file {name} on line "
            f"{number}, but no encoding declared; see https://peps.python.org/pep-0263/ for details"
        ) from None

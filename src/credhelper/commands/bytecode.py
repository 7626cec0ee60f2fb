# SPDX-License-Identifier: MIT
"""Importing the modules of a run from their cached bytecode, without looking around for them.

Python asks each of its finders, lists directories, tries suffixes and goes through a dozen small
functions for every module: half of what importing takes. Here its place is known. What is imported
is the same, and by the same rule: bytecode that was made from a source of that time and size; all
else is left to Python's own finders.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader  # importlib's, but loaded
from _imp import _fix_co_filename  # type: ignore[attr-defined] # as importlib does; no stub has it
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType
    from typing import Final

_HEADER_BYTES: Final = 16
_MOST_BYTES: Final = 1 << 15  # of one module; in one read, and no mapping of its own for it
_FIELD: Final = 0xFFFF_FFFF


class _Loader(SourceFileLoader):
    """Has a module's code already, once."""

    _code: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        """As :meth:`importlib.abc.InspectLoader.get_code`."""
        code, self._code = self._code, None
        return code or super().get_code(fullname)


class _Finder:
    """Finds the modules of a package by name."""

    def __init__(self, package: str) -> None:
        self._prefix = package + "."

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """As :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        if not path or not name.startswith(self._prefix):
            return None
        module = name.rpartition(".")[2]
        source = f"{path[0]}/{module}.py"
        cached = f"{path[0]}/__pycache__/{module}.{sys.implementation.cache_tag}.pyc"
        code = _code(source, cached)
        if code is None:
            return None
        loader = _Loader(name, source)
        loader._code = code
        spec = ModuleSpec(name, loader, origin=source)
        spec.has_location, spec.cached = True, cached
        return spec


def _code(source: str, cached: str) -> CodeType | None:
    """The code in ``cached`` where that is ``source``'s."""
    try:
        made_from = os.stat(source)
        file = os.open(cached, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(file, _MOST_BYTES)
        finally:
            os.close(file)
    except OSError:
        return None
    time, size = int(made_from.st_mtime) & _FIELD, made_from.st_size & _FIELD
    kept = MAGIC_NUMBER + bytes(4) + time.to_bytes(4, "little") + size.to_bytes(4, "little")
    if len(data) == _MOST_BYTES or not data.startswith(kept):
        return None
    code: CodeType = loads(memoryview(data)[_HEADER_BYTES:])  # noqa: S302 # where Python has it
    _fix_co_filename(code, source)
    return code


def serve(package: str) -> None:
    """Has what is imported of ``package`` from now on come straight from its bytecode."""
    if not sys.flags.optimize and not sys.pycache_prefix:
        sys.meta_path.insert(0, _Finder(package))


def leave() -> None:
    """Has everything imported as Python itself does from now on."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]

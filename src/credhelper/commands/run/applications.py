# SPDX-License-Identifier: MIT
"""Archives and directories with a ``__main__``, run from the bytes that were looked at.

Python finds ``__main__`` in them by its import system: that is given those bytes in place of the
path. What else there is in a directory is imported from it, as beside any script.
"""

from __future__ import annotations

import os
import sys
from io import BytesIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


def from_archive(path: str, source: bytes) -> None:
    """Has Python import ``__main__``, and all else from the zip file ``path``, from ``source``."""
    import zipimport

    path = _absolute(path)
    reader = _Reader(zipimport._io, path, source)  # type: ignore[attr-defined] # as it imports it
    zipimport._io = reader  # type: ignore[attr-defined] # as above
    sys.path.insert(0, path)


def from_directory(path: str, file: str, code: CodeType) -> None:
    """Has Python find ``code``, which is that of ``file``, as ``__main__`` in the directory."""
    # importlib.machinery and importlib.util, but loaded
    from _frozen_importlib_external import (
        SourceFileLoader,
        SourcelessFileLoader,
        spec_from_file_location,
    )

    path = _absolute(path)
    kind = SourcelessFileLoader if file.endswith(".pyc") else SourceFileLoader
    loader = kind("__main__", file)
    setattr(loader, "get_code", lambda _: code)  # noqa: B010 # of this one alone
    sys.path.insert(0, path)
    spec = spec_from_file_location("__main__", file, loader=loader)
    sys.path_importer_cache[path] = _Once(path, spec)


class _Reader:
    """What ``zipimport`` opens files by."""

    def __init__(self, plain: Any, path: str, source: bytes) -> None:
        self._plain = plain
        self._path = path
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def open_code(self, path: str) -> Any:
        """As :func:`io.open_code`."""
        return BytesIO(self._source) if path == self._path else self._plain.open_code(path)


class _Once:
    """Finds ``__main__`` in a directory, and then leaves it to Python's own finder."""

    def __init__(self, path: str, spec: Any) -> None:
        self._path = path
        self._spec = spec

    def find_spec(self, _name: str, _target: object = None) -> Any:
        """As :meth:`importlib.abc.PathEntryFinder.find_spec`."""
        del sys.path_importer_cache[self._path]
        return self._spec


def _absolute(path: str) -> str:
    """As Python has it: untidied."""
    return path if path.startswith("/") else f"{os.getcwd()}/{path}"

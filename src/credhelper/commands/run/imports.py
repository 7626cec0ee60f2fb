# SPDX-License-Identifier: MIT
"""What a script imports from its own directory: only what root alone could have written.

With ``--root-owned`` the script was looked at; a module beside it is looked at here, when it is
imported: source, cached bytecode, extension module, and the directories of packages, also of those
without ``__init__.py``. Other places of ``sys.path`` are not: the installation's are root's, and
what the script adds itself is for the script.
"""

from __future__ import annotations

import os
import sys

# importlib.machinery, but loaded
from _frozen_importlib_external import (
    BYTECODE_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from _imp import extension_suffixes

from credhelper.commands import trust
from credhelper.errors import ScriptNotFound, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

    Seen = Callable[[str, bytes], None]


def guard(directory: str, seen: Seen) -> None:
    """Has Python look at what it imports from ``directory``, which is on its path already.

    ``seen`` is told the path and the bytes of each file of a module, once it was found right.
    """
    below = directory.rstrip("/") + "/"

    def hook(path: str) -> _Finder:
        others = (p.rstrip("/") + "/" for p in sys.path if p.startswith(below))
        if path != directory and (not path.startswith(below) or f"{path}/".startswith((*others,))):
            raise ImportError("not below the script's directory", path=path)
        if not os.path.isdir(path):  # as FileFinder's: a script is run by its path like that
            raise ImportError("no directory", path=path)
        return _Finder(path, seen)

    sys.path_hooks.insert(0, hook)
    for path in [path for path in sys.path_importer_cache if f"{path}/".startswith(below)]:
        del sys.path_importer_cache[path]


def _read(path: str) -> bytes:
    """The file at ``path``; raises :class:`Untrusted` (an ``OSError``) if it is not root's."""
    opened = trust.open_file(path, trust.ROOT_ALONE)
    with open(opened.descriptor, "rb", buffering=0) as file:
        return file.readall()


def _refused(error: Untrusted | ScriptNotFound, name: str, path: str) -> ImportError:
    return ImportError(f"credhelper, with --root-owned: {error.problem}", name=name, path=path)


class _Finder(FileFinder):
    """Finds modules in one directory."""

    def __init__(self, path: str, seen: Seen) -> None:
        def loading(kind: type) -> Callable[[str, str], Any]:
            return lambda name, file: kind(name, file, seen)

        kinds: list[tuple[Any, list[str]]] = [
            (loading(_Extension), extension_suffixes()),
            (loading(_Source), SOURCE_SUFFIXES),
            (loading(_Sourceless), BYTECODE_SUFFIXES),
        ]
        super().__init__(path, *kinds)

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """As Python's own; what is no file but a directory is looked at now."""
        spec = super().find_spec(fullname, target)
        if spec and spec.loader is None:
            for directory in spec.submodule_search_locations or ():
                try:
                    trust.check_directory(directory, trust.ROOT_ALONE)
                except (ScriptNotFound, Untrusted) as error:
                    raise _refused(error, fullname, directory) from None
        return spec


class _Looking:
    """What the loaders share: the file is looked at, and told of, before anything of it is used."""

    name: str
    path: str

    def __init__(self, name: str, path: str, seen: Seen) -> None:
        super().__init__(name, path)  # type: ignore[call-arg] # a loader's
        self._seen = seen
        self._data = b""

    def look(self) -> None:
        """Raises ``ImportError`` where the file is not root's."""
        try:
            self._data = _read(self.path)
        except (ScriptNotFound, Untrusted) as error:
            raise _refused(error, self.name, self.path) from None
        self._seen(self.path, self._data)


class _Source(_Looking, SourceFileLoader):  # type: ignore[misc] # as the base itself
    def get_code(self, fullname: str) -> CodeType | None:
        self.look()
        return super().get_code(fullname)

    def get_data(self, path: str) -> bytes:
        # cached bytecode too: what is not root's is as if it were not there
        return self._data if path == self.path else _read(path)


class _Sourceless(_Looking, SourcelessFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        self.look()
        return super().get_code(fullname)

    def get_data(self, path: str) -> bytes:
        return self._data if path == self.path else _read(path)


class _Extension(_Looking, ExtensionFileLoader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.look()
        return super().create_module(spec)


def recorder(run: dict[str, str]) -> Seen:
    """Records each file, with its SHA-256, as imported by the script of ``run``."""
    from credhelper.commands import audit

    told: set[str] = set()

    def seen(path: str, data: bytes) -> None:
        if path not in told:
            told.add(path)
            audit.imported(path, _sha256(data), run)

    return seen


def _sha256(data: bytes) -> str:
    try:
        from _sha2 import sha256  # Python's own: hashlib loads OpenSSL, in 3 ms
    except ImportError:
        from hashlib import sha256

    return str(sha256(data).hexdigest())


def become_guarded(directory: str, record: dict[str, str]) -> None:
    """What the runner does before a script of root's: guards, and records where it records."""
    guard(directory, recorder(record) if record else lambda _path, _data: None)

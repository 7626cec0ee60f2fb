# SPDX-License-Identifier: MIT
"""The modules of a run in one file: finding and opening each of them takes a tenth of a run.

The package's build makes it, out of the same sources:

    python3 -B -m credhelper.commands.run.bundle /usr/lib/python3.14/site-packages

``bin/credhelper-decrypt-run`` executes this module out of that file, which then serves the others.
Without the file, or with one of another Python, each is imported from its own; so is one whose
source has another size than when it was bundled.
"""

from __future__ import annotations

import sys
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location
from marshal import loads
from posix import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType
    from typing import Final

NAME: Final = "modules.marshal"  # beside this module
_LATER: Final = ("handover", "interpreter", "planning")  # what each run imports, but not at once


class _Loader(SourceFileLoader):
    """Has a module's code already."""

    def __init__(self, name: str, path: str, code: bytes) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, _name: str) -> CodeType:
        """As :meth:`importlib.abc.InspectLoader.get_code`."""
        code: CodeType = loads(self._code)  # noqa: S302 # root's, as the sources are
        return code


class _Finder:
    """Finds what is bundled, by name: the path below ``place``, the source's size, the code."""

    def __init__(self, place: str, modules: Mapping[str, tuple[str, int, bytes]]) -> None:
        self._place = place
        self._modules = modules

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """As :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        if name not in self._modules:
            return None
        below, size, code = self._modules[name]
        path = f"{self._place}/{below}"
        if stat(path).st_size != size:
            return None
        return spec_from_file_location(
            name,
            path,
            loader=_Loader(name, path, code),
            submodule_search_locations=(
                [path.rpartition("/")[0]] if below.endswith("/__init__.py") else None
            ),
        )


def serve(place: str, modules: Mapping[str, tuple[str, int, bytes]]) -> None:
    """Has ``modules`` imported from here; they are those of the directory ``place``."""
    sys.meta_path.insert(0, _Finder(place, modules))


def leave() -> None:
    """Has everything imported as Python itself does from now on."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != __name__]


def made(installed: str) -> bytes:
    """The file, of the modules that are imported here, to be installed in ``installed``."""
    from importlib import import_module
    from importlib.util import MAGIC_NUMBER
    from marshal import dumps
    from pathlib import Path

    for name in _LATER:
        import_module(f"credhelper.commands.run.{name}")
    import_module("credhelper.digest")
    here = Path(__file__).resolve().parents[3]
    modules = {}
    for name in sorted(sys.modules):
        if name.partition(".")[0] == "credhelper" and name != __name__:
            source = Path(str(sys.modules[name].__file__)).resolve()
            below = str(source.relative_to(here))
            modules[name] = (below, source.stat().st_size, _compiled(source, installed, below))
    own = Path(__file__).resolve()
    serving = _compiled(own, installed, str(own.relative_to(here)))
    return MAGIC_NUMBER + dumps((serving, modules))


def _compiled(source: object, installed: str, below: str) -> bytes:
    from marshal import dumps
    from pathlib import Path

    text = Path(str(source)).read_bytes()
    return dumps(compile(text, f"{installed}/{below}", "exec", dont_inherit=True))


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).with_name(NAME).write_bytes(made(sys.argv[1]))

# SPDX-License-Identifier: MIT
"""What is imported straight from its bytecode is what Python would have imported."""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from credhelper.commands import bytecode


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The source of ``parcel.item``, which has bytecode; the package is served."""
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel/__init__.py").touch()
    source = tmp_path / "parcel/item.py"
    source.write_text("VALUE = 'first'\n")
    py_compile.compile(str(source))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    bytecode.serve("parcel")
    yield source
    for name in ("parcel", "parcel.item"):
        sys.modules.pop(name, None)


def imported() -> ModuleType:
    return importlib.import_module("parcel.item")


def served(found: ModuleType) -> bool:
    return type(found.__loader__).__module__ == bytecode.__name__


def test_a_module_is_as_python_imports_it(module: Path) -> None:
    ours = imported()
    assert served(ours)
    assert ours.VALUE == "first"
    assert ours.__loader__.get_source("parcel.item") == module.read_text()  # type: ignore[union-attr]
    del sys.modules["parcel.item"]
    bytecode.leave()
    pythons = imported()
    assert not served(pythons)
    for name in ("__file__", "__package__", "__name__", "__doc__"):
        assert getattr(ours, name) == getattr(pythons, name)
    for name in ("origin", "cached", "has_location", "parent", "submodule_search_locations"):
        assert getattr(ours.__spec__, name) == getattr(pythons.__spec__, name)


def test_it_can_be_loaded_again(module: Path) -> None:
    found = imported()
    module.write_text("VALUE = 'second, longer'\n")
    assert importlib.reload(found).VALUE == "second, longer"


def older(module: Path) -> None:
    os.utime(module, (1, 1))


def longer(module: Path) -> None:
    status = module.stat()
    module.write_text("VALUE = 'first' + ''\n")
    os.utime(module, (status.st_atime, status.st_mtime))


def not_cached(module: Path) -> None:
    for file in (module.parent / "__pycache__").iterdir():
        file.unlink()


def of_another_python(module: Path) -> None:
    for file in (module.parent / "__pycache__").iterdir():
        file.write_bytes(b"\0" + file.read_bytes()[1:])


def cut_short(module: Path) -> None:
    for file in (module.parent / "__pycache__").iterdir():
        file.write_bytes(file.read_bytes()[:10])


def held_to_a_hash(module: Path) -> None:
    py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)


@pytest.mark.parametrize(
    "change", [older, longer, not_cached, of_another_python, cut_short, held_to_a_hash]
)
def test_bytecode_of_anything_else_is_left_to_python(
    module: Path, change: Callable[[Path], None]
) -> None:
    change(module)
    found = imported()
    assert not served(found)
    assert found.VALUE == "first"


@pytest.mark.usefixtures("module")
def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"parcel\.other"):
        importlib.import_module("parcel.other")


@pytest.mark.usefixtures("module")
def test_a_python_that_has_bytecode_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    bytecode.leave()
    monkeypatch.setattr(sys, "pycache_prefix", "/var/cache/elsewhere")
    bytecode.serve("parcel")
    assert not served(imported())

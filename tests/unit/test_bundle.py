# SPDX-License-Identifier: MIT
"""The modules of a run in one file: the same code as the sources', and never in the way."""

from __future__ import annotations

import marshal
import shutil
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

import credhelper

PACKAGE = Path(credhelper.__file__).parent
LAUNCHER = Path(__file__).parents[2] / "bin/credhelper-decrypt-run"
# as the launcher does, with the package of the test: isolated, it would look for an installed one
START = """
import sys
sys.path.insert(0, sys.argv.pop(1))
launcher = sys.argv.pop(1)
sys.argv[0] = "credhelper-decrypt-run"
source = open(launcher).read()
"""
RUN = START + 'exec(compile(source, launcher, "exec"))'
SHOW = (
    START
    + """
exec(compile(source.replace("\\nmain()\\n", ""), launcher, "exec"))
for name in ("credhelper", "credhelper.commands.run", "credhelper.commands.trust"):
    module = sys.modules.get(name) or __import__(name, fromlist=["x"])
    print(type(module.__loader__).__name__, module.__file__, getattr(module, "__path__", ""))
sys.modules["credhelper.commands.run.bundle"].leave()
import credhelper.commands.grants
print(type(credhelper.commands.grants.__loader__).__name__)
"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package and its file, as a build makes it."""
    place = tmp_path_factory.mktemp("site")
    ignored = shutil.ignore_patterns("__pycache__", "*.marshal")
    shutil.copytree(PACKAGE, place / "credhelper", ignore=ignored)
    make = [sys.executable, "-B", "-m", "credhelper.commands.run.bundle", str(place)]
    subprocess.run(make, check=True, cwd="/", env={"PYTHONPATH": str(place)})
    return place


def bundled(site: Path) -> Path:
    return site / "credhelper/commands/run/modules.marshal"


def run(program: str, site: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-B", "-c", program, str(site), str(LAUNCHER), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_the_code_of_the_sources(site: Path) -> None:
    data = bundled(site).read_bytes()
    assert data.startswith(MAGIC_NUMBER)
    _, modules = marshal.loads(data[len(MAGIC_NUMBER) :])  # noqa: S302 # our own
    assert {"credhelper", "credhelper.commands.run", "credhelper.unsealing"} <= modules.keys()
    for below, size, code in modules.values():
        source = (site / below).read_bytes()
        made = marshal.loads(code)  # noqa: S302 # our own
        expected = compile(source, str(site / below), "exec", dont_inherit=True)
        assert (made, made.co_filename, size) == (expected, expected.co_filename, len(source))


def test_it_serves_modules_that_look_like_any_other(site: Path) -> None:
    package = f"{site}/credhelper"
    assert run(SHOW, site).stdout.splitlines() == [
        f"_Loader {package}/__init__.py ['{package}']",
        f"_Loader {package}/commands/run/__init__.py ['{package}/commands/run']",
        f"_Loader {package}/commands/trust.py ",
        "SourceFileLoader",
    ]


def test_a_source_that_was_changed_is_what_is_imported(site: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(site, tmp_path / "site")
    with (changed / "credhelper/commands/trust.py").open("a") as file:
        file.write("print('changed')\n")
    loaders = [line.split()[0] for line in run(SHOW, changed).stdout.splitlines()]
    assert loaders == ["_Loader", "_Loader", "changed", "SourceFileLoader", "SourceFileLoader"]


@pytest.mark.parametrize("data", [None, b"", b"\0\0\r\nof another Python"])
def test_without_it_or_with_another_pythons_a_run_starts(
    data: bytes | None, site: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(site, tmp_path / "site")
    bundled(other).unlink()
    if data is not None:
        bundled(other).write_bytes(data)
    finished = run(RUN, other, "--version")
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_damaged_one_is_told(site: Path, tmp_path: Path) -> None:
    other = shutil.copytree(site, tmp_path / "site")
    bundled(other).write_bytes(bundled(other).read_bytes()[:1000])
    finished = run(RUN, other, "--version")
    assert finished.returncode == 125
    assert finished.stderr.startswith("credhelper-decrypt-run: error: it cannot start: ")

# SPDX-License-Identifier: MIT
"""The ways to build the package: from any clone of a commit, with the same bytes each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from credhelper.commands.version import VERSION
from tests.package.rpmfile import CHECKOUT, Package

SPEC = CHECKOUT / "credhelper.spec"


def run(argv: Sequence[str], directory: Path, umask: int = 0o022) -> str:
    """Runs to a good end and gives the output."""
    environment = {
        **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200, check=False,
        umask=umask,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the commit at hand, as Copr and CI have it."""
    target = tmp_path / "clone"
    git = ["/usr/bin/git", "-c", f"safe.directory={CHECKOUT}/.git"]
    run([*git, "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), str(target)], tmp_path)
    return target


def source_package(directory: Path) -> Path:
    [path] = directory.glob("*.src.rpm")
    return path


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_the_versions_are_one() -> None:
    found = re.search(r"^Version: +(\S+)$", SPEC.read_text(), re.MULTILINE)
    assert found
    assert found[1] == VERSION
    assert f"> - {VERSION}-1" in SPEC.read_text().partition("%changelog")[2].splitlines()[1]


def test_two_source_packages_of_one_commit_are_identical(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    run(["/usr/bin/git", "clone", "--quiet", str(clone), str(other)], tmp_path)
    (other / "README.md").touch()
    for directory, umask in ((clone, 0o022), (other, 0o077)):
        run(["/usr/bin/make", "srpm", f"outdir={directory}/out"], directory, umask)
    assert digest(source_package(clone / "out")) == digest(source_package(other / "out"))


def test_copr_makes_the_source_package(clone: Path, tmp_path: Path) -> None:
    outdir = tmp_path / "result"
    run(["/usr/bin/make", "-f", ".copr/Makefile", "srpm", f"outdir={outdir}", "spec=x"], clone)
    package = Package(source_package(outdir))
    assert package.header["version"] == VERSION
    assert run(["/usr/bin/git", "status", "--porcelain"], clone) == ""


def test_a_changed_checkout_is_packed_as_it_is(clone: Path) -> None:
    (clone / "NEWS.md").write_text("not committed\n")
    run(["/usr/bin/make", "archive", "outdir=out"], clone)
    archive = f"out/credhelper-{VERSION}.tar.gz"
    unpack = ["/usr/bin/tar", "--extract", "--to-stdout", f"--file={archive}"]
    assert run([*unpack, f"credhelper-{VERSION}/NEWS.md"], clone) == "not committed\n"
    assert run(["/usr/bin/git", "diff", "--name-only"], clone) == "NEWS.md\n"


def test_the_home_of_the_project_is_written_in_one_place(clone: Path) -> None:
    makefile = (clone / "Makefile").read_text()
    names = dict(re.findall(r"^(HOME_URL|ADDRESS) := (.*)$", makefile, re.MULTILINE))
    new = {"HOME_URL": "https://forge.example.net/tools/keys", "ADDRESS": "keys@example.net"}
    for name, value in names.items():
        makefile = makefile.replace(f"{name} := {value}", f"{name} := {new[name]}")
    (clone / "Makefile").write_text(makefile)
    for _ in range(2):  # the second time, nothing is left to do
        run(["/usr/bin/make", "home"], clone)
    grep = ["/usr/bin/git", "grep", "--files-with-matches", "-F"]
    for name, value in new.items():
        found = run([*grep, value], clone).split()
        assert {"Makefile", "SECURITY.md", "credhelper.spec"} <= set(found), found
        left = subprocess.run([*grep, names[name]], cwd=clone, capture_output=True, text=True)
        assert left.stdout == ""
    assert "catalog/credhelper.catalog" in run([*grep, new["HOME_URL"]], clone)


def test_the_setuptools_of_epel_10_builds_the_wheel(clone: Path, tmp_path: Path) -> None:
    """What the spec does to pyproject.toml there is enough for setuptools 69."""
    shown = run(["/usr/bin/rpm", "--showrc"], clone)
    [path] = re.findall(r"^Macro path: (.*)$", shown, re.MULTILINE)
    macros = f"--macros={path}:{CHECKOUT}/tests/package/macros.fedora-stand-in"
    rpmspec = ["/usr/bin/rpmspec", "--parse", macros, "--define=rhel 10"]
    parsed = run([*rpmspec, str(SPEC)], clone)
    [fixing] = re.findall(r"^sed -i .*?pyproject\.toml$", parsed, re.MULTILINE | re.DOTALL)
    assert "python3dist(pytest)" in parsed
    assert "python3dist(zstandard)" in parsed  # its Python has no module for that
    run(["/bin/sh", "-c", fixing], clone)
    run([sys.executable, "-m", "venv", str(tmp_path / "old")], tmp_path)
    python = str(tmp_path / "old/bin/python")
    run([python, "-m", "pip", "install", "-q", "setuptools==69.0.3", "wheel"], tmp_path)
    wheel = [python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run([*wheel, "--wheel-dir", str(tmp_path), str(clone)], tmp_path)
    [built] = tmp_path.glob("credhelper-*.whl")
    with zipfile.ZipFile(built) as archive:
        metadata = archive.read(f"credhelper-{VERSION}.dist-info/METADATA").decode()
        assert f"credhelper-{VERSION}.dist-info/LICENSE" in archive.namelist()
    assert "\nLicense: MIT\n" in metadata
    assert f"\nVersion: {VERSION}\n" in metadata

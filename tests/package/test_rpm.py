# SPDX-License-Identifier: MIT
"""The built RPMs, as rpm(8) would install them."""

from __future__ import annotations

import ast
import re
import stat
import sys
from pathlib import Path

import pytest

from tests.package.rpmfile import BUILT, CHECKOUT, File, Package, packages

SOURCES = CHECKOUT / "src/credhelper"
LAUNCHERS = ("/usr/bin/credhelper", "/usr/bin/credhelper-decrypt-run")
TEMPLATE = "/usr/share/credhelper/sudoers.d/credhelper"
EXAMPLE = "/usr/share/credhelper/examples/report.py"
MANUAL_SUFFIX = re.compile(r"(\.[378])\.gz$")  # what compresses the pages is the distribution's

COMMANDS = "credhelper"
LIBRARY = "python3-credhelper"
EXTRAS = "python3-credhelper+commands"
COLLECTION = "ansible-collection-credhelper-credhelper"
COLLECTION_PLACE = "/usr/share/ansible/collections/ansible_collections/credhelper/credhelper"


@pytest.fixture(scope="module")
def built() -> dict[str, Package]:
    return packages(BUILT / "RPMS")


@pytest.fixture(scope="module")
def version() -> str:
    spec = (CHECKOUT / "credhelper.spec").read_text()
    found = re.search(r"^Version: +(\S+)$", spec, re.MULTILINE)
    assert found
    return found[1]


def site(package: Package) -> str:
    """Where the package has its modules."""
    [place] = {
        match[1]
        for path in package.files
        if (match := re.match(r"(/usr/lib/python3\.\d+/site-packages)/", path))
    }
    return place


def modules(package: Package) -> set[str]:
    """The sources of modules in the package, as paths below src/credhelper."""
    prefix = f"{site(package)}/credhelper/"
    sources = [path for path in package.files if path.endswith(".py")]
    return {path.removeprefix(prefix) for path in sources if path.startswith(prefix)}


def imported(source: Path) -> set[str]:
    """The absolute names that the module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def library_modules() -> set[str]:
    """What `import credhelper` and the pytest plugin can reach."""
    known = {path.stem for path in SOURCES.glob("*.py")} | {
        path.name for path in SOURCES.iterdir() if path.is_dir()
    }
    reached, to_do = {"__init__", "testing"}, ["__init__", "testing"]
    while to_do:
        for name in imported(SOURCES / f"{to_do.pop()}.py"):
            top, _, rest = name.partition(".")
            module = rest.split(".")[0]
            if top == "credhelper" and module in known - reached:
                reached.add(module)
                to_do.append(module)
    return {f"{name}.py" for name in reached}


def test_there_are_four_packages_for_any_machine(built: dict[str, Package], version: str) -> None:
    assert set(built) == {COMMANDS, LIBRARY, EXTRAS, COLLECTION}
    for name, package in built.items():
        assert package.header["arch"] == "noarch"
        assert package.header["version"] == version
        # Ansible wants that of the plugins which import it
        licence = "GPL-3.0-or-later" if name == COLLECTION else "MIT"
        assert package.header["license"] == licence


def test_every_module_is_in_one_package(built: dict[str, Package]) -> None:
    sources = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py")}
    assert modules(built[COMMANDS]) | modules(built[LIBRARY]) == sources
    shared = set(built[COMMANDS].files) & set(built[LIBRARY].files)
    assert shared == set()


def test_the_library_is_what_import_credhelper_reaches(built: dict[str, Package]) -> None:
    assert modules(built[LIBRARY]) == library_modules()
    assert f"{site(built[LIBRARY])}/credhelper/py.typed" in built[LIBRARY].files


def test_the_library_needs_the_standard_library_alone() -> None:
    for module in library_modules():
        allowed = sys.stdlib_module_names | {"credhelper", "_sha2"}  # which 3.12 has on
        if module == "testing.py":
            allowed |= {"pytest"}
        outside = {name for name in imported(SOURCES / module) if name.split(".")[0] not in allowed}
        assert outside == set(), module


def test_modules_come_with_their_bytecode(built: dict[str, Package]) -> None:
    for package in (built[COMMANDS], built[LIBRARY]):
        tag = site(package).split("/")[3].replace("python3.", "cpython-3")
        for module in modules(package):
            path = Path(site(package), "credhelper", module)
            cached = path.parent / "__pycache__" / f"{path.stem}.{tag}"
            assert f"{cached}.pyc" in package.files
            assert f"{cached}.opt-1.pyc" in package.files


def test_what_the_commands_bring_beside_modules(built: dict[str, Package]) -> None:
    package = built[COMMANDS]
    others = {
        MANUAL_SUFFIX.sub(r"\1", path)
        for path in package.files
        if not path.startswith(site(package))
    }
    completions = {
        "/usr/share/bash-completion/completions/credhelper",
        "/usr/share/bash-completion/completions/credhelper-decrypt-run",
        "/usr/share/fish/vendor_completions.d/credhelper.fish",
        "/usr/share/fish/vendor_completions.d/credhelper-decrypt-run.fish",
        "/usr/share/zsh/site-functions/_credhelper",
    }
    documentation = {
        "/usr/share/doc/credhelper",
        "/usr/share/doc/credhelper/NEWS.md",
        "/usr/share/doc/credhelper/README.md",
        "/usr/share/doc/credhelper/SECURITY.md",
        "/usr/share/doc/credhelper/pictures",
        *(
            f"/usr/share/doc/credhelper/pictures/{name}.svg"
            for name in ("list", "log", "mistake", "run")
        ),
        "/usr/share/licenses/credhelper",
        "/usr/share/licenses/credhelper/LICENSE",
        "/usr/share/man/man7/credhelper-recipes.7",
        "/usr/share/man/man8/credhelper.8",
        "/usr/share/man/man8/credhelper-decrypt-run.8",
    }
    assert others == {
        *LAUNCHERS,
        "/usr/share/credhelper",
        "/usr/share/credhelper/examples",
        EXAMPLE,
        "/usr/share/credhelper/schema",
        "/usr/share/credhelper/schema/output.json",
        "/usr/share/credhelper/sudoers.d",
        TEMPLATE,
        "/usr/lib/tmpfiles.d/credhelper.conf",
        "/usr/lib/systemd/catalog/credhelper.catalog",
        *completions,
        *documentation,
    }


def test_what_the_library_brings_beside_modules(built: dict[str, Package], version: str) -> None:
    package = built[LIBRARY]
    dist_info = f"{site(package)}/credhelper-{version}.dist-info"
    inside = {path for path in package.files if path.startswith(f"{site(package)}/credhelper/")}
    others = {MANUAL_SUFFIX.sub(r"\1", path) for path in set(package.files) - inside}
    assert {path for path in others if not path.startswith(dist_info)} == {
        f"{site(package)}/credhelper",
        "/usr/share/man/man3/credhelper.3",
    }
    names = {path.removeprefix(dist_info) for path in others if path.startswith(dist_info)}
    assert names >= {"", "/METADATA", "/licenses/LICENSE"}
    assert not names & {"/RECORD", "/REQUESTED", "/direct_url.json"}


def test_owners_and_modes(built: dict[str, Package]) -> None:
    for package in built.values():
        for file in package.files.values():
            assert (file.owner, file.group) == ("root", "root"), file.path
            if file.directory or file.path in {*LAUNCHERS, EXAMPLE}:
                assert file.mode == 0o755, file.path
            else:
                assert file.mode == 0o644, file.path


def test_each_package_that_installs_alone_has_the_licence(built: dict[str, Package]) -> None:
    def licences(package: Package) -> list[str]:
        return [file.path for file in package.files.values() if "license" in file.flags]

    for name in (COMMANDS, LIBRARY):
        [path] = licences(built[name])
        assert built[name].content(path) == (CHECKOUT / "LICENSE").read_bytes()
    [path] = licences(built[COLLECTION])
    assert built[COLLECTION].content(path) == (CHECKOUT / "ansible/COPYING").read_bytes()


def test_the_collection_is_what_the_tree_has(built: dict[str, Package]) -> None:
    """No module is executable or begins with ``#!``: Ansible reads them."""
    tree = CHECKOUT / "ansible"
    left_out = {"galaxy.yml"}  # ansible-galaxy makes MANIFEST.json of it
    files = {path for path in tree.rglob("*") if path.is_file()}
    expected = {str(path.relative_to(tree)) for path in files} - left_out
    inside = {
        path.removeprefix(f"{COLLECTION_PLACE}/"): file
        for path, file in built[COLLECTION].files.items()
        if path.startswith(f"{COLLECTION_PLACE}/") and not file.directory
    }
    assert set(inside) == expected | {"MANIFEST.json", "FILES.json"}
    for name in inside:
        if name.endswith(".py"):
            assert not built[COLLECTION].content(f"{COLLECTION_PLACE}/{name}").startswith(b"#!")


def test_nothing_is_active_configuration(built: dict[str, Package]) -> None:
    """No %config: the store is systemd's, the sudoers file a template to copy."""
    for package in built.values():
        marked: list[File] = [file for file in package.files.values() if "config" in file.flags]
        assert marked == []
    assert "doc" not in built[COMMANDS].files[TEMPLATE].flags  # installed with nodocs too
    assert not any(path.startswith("/etc") for path in built[COMMANDS].files)


def test_what_the_readme_links_to_is_packaged_beside_it(built: dict[str, Package]) -> None:
    links = re.findall(r"\]\((?!https://)([^)#]+)", (CHECKOUT / "README.md").read_text())
    assert links
    assert {f"/usr/share/doc/credhelper/{link}" for link in links} <= set(built[COMMANDS].files)


def test_there_are_no_scriptlets(built: dict[str, Package]) -> None:
    """systemd's file triggers create the store and read the catalog anew."""
    assert not any(package.scripts() for package in built.values())


def test_what_the_commands_require(built: dict[str, Package], version: str) -> None:
    exact = f"= {version}-{built[COMMANDS].header['release']}"
    required = built[COMMANDS].dependencies("requires")
    assert {text for text in required if not text.startswith("python(abi)")} == {
        "/usr/bin/python3",
        f"{LIBRARY} {exact}",
        f"{EXTRAS} {exact}",
        "sudo",
        "systemd",
    }
    assert built[COMMANDS].dependencies("recommends") == {
        "git-core",
        "(python3-zstandard if python3 < 3.14)",
        "vectorscan",
    }


def test_what_the_library_requires(built: dict[str, Package]) -> None:
    [abi] = built[LIBRARY].dependencies("requires")
    assert re.fullmatch(r"python\(abi\) = 3\.\d+", abi)
    provided = built[LIBRARY].dependencies("provides")
    assert any(text.startswith("python3dist(credhelper) = ") for text in provided)


def test_the_extra_requires_what_pyproject_names(built: dict[str, Package], version: str) -> None:
    required = built[EXTRAS].dependencies("requires")
    assert f"{LIBRARY} = {version}-{built[EXTRAS].header['release']}" in required
    named = {text.partition(")")[0].partition("(")[2] for text in required if "dist(" in text}
    assert named == {"python-dotenv", "rich"}
    assert all("ghost" in file.flags for file in built[EXTRAS].files.values())


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_commands_start_isolated(built: dict[str, Package], launcher: str) -> None:
    content = built[COMMANDS].content(launcher)
    assert content == (CHECKOUT / launcher.removeprefix("/usr/")).read_bytes()
    assert content.startswith(b"#!/usr/bin/python3 -I\n")


def test_the_source_package(version: str) -> None:
    [package] = packages(BUILT / "SRPMS").values()
    assert set(package.files) == {"credhelper.spec", f"credhelper-{version}.tar.gz"}
    assert all(stat.S_IMODE(file.mode) == 0o644 for file in package.files.values())
    required = package.dependencies("requires")
    generated = {text.partition(" ")[0] for text in required if text.startswith("python3dist(")}
    assert generated == {
        f"python3dist({name})"
        for name in (
            "setuptools",
            "rich",
            "python-dotenv",
            "hypothesis",
            "pytest",
            *(["zstandard"] if sys.version_info < (3, 14) else []),
        )
    }
    assert required - {text for text in required if text.startswith("python3dist(")} == {
        "ansible-packaging",
        "python3-devel",
        "systemd-rpm-macros",
    }

# SPDX-License-Identifier: MIT
"""Who could have written a file: the walk to it, and what it refuses."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from credhelper.commands import trust
from credhelper.errors import ScriptNotFound, Untrusted

OWNERS = (0, os.getuid())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that can be trusted, below a ``/`` of our own making."""
    directory = tmp_path.resolve() / "place"
    directory.mkdir(0o755)
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def script(place: Path) -> Path:
    """A script in it."""
    path = place / "script.py"
    path.write_text("pass\n")
    path.chmod(0o644)
    return path


def opened(path: str | Path) -> str:
    """The path without links of what was opened; its descriptor is closed again."""
    found = trust.open_file(str(path), OWNERS)
    os.close(found.descriptor)
    return found.path


def refusal(path: str | Path, owners: tuple[int, ...] = OWNERS) -> str:
    """What is said against ``path``, and that nothing stays open."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Untrusted) as caught:
        trust.open_file(str(path), owners)
    assert os.listdir("/proc/self/fd") == before
    assert caught.value.hint
    return caught.value.problem


@pytest.mark.parametrize(
    "given",
    [
        "script.py",
        "./script.py",
        ".//script.py",
        "../place/./script.py",
        "script.py/.",
        "{}",
        "//{}",
    ],
)
def test_every_way_to_write_a_path_leads_to_the_file(script: Path, given: str) -> None:
    assert opened(given.format(script)) == str(script)


def test_what_was_opened_is_what_is_read(script: Path) -> None:
    found = trust.open_file(str(script), OWNERS)
    script.rename(script.with_name("old.py"))
    script.write_text("raise SystemExit('another')\n")
    with open(found.descriptor, "rb") as file:
        assert file.read() == b"pass\n"
    assert not os.get_inheritable(os.open("/dev/null", os.O_RDONLY))


def test_links_are_followed_to_the_end(script: Path, place: Path) -> None:
    (place / "deep").mkdir()
    (place / "deep/absolute").symlink_to(script)
    (place / "relative").symlink_to("deep/../deep/absolute")
    (place / "directory").symlink_to(place)
    assert opened("directory/relative") == str(script)


def test_a_circle_of_links(place: Path) -> None:
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    assert refusal("one").endswith("one has too many symbolic links")


@pytest.mark.usefixtures("group_of_others")
@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646, 0o777])
def test_a_file_that_others_may_write(script: Path, mode: int) -> None:
    script.chmod(mode)
    assert refusal(script) == f"{script} may be written by others (mode {mode:04o})"


@pytest.mark.usefixtures("group_of_others")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_directory_on_the_way_that_others_may_write(script: Path, mode: int) -> None:
    script.parent.chmod(mode)
    assert refusal(script) == f"{script.parent} may be written by others (mode {mode:04o})"


def test_a_directory_that_a_link_leads_through(script: Path, place: Path) -> None:
    inner = place / "inner"
    inner.mkdir()
    (inner / "link").symlink_to(script)
    inner.chmod(0o777)
    assert "inner may be written by others" in refusal(inner / "link")


def test_a_sticky_directory_is_no_place_for_a_script_but_may_be_passed(
    script: Path, place: Path
) -> None:
    (place / "mine").mkdir()
    below = place / "mine/script.py"
    below.write_text("pass\n")
    place.chmod(0o1777)
    assert opened(below) == str(below)
    assert "mode 1777" in refusal(script)
    place.chmod(0o755)


def test_the_owner_is_named(script: Path) -> None:
    assert "belongs to" in refusal(script, (12345,))


def test_a_directory(place: Path) -> None:
    assert refusal(place) == f"{place} is a directory"
    assert refusal("/") == "/ is a directory"
    assert refusal("..") == ".. is a directory"


def test_what_is_not_a_regular_file(place: Path) -> None:
    os.mkfifo("fifo", 0o600)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert refusal("fifo") == f"{place}/fifo is not a regular file"
        assert refusal("socket") == f"{place}/socket is not a regular file"
    assert refusal("/dev/null") == "/dev/null is not a regular file"


@pytest.mark.parametrize("given", ["absent.py", "absent/script.py", "", "nul\0.py"])
def test_what_is_not_there(place: Path, given: str) -> None:
    with pytest.raises(ScriptNotFound) as caught:
        trust.open_file(given, OWNERS)
    assert place.exists()
    assert caught.value.hint


def test_a_dangling_link_names_what_is_missing(place: Path) -> None:
    (place / "link").symlink_to("gone/script.py")
    with pytest.raises(ScriptNotFound, match="link is not there") as caught:
        trust.open_file("link", OWNERS)
    assert caught.value.hint == f"look at the path; what is missing: {place}/gone"


def test_a_working_directory_that_is_gone(place: Path) -> None:
    place.rmdir()
    with pytest.raises(ScriptNotFound, match="working directory is gone"):
        trust.open_file("script.py", OWNERS)


def test_a_file_on_the_way(script: Path) -> None:
    assert "cannot be opened: Not a directory" in refusal(f"{script}/more.py")


def test_links_of_proc_are_read_as_paths(script: Path) -> None:
    """So that nobody is led around a directory that would be refused."""
    descriptor = os.open(script, os.O_RDONLY)
    try:
        assert opened(f"/proc/self/fd/{descriptor}") == str(script)
        script.parent.chmod(0o777)
        assert "may be written by others" in refusal(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def test_why_not_says_it_in_one_line(script: Path) -> None:
    assert trust.why_not(str(script), OWNERS) == ""
    assert trust.why_not(str(script) + "x", OWNERS) == f"{script}x is not there"
    script.chmod(0o666)
    assert trust.why_not(str(script), OWNERS) == f"{script} may be written by others (mode 0666)"

# SPDX-License-Identifier: MIT
"""What `credhelper sudoers` prints, as sudo's own parsers read it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credhelper.commands import sudoers
from credhelper.commands.sudoers import Grant

# whatever a directory service or a file system may come up with
_anything = st.characters(exclude_categories=["C", "Z"], exclude_characters="/")
_special = st.sampled_from('\\"#!:=,()*?[]^$%+-@ab xALL')
names = st.text(st.one_of(_special, _anything), min_size=1, max_size=20).filter(
    lambda name: name[0] not in "%:+#!- "
)
paths = st.lists(
    st.text(st.one_of(_special, _anything), min_size=1, max_size=20).map(
        lambda part: part.replace(" ", "_")
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: "/" + "/".join(parts))

quickly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_back(grant: Grant, directory: Path) -> Any:
    """The user specification as cvtsudoers(1) parses it, once visudo(8) has accepted the file."""
    file = directory / "drop-in"
    file.write_text(sudoers.drop_in(grant))
    subprocess.run(["/usr/sbin/visudo", "-csqf", str(file)], check=True)
    parsed = subprocess.run(
        ["/usr/bin/cvtsudoers", "--output-format=json", str(file)],
        stdout=subprocess.PIPE,
        check=True,
    )
    [specification] = json.loads(parsed.stdout)["User_Specs"]
    return specification


@given(name=names)
@quickly
def test_a_user_is_read_as_that_user(name: str, tmp_path: Path) -> None:
    specification = read_back(Grant("/opt/jobs/report.py", user=name), tmp_path)
    assert specification["User_List"] == [{"username": name}]


@given(name=names)
@quickly
def test_a_group_is_read_as_that_group(name: str, tmp_path: Path) -> None:
    specification = read_back(Grant("/opt/jobs/report.py", group=name), tmp_path)
    assert specification["User_List"] == [{"usergroup": name}]


@pytest.mark.parametrize("name", ["ALL", "ADMINS", "A1", "domain users", "CORP\\Ops", "o'brien"])
def test_names_that_mean_something_to_sudoers(name: str, tmp_path: Path) -> None:
    assert read_back(Grant("/x", user=name), tmp_path)["User_List"] == [{"username": name}]
    assert read_back(Grant("/x", group=name), tmp_path)["User_List"] == [{"usergroup": name}]


def test_numbers_are_ids(tmp_path: Path) -> None:
    assert read_back(Grant("/x", user="#1000"), tmp_path)["User_List"] == [{"userid": 1000}]
    assert read_back(Grant("/x", group="#1000"), tmp_path)["User_List"] == [{"usergid": 1000}]


@given(path=paths)
@quickly
def test_one_command_is_granted(path: str, tmp_path: Path) -> None:
    [granted] = read_back(Grant(path, user="alice"), tmp_path)["Cmnd_Specs"]
    assert granted["runasusers"] == [{"username": "root"}]
    assert {"authenticate": False} in granted["Options"]
    assert {"setenv": False} in granted["Options"]
    [command] = granted["Commands"]
    program, option, pattern = command["command"].split(" ")
    assert [program, option] == ["/usr/bin/credhelper-decrypt-run", "--root-owned"]
    assert matches(pattern) == path


def matches(pattern: str) -> str:
    """The only text that a pattern of fnmatch(3) without live wildcards matches."""
    text, characters = "", iter(pattern)
    for character in characters:
        assert character not in "*?[", pattern
        text += next(characters) if character == "\\" else character
    return text


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    [granted] = read_back(Grant("/x", user="alice", password=True), tmp_path)["Cmnd_Specs"]
    assert {"authenticate": True} in granted["Options"]

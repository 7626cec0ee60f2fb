# SPDX-License-Identifier: MIT
"""``load()`` from ``$CREDENTIALS_DIRECTORY``: as in a service, in the runner, in a user's test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import credhelper
from credhelper import loading
from credhelper.testing import Credentials


@pytest.fixture
def credentials(credhelper_credentials: Credentials) -> Credentials:
    return credhelper_credentials


def test_text_without_surrounding_white_space(credentials: Credentials) -> None:
    credentials["my_api_key"] = " sk-1234\n"
    assert credhelper.load("my_api_key") == "sk-1234"
    assert credhelper.load_bytes("my_api_key") == b" sk-1234\n"


def test_bytes_exactly(credentials: Credentials) -> None:
    value = bytes(range(256)) + b"\n"
    credentials["binary"] = value
    assert credhelper.load_bytes("binary") == value


def test_not_text_is_told_without_the_value(credentials: Credentials) -> None:
    credentials["binary"] = b"\xff\xfe-secret"
    with pytest.raises(credhelper.InvalidValue, match="not UTF-8") as caught:
        credhelper.load("binary")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "secret" not in repr(caught.value)


def test_read_once(credentials: Credentials) -> None:
    credentials["a"] = "1"
    assert credhelper.load("a") == "1"
    (credentials.directory / "a").write_text("2")
    assert credhelper.load("a") == "1"
    credentials["a"] = "3"
    assert credhelper.load("a") == "3"
    del credentials["a"]
    with pytest.raises(credhelper.CredentialNotFound):
        credhelper.load("a")


def test_all_at_once_and_what_is_there_stays(credentials: Credentials) -> None:
    credentials["a"] = "1"
    credentials["b"] = "2"
    with pytest.raises(credhelper.CredentialNotFound, match="missing"):
        credhelper.preload(["a", "missing", "b"])
    (credentials.directory / "b").unlink()
    assert credhelper.load("b") == "2"


def test_missing_says_how_to_declare_it(credentials: Credentials) -> None:
    credentials["other"] = "1"
    with pytest.raises(credhelper.CredentialNotFound) as caught:
        credhelper.load("my_api_key")
    assert "my_api_key is not in $CREDENTIALS_DIRECTORY" in caught.value.problem
    assert "credhelper-decrypt-run -c my_api_key" in caught.value.hint
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".", "x:y"])
def test_no_name_leads_out_of_the_directory(credentials: Credentials, name: str) -> None:
    (credentials.directory.parent / "escape").write_text("no")
    with pytest.raises(credhelper.InvalidName):
        credhelper.load(name)
    with pytest.raises(credhelper.InvalidName):
        credentials[name] = "1"


def test_what_cannot_be_read_is_told(credentials: Credentials) -> None:
    (credentials.directory / "a").mkdir()
    with pytest.raises(credhelper.StoreFailed, match="Is a directory"):
        credhelper.load("a")


def test_a_directory_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file))
    with pytest.raises(credhelper.CredentialNotFound, match="nothing is in /"):
        credhelper.load("a")


def test_larger_than_systemd_allows_is_refused_and_not_cut(credentials: Credentials) -> None:
    credentials["most"] = bytes(1 << 20)
    assert len(credhelper.load_bytes("most")) == 1 << 20
    credentials["more"] = bytes((1 << 20) + 1)
    with pytest.raises(credhelper.InvalidValue, match="1048576"):
        credhelper.load_bytes("more")


def test_a_child_has_what_its_parent_had(credentials: Credentials) -> None:
    credentials["a"] = "1"
    credhelper.load("a")
    (credentials.directory / "a").unlink()
    if (pid := os.fork()) == 0:
        os._exit(0 if loading.load("a") == "1" else 1)
    assert os.waitpid(pid, 0)[1] == 0

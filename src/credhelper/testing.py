# SPDX-License-Identifier: MIT
"""A pytest plugin for people who test their scripts: credentials without root and systemd.

>>> def test_report(credhelper_credentials):  # doctest: +SKIP
...     credhelper_credentials["my_api_key"] = "dummy"
...     assert report.main() == 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from credhelper import loading
from credhelper.name import CredentialName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Credentials:
    """Dummy credentials in a directory, as a service gets them (systemd.exec(5))."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __setitem__(self, name: str, value: str | bytes) -> None:
        """Sets a credential; raises :class:`credhelper.InvalidName`."""
        data = value.encode() if isinstance(value, str) else value
        (self.directory / CredentialName(name)).write_bytes(data)
        loading.forget()

    def __delitem__(self, name: str) -> None:
        """Removes a credential again."""
        (self.directory / CredentialName(name)).unlink()
        loading.forget()


@pytest.fixture
def credhelper_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Credentials]:
    """Credentials that ``load()`` and ``$CREDENTIALS_DIRECTORY`` give during one test."""
    directory = tmp_path / "credentials"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    loading.forget()
    yield Credentials(directory)
    loading.forget()

# SPDX-License-Identifier: MIT
"""Units that load a credential (systemd.exec(5)), as their files say."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from credhelper import store
from credhelper.commands import program
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DIRECTORIES: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
_SYSTEMCTL: Final = "/usr/bin/systemctl"
_LOADS: Final = re.compile(
    r"^[ \t]*(LoadCredential(?:Encrypted)?|ImportCredential)[ \t]*=[ \t]*(\S+)", re.MULTILINE
)


def loading(name: str) -> list[str]:
    """The units whose files or drop-ins load the credential ``name`` from the store, by name."""
    return sorted(
        {
            _unit(path)
            for path in _files()
            if any(_fits(name, key, value) for key, value in _LOADS.findall(_text(path)))
        }
    )


def try_restart(units: Sequence[str]) -> None:
    """Restarts those of ``units`` that run. Raises :class:`CredentialError`."""
    try:
        done = program.run(_SYSTEMCTL, "try-restart", "--", *map(pattern, units))
        reason = done.stderr.decode("utf-8", "replace").strip()
    except OSError as error:
        reason = f"{_SYSTEMCTL}: {error.strerror}"
    else:
        if done.returncode == 0:
            return
    raise CredentialError(
        f"the new value is in the store, but not all units restarted: {reason}",
        f"look at them: systemctl status {' '.join(units)}",
    )


def pattern(unit: str) -> str:
    """What names the ``unit`` to systemctl(1): all instances of a template."""
    return unit.replace("@.", "@*.") if "@." in unit else unit


def _files() -> Iterator[Path]:
    for directory in DIRECTORIES:
        for pattern in ("*.service", "*.socket", "*.mount", "*.swap", "*.d/*.conf"):
            yield from Path(directory).glob(pattern)


def _unit(path: Path) -> str:
    return path.parent.name.removesuffix(".d") if path.suffix == ".conf" else path.name


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return ""


def _fits(name: str, key: str, value: str) -> bool:
    identifier, _, path = value.partition(":")
    if key == "ImportCredential":
        return fnmatchcase(name, identifier)
    directory, _, file = (path or identifier).rpartition("/")
    return file == name and (not directory or os.path.normpath(directory) in store.SEARCHED)

# SPDX-License-Identifier: MIT
"""Asking sudo what it lets people do: its own answers, and no reading of sudoers(5) beside it.

``sudo -U USER -ll`` lists what concerns somebody, with aliases, includes, groups and host names
resolved, from sudoers and from sssd or LDAP alike; ``sudo -U USER -l COMMAND ARG...`` tells whether
one command line is allowed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SUDO: Final = "/usr/bin/sudo"
_VISUDO: Final = "/usr/sbin/visudo"
_CVTSUDOERS: Final = "/usr/bin/cvtsudoers"
_MAIN: Final = "/etc/sudoers"
# as wide as sudo takes: it folds lines, and a fold cannot be told from a blank
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "1000000"}
_AT_ONCE: Final = 4
_TIME_LIMIT_SECONDS: Final = 20.0
_HEADING: Final = re.compile(r"(Sudoers entry|LDAP Role|SSSD Role):? ?(.*)")
_DENIED: Final = re.compile(r"User \S+ (is not allowed to run sudo|may not run sudo)")


@dataclass(frozen=True)
class Entry:
    """One command that a rule allows (or denies, with ``!``), as sudo lists it."""

    file: str  # empty where sudo does not tell, before 1.9.15
    command: str
    runas: tuple[str, ...]
    options: frozenset[str]
    chroot: str


@dataclass(frozen=True)
class Listing:
    """All that sudo lists of somebody. ``defaults`` are those that match, ``bound`` those that are
    bound to a command or to whom it is run as; ``odd`` is what was not understood."""

    entries: tuple[Entry, ...] = ()
    defaults: str = ""
    bound: tuple[str, ...] = ()
    odd: str = ""


def listings(people: Iterable[str]) -> dict[str, Listing]:
    """What sudo lists of each, by account name."""
    names = list(people)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(_listing, names), strict=True))


def allows(person: str, *argv: str) -> bool:
    """Whether sudo would let ``person`` run ``argv`` as root, with a password or without."""
    return _run(SUDO, "-n", "-U", person, "-u", "root", "-l", *argv).returncode == 0


def files() -> tuple[list[str], list[str]]:
    """The files that sudo goes by, and what visudo(8) has against them, a line each."""
    done = _run(_VISUDO, "-c")
    lines = f"{done.stdout}\n{done.stderr}".splitlines()
    suffix = ": parsed OK"
    read = [line.removesuffix(suffix) for line in lines if line.endswith(suffix)]
    if done.returncode == 0:
        return read, []
    return read, [line for line in lines if ": " in line and not line.endswith(suffix)]


def named() -> dict[str, bool] | None:
    """Whom sudoers names, as it writes them (``alice``, ``%ops``, ``+net``); and whether in more
    than the rule of administrators, who may do anything with their password.

    None where that cannot be told: cvtsudoers(1) is not there or cannot read all of it.
    """
    done = _run(_CVTSUDOERS, "-f", "json", _MAIN)
    try:
        data: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    except ValueError:
        return None
    if not data and done.returncode:
        return None
    found: dict[str, bool] = {}
    lists = [(s.get("User_List", []), _is_for_some(s)) for s in data.get("User_Specs", [])]
    lists += [(members, True) for members in data.get("User_Aliases", {}).values()]
    for members, for_some in lists:
        for written in filter(None, map(_written, members)):
            found[written] = for_some or found.get(written, False)
    return found


def _is_for_some(spec: dict[str, Any]) -> bool:
    """Whether the rule allows some commands, or any without a password."""
    return any(
        rule.get("Commands") != [{"command": "ALL"}]
        or {"authenticate": False} in rule.get("Options", [])
        for rule in spec.get("Cmnd_Specs", [])
    )


def _written(member: dict[str, Any]) -> str:
    kinds = {
        "username": "",
        "userid": "#",
        "usergroup": "%",
        "usergid": "%#",
        "netgroup": "+",
        "nonunixgroup": "%:",
        "nonunixgid": "%:#",
    }
    return next((f"{kinds[kind]}{name}" for kind, name in member.items() if kind in kinds), "")


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end; a program that is not there ends with 127, one that hangs with 124."""
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_ENVIRONMENT,
            cwd="/",
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIME_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"{argv[0]} does not answer")
    except OSError as error:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: {error.strerror}")


def _listing(person: str) -> Listing:
    done = _run(SUDO, "-n", "-U", person, "-ll")
    if done.returncode:
        lines = done.stderr.splitlines() or [f"exit status {done.returncode}"]
        return Listing(odd=lines[-1])
    return parsed(done.stdout)


def parsed(text: str) -> Listing:
    """What ``sudo -ll`` printed."""
    head, may, body = text.partition(" may run the following commands on ")
    if not may:
        return Listing() if _DENIED.search(text) else Listing(odd=text.strip().split("\n")[0])
    matching, _, bound = head.partition("Runas and Command-specific defaults for ")
    defaults = matching.partition(":\n")[2] if "Defaults entries" in matching else ""
    return Listing(
        entries=tuple(_entries(body.partition("\n")[2])),
        defaults=defaults.partition("\n\n")[0],
        bound=tuple(re.findall(r"Defaults[!>].*?(?=\s{4}Defaults[!>]|\n|$)", bound)),
    )


def _entries(text: str) -> Iterable[Entry]:
    file = ""
    settings: dict[str, str] = {}
    for line in text.splitlines():
        if heading := _HEADING.fullmatch(line):
            file = heading[2] if heading[1] == "Sudoers entry" else f"{heading[1]} {heading[2]}"
            settings = {}
        elif line.startswith("\t"):
            yield Entry(
                file,
                line.strip(),
                tuple(settings.get("RunAsUsers", "root").split(", ")),
                frozenset(settings.get("Options", "").split(", ")),
                settings.get("Chroot", ""),
            )
        elif line.strip():
            key, _, value = line.strip().partition(": ")
            settings[key] = value


def is_there() -> bool:
    """Whether there is a sudo to ask."""
    return os.access(SUDO, os.X_OK)

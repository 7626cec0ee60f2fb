# SPDX-License-Identifier: MIT
"""The rules of sudoers(5), as sudo's own parser reads them: cvtsudoers(1) to JSON.

One file at a time, so that each rule is known with its file; the aliases of all count for all.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from credhelper.commands import program

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIN: Final = "/etc/sudoers"
_CVTSUDOERS: Final = "/usr/bin/cvtsudoers"
_INCLUDE: Final = re.compile(r'^[@#]include(dir)?\s+"?([^"\n]+?)"?\s*$', re.MULTILINE)
_DEEPEST: Final = 8
_Json = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Who may run one command. ``users`` are as sudoers writes them (``%ops``); ``arguments`` is
    the pattern after the path, None where any are allowed."""

    file: str
    users: tuple[str, ...]
    path: str
    arguments: str | None
    password: bool
    setenv: bool


@dataclass(frozen=True)
class Sudoers:
    """All rules that allow something; ``errors`` by file; files of which ``loose`` tells that
    their ``Defaults`` let the caller's environment through; ``drop_ins`` lie in an includedir."""

    rules: tuple[Rule, ...]
    errors: dict[str, str]
    loose: tuple[str, ...]
    drop_ins: frozenset[str]


def read(runner: str) -> Sudoers:
    """What sudo goes by; nothing where there is no sudo. ``runner`` is what Defaults may name."""
    parsed: dict[str, _Json] = {}
    errors: dict[str, str] = {}
    drop_ins: set[str] = set()
    for file, text, is_drop_in in _files(MAIN, _DEEPEST):
        if is_drop_in:
            drop_ins.add(file)
        try:
            parsed[file] = _parse(text)
        except ValueError as error:
            errors[file] = str(error)
    aliases = {kind: _aliases(parsed, kind) for kind in ("Command_Aliases", "User_Aliases")}
    rules = [
        rule
        for file, data in parsed.items()
        for spec in data.get("User_Specs", [])
        for rule in _rules(file, spec, aliases)
    ]
    loose = tuple(file for file, data in parsed.items() if _is_loose(data, runner))
    return Sudoers(tuple(rules), errors, loose, frozenset(drop_ins))


def _files(path: str, deepest: int, is_drop_in: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Path, text without its includes, and whether it is a drop-in, of ``path`` and what it
    includes."""
    try:
        text = Path(path).read_text("utf-8", "surrogateescape")
    except OSError:
        return
    yield path, _INCLUDE.sub("", text), is_drop_in
    for match in _INCLUDE.finditer(text) if deepest else ():
        target = os.path.join(os.path.dirname(path), match[2].replace("\\ ", " "))
        if not match[1]:
            yield from _files(target, deepest - 1)
            continue
        try:
            names = sorted(os.listdir(target))
        except OSError:
            continue
        for name in names:
            if "." not in name and not name.endswith("~"):  # those sudo skips
                yield from _files(os.path.join(target, name), deepest - 1, True)


def _parse(text: str) -> _Json:
    """Raises ``ValueError`` with what cvtsudoers says."""
    try:
        stdin = text.encode("utf-8", "surrogateescape")
        done = program.run(_CVTSUDOERS, "-f", "json", "-", stdin=stdin)
    except OSError as error:
        raise ValueError(f"{_CVTSUDOERS}: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        raise ValueError(lines[0] if lines else "cvtsudoers failed")
    data: _Json = json.loads(done.stdout or b"{}")
    return data


def _aliases(parsed: dict[str, _Json], kind: str) -> dict[str, list[_Json]]:
    return {
        name: members for data in parsed.values() for name, members in data.get(kind, {}).items()
    }


def _rules(file: str, spec: _Json, aliases: dict[str, dict[str, list[_Json]]]) -> Iterator[Rule]:
    users = tuple(_users(spec.get("User_List", []), aliases["User_Aliases"], _DEEPEST))
    for command_spec in spec.get("Cmnd_Specs", []):
        options: _Json = {}
        for option in command_spec.get("Options", []):
            options |= option
        members = command_spec.get("Commands", [])
        for command in _commands(members, aliases["Command_Aliases"], _DEEPEST):
            path, blank, arguments = command.partition(" ")
            yield Rule(
                file,
                users,
                path,
                arguments if blank else None,
                password=bool(options.get("authenticate", True)),
                setenv=bool(options.get("setenv", False)),
            )


def _commands(members: list[_Json], aliases: dict[str, list[_Json]], deepest: int) -> Iterator[str]:
    for member in members:
        if member.get("negated"):
            continue
        if "command" in member:
            yield str(member["command"])
        elif deepest and member.get("cmndalias") in aliases:
            yield from _commands(aliases[member["cmndalias"]], aliases, deepest - 1)


def _users(members: list[_Json], aliases: dict[str, list[_Json]], deepest: int) -> Iterator[str]:
    prefixes = {"username": "", "usergroup": "%", "netgroup": "+", "nonunixgroup": "%:"}
    for member in members:
        if member.get("negated"):
            continue
        if deepest and member.get("useralias") in aliases:
            yield from _users(aliases[member["useralias"]], aliases, deepest - 1)
        else:
            kind, name = next((k, v) for k, v in member.items() if k != "negated")
            numbers = {"userid": "#", "usergid": "%#"}
            yield f"{prefixes.get(kind, numbers.get(kind, ''))}{name}"


def _is_loose(data: _Json, runner: str) -> bool:
    """Whether ``Defaults``, for all or for the runner, let the caller's environment through."""
    for entry in data.get("Defaults", []):
        binding = entry.get("Binding")
        if binding and not any(bound.get("command", "") == runner for bound in binding):
            continue
        for option in entry.get("Options", []):
            if option.get("env_reset") is False or option.get("setenv") is True:
                return True
    return False

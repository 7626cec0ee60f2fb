# SPDX-License-Identifier: MIT
"""What many hosts tell of their credentials, as the rows of one table.

A host's facts are what ``credhelper check --json`` and ``credhelper list --json --verify`` print
there, gathered by whatever reaches the hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from credhelper.errors import InvalidValue

NO_FACTS: Final = "no facts: the host was not reached"
_SHAPE: Final = 'write it as {"HOST": {"check": {...}, "credentials": [...]}, ...}'


@dataclass(frozen=True)
class Row:
    """A credential of a host; without a name, what concerns the host as a whole.

    ``age_days`` is since the value was last written, ``expires`` and ``last_used`` are times as
    they were told, empty where they were not.
    """

    host: str
    credential: str = ""
    bound_to: str = ""
    age_days: int | None = None
    expires: str = ""
    last_used: str = ""
    findings: tuple[str, ...] = ()


def read(text: bytes) -> dict[str, Any]:
    """The facts by host in the JSON ``text``. Raises :class:`InvalidValue` for another shape."""
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise InvalidValue(f"the facts are not JSON: {error}", _SHAPE) from None
    if not isinstance(facts, dict) or not all(isinstance(known, dict) for known in facts.values()):
        raise InvalidValue("the facts are no object of hosts", _SHAPE)
    return facts


def rows(facts: Mapping[str, Mapping[str, Any]], now: datetime) -> list[Row]:
    """A row for each credential of each host, and for each host that has findings of its own.

    Raises :class:`InvalidValue` for facts that are not credhelper's.
    """
    made: list[Row] = []
    for host in sorted(facts):
        try:
            made += _of_host(host, facts[host], now)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise InvalidValue(f"the facts of {host} are not credhelper's", _SHAPE) from None
    return made


def _of_host(host: str, known: Mapping[str, Any], now: datetime) -> Iterator[Row]:
    if not known:
        yield Row(host, findings=(NO_FACTS,))
        return
    left = [(str(f["subject"]), _finding(f)) for f in known["check"]["findings"]]
    for credential in known["credentials"]:
        name = str(credential["name"])
        path = str(credential["path"])
        mine = [text for subject, text in left if subject in (name, path)]
        left = [(subject, text) for subject, text in left if subject not in (name, path)]
        age = now - datetime.fromisoformat(credential["modified"])
        yield Row(
            host,
            name,
            str(credential["bound_to"]),
            max(0, age.days),
            str(credential.get("expires") or ""),
            str((credential.get("last_used") or {}).get("time", "")),
            tuple(_unique([*mine, *map(str, credential["problems"])])),
        )
    if left:
        yield Row(host, findings=tuple(f"{subject}: {text}" for subject, text in left))


def _finding(finding: Mapping[str, Any]) -> str:
    return f"{finding['severity']}: {finding['evidence']}"


def _unique(texts: Iterable[str]) -> list[str]:
    """``texts`` without what another of them says as well."""
    kept: list[str] = []
    for text in texts:
        if not any(text in other for other in kept):
            kept.append(text)
    return kept

# SPDX-License-Identifier: MIT
"""The library as a script inside a machine uses it, with what came of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.machines.machine import Machine

_CALL = """
import base64, json, sys
from credhelper import errors, load_bytes, unsealing
from credhelper.commands import sealing
operation, name, options = json.loads(sys.argv[1])
unsealing.TIME_LIMIT_SECONDS = options.pop("time_limit", unsealing.TIME_LIMIT_SECONDS)
answers = []
for line in sys.stdin:
    given = base64.b64decode(line)
    try:
        if operation == "seal":
            value = sealing.seal(name, given, **options)
        elif operation == "unseal":
            value = sealing.unseal(name, given, **options)
        else:
            value = load_bytes(given.decode())
    except errors.CredentialError as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        answers.append(["", kinds, error.problem, error.hint])
    else:
        answers.append([base64.b64encode(value).decode(), [], "", ""])
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Outcome:
    """The value, or the error's class names (its own first), what went wrong and the way out."""

    value: bytes = b""
    kinds: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def error(self) -> str:
        return self.kinds[0] if self.kinds else ""


def seal(machine: Machine, name: str, value: bytes, **options: str) -> Outcome:
    """sealing.seal; the outcome's value is the sealed credential."""
    return _call(machine, "seal", name, [value], options)[0]


def unseal(machine: Machine, name: str, blob: bytes, **options: str | bool | float) -> Outcome:
    """sealing.unseal; `time_limit` (s) stands in for the 90 s that nobody wants to wait for."""
    return _call(machine, "unseal", name, [blob], options)[0]


def unseal_each(machine: Machine, name: str, blobs: Sequence[bytes]) -> list[Outcome]:
    """sealing.unseal of one after the other."""
    return _call(machine, "unseal", name, blobs, {})


def load(machine: Machine, name: str) -> Outcome:
    """credhelper.load_bytes."""
    return load_each(machine, [name])[0]


def load_each(machine: Machine, names: Sequence[str]) -> list[Outcome]:
    """credhelper.load_bytes of one after the other."""
    return _call(machine, "load", "", [name.encode() for name in names], {})


def _call(
    machine: Machine,
    operation: str,
    name: str,
    given: Sequence[bytes],
    options: Mapping[str, object],
) -> list[Outcome]:
    asked = json.dumps([operation, name, dict(options)])
    python = ["/usr/bin/python3", "-I", "-W", "error", "-c", _CALL, asked]
    lines = b"".join(base64.b64encode(one) + b"\n" for one in given)
    done = machine.run(python, input=lines, timeout=100, check=True)
    return [
        Outcome(base64.b64decode(value), tuple(kinds), problem, hint)
        for value, kinds, problem, hint in json.loads(done.stdout)
    ]

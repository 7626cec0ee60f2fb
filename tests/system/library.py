"""The library as a script inside a machine uses it, with what came of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.machines.machine import Machine

_CALL = """
import base64, json, sys
from credhelper import errors, sealing, store
asked = json.loads(sys.argv[1])
sealing.TIME_LIMIT_SECONDS = asked["options"].pop("time_limit", sealing.TIME_LIMIT_SECONDS)
value = base64.b64decode(sys.stdin.buffer.read())
try:
    if asked["operation"] == "seal":
        result = sealing.seal(asked["name"], value, **asked["options"])
    elif asked["operation"] == "unseal":
        result = sealing.unseal(asked["name"], value, **asked["options"])
    else:
        import credhelper
        result = credhelper.load_bytes(asked["name"])
except errors.CredentialError as error:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    print(json.dumps({"kinds": kinds, "problem": error.problem, "hint": error.hint}))
else:
    print(json.dumps({"value": base64.b64encode(result).decode()}))
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
    return _call(machine, "seal", name, value, options)


def unseal(machine: Machine, name: str, blob: bytes, **options: str | bool | float) -> Outcome:
    """sealing.unseal; `time_limit` (s) stands in for the 90 s that nobody wants to wait for."""
    return _call(machine, "unseal", name, blob, options)


def load(machine: Machine, name: str) -> Outcome:
    """credhelper.load_bytes."""
    return _call(machine, "load", name, b"", {})


def _call(
    machine: Machine, operation: str, name: str, given: bytes, options: Mapping[str, object]
) -> Outcome:
    asked = json.dumps({"operation": operation, "name": name, "options": dict(options)})
    python = ["/usr/bin/python3", "-I", "-W", "error", "-c", _CALL, asked]
    done = machine.run(python, input=base64.b64encode(given), timeout=100, check=True)
    answer = json.loads(done.stdout)
    if "value" in answer:
        return Outcome(value=base64.b64decode(answer["value"]))
    return Outcome(kinds=tuple(answer["kinds"]), problem=answer["problem"], hint=answer["hint"])

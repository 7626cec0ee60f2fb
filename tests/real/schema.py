# SPDX-License-Identifier: MIT
"""What ``--json`` prints is what the packaged schema describes: all of it, and nothing else."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

SCHEMA: Final = Path(__file__).parents[2] / "schema/output.json"


def check(text: bytes | str) -> None:
    """Fails where ``text`` is not JSON that the schema describes to its last key."""
    problems = [
        f"{error.json_path}: {error.message}" for error in _exact().iter_errors(json.loads(text))
    ]
    assert problems == []


@functools.cache
def _exact() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    for verb in schema["$defs"].values():
        _close(verb)
    return Draft202012Validator(schema)


def _close(node: Any) -> None:
    """Has each object of ``node`` hold what is described alone."""
    if isinstance(node, list):
        for child in node:
            _close(child)
    elif isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            node.setdefault("additionalProperties", False)
        for child in list(node.values()):
            _close(child)

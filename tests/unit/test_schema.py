# SPDX-License-Identifier: MIT
"""The schema of ``--json``: which verbs it is of. Real outputs are checked where they are made."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from credhelper.commands.cli import terminal
from credhelper.commands.cli.usage import build_parser

SCHEMA = Path(__file__).parents[2] / "schema/output.json"


def test_each_verb_that_prints_json_is_described() -> None:
    [verbs] = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    printing = {name for name, p in verbs.choices.items() if "--json" in p._option_string_actions}
    described = json.loads(SCHEMA.read_text())
    assert set(described["properties"]["verb"]["enum"]) == printing
    assert printing <= described["$defs"].keys()
    assert described["properties"]["format"]["const"] == terminal.JSON_FORMAT

# SPDX-License-Identifier: MIT
"""``--dry-run``: the plan, for people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from credhelper.commands import messages
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credhelper.commands.run.planning import Plan


def show(plan: Plan, results: Mapping[str, bytes | CredentialError]) -> bool:
    """Prints what would be run, and how; whether it could be."""
    owned = "root alone" if plan.options.root_owned else "root and the invoking user"
    lines = [
        ("script", plan.script.real or plan.script.path),
        ("sha256", plan.script.sha256),
        ("trust", f"can be written by {owned} only"),
        (
            "interpreter",
            f"{plan.interpreter.shown} ({plan.interpreter.kind}: {plan.interpreter.why})",
        ),
        ("user", f"{plan.account.pw_name} (user id {plan.account.pw_uid})"),
        ("directory", os.getcwd()),
        ("environment", " ".join(sorted(plan.environment))),
    ]
    for name, result in results.items():
        outcome = result.problem if isinstance(result, CredentialError) else "decrypts"
        lines.append(("credential", f"{name}: {outcome}"))
    for variable, name in plan.variables.items():
        lines.append(("variable", f"{variable} from {name}"))
    if not results:
        lines.append(("credential", "none declared: load() decrypts on demand, as root"))
    for what, text in lines:
        messages.say(f"{what + ':':<13}{messages.one_line(text)}")
    return not any(isinstance(result, CredentialError) for result in results.values())

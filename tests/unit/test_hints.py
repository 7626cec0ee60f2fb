# SPDX-License-Identifier: MIT
"""No advice destroys what may be needed: each one that takes something away is in this table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import credhelper

PACKAGE = Path(credhelper.__file__).parent
# commands that take a file, its old content or its place away
DESTRUCTIVE = re.compile(
    r"\b(rm|mv|shred|truncate|unlink|stash drop|reflog expire|notes remove) |"
    r"\bcredhelper (rotate|remove|leaks --rewrite)\b|--(rotate|delete-source|prune)\b"
)
# where the advice stands, how it begins, and why nothing is lost that is still needed
JUSTIFIED = {
    ("refusals.py", "seal it again from the source: sudo credhelper rotate {}"): (
        "asks for the value first: whoever has it loses nothing"
    ),
    ("refusals.py", "give it a new value: sudo credhelper rotate {}"): "it has expired",
    ("refusals.py", "seal it without --user or --uid: sudo credhelper rotate {}"): (
        "asks for the value first"
    ),
    ("commands/installing.py", "to give it a new value: sudo credhelper rotate {}"): (
        "what was asked for, with the verb that says that the old value goes"
    ),
    ("commands/cli/import_.py", "to give them the file's values: --rotate; "): (
        "a choice of two, and the new values are in the file"
    ),
    ("commands/cli/usage.py", "examples:"): "no advice: --help shows the verbs in use",
    ("commands/cli/leaks_report.py", "sudo credhelper rotate {}"): (
        "the value is in the open; asks for the new one"
    ),
    ("commands/cli/import_.py", "once the script runs, give the command again"): (
        "removes the file once its sealed copies are verified"
    ),
    ("commands/leaks/advice.py", "sudo credhelper leaks --rewrite {}"): (
        "replaces the value and nothing else; asks, and refuses over uncommitted changes"
    ),
    ("commands/leaks/machine.py", "journalctl --rotate"): (
        "journald has no other way to take one record out; said that all archived ones go"
    ),
    ("commands/leaks/advice.py", "{} stash drop {}"): "an entry that holds the value",
    ("commands/leaks/advice.py", "{} reflog expire {}"): (
        "empties logs that lead to the value, but never that of a stash"
    ),
    ("commands/leaks/advice.py", "{} gc --prune=now"): "what nothing leads to any more",
    ("commands/check/credentials.py", "credhelper rotate|add {}"): "asks for the value first",
    ("commands/check/scripts.py", "credhelper rotate {}"): (
        "the value stands in the script's source; asks for the new one"
    ),
    ("commands/check/plaintext.py", "rm -- {}"): "the store was seen to hold the same value",
    ("commands/check/plaintext.py", "credhelper add {} --from-file {} --delete-source"): (
        "removes the file once its sealed copy is verified"
    ),
    ("commands/check/machine.py", "mv -n {} /root/credential.secret.damaged"): (
        "too short to be a key, and moved, never over another file"
    ),
    ("commands/check/machine.py", "sudo cp -p {} {}.single && sudo mv {}.single {}"): (
        "the same bytes, which had two names"
    ),
    ("commands/check/store.py", "rm -r {}"): "a leftover of credhelper's own, by its prefix",
    ("commands/check/sudoers_programs.py", "ab ansible-playbook"): (
        "no advice: the programs that let who may run them become root"
    ),
}


def text(node: ast.expr) -> str:
    """A string of the source, with ``{}`` for what is filled in; empty for what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w*\}", "{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            text(part) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (text(node.left) or "{}") + (text(node.right) or "{}")
    return ""


def advice(path: Path) -> Iterator[str]:
    """All text of a module that could be advice: its strings, and the words of its commands."""
    tree = ast.parse(path.read_text())
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.BinOp)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "command":
            yield " ".join(
                {"verb": "rotate|add"}.get(getattr(word, "id", ""), text(word) or "{}")
                for word in node.args
            )
        elif isinstance(node, ast.expr) and id(node) not in told | parts and not is_option(node):
            yield text(node)


def is_option(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).startswith("--")


def found() -> set[tuple[str, str]]:
    return {
        (str(path.relative_to(PACKAGE)), words)
        for path in PACKAGE.rglob("*.py")
        for words in advice(path)
        if DESTRUCTIVE.search(words)
    }


def justification(module: str, words: str) -> str:
    fitting = (why for (m, start), why in JUSTIFIED.items() if m == module and start in words)
    return next(fitting, "")


def test_each_advice_that_takes_something_away_is_justified() -> None:
    unjustified = [(m, words) for m, words in found() if not justification(m, words)]
    assert unjustified == []


def test_the_table_holds_nothing_else() -> None:
    every = found()
    unused = [
        (module, start)
        for module, start in JUSTIFIED
        if not any(m == module and start in words for m, words in every)
    ]
    assert unused == []

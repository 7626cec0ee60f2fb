# SPDX-License-Identifier: MIT
"""Where the values of credentials go in a Python program: followed by name, function by function.

A look at the source, not a proof: what goes through containers, attributes and calls of unknown
functions is lost sight of.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADERS: Final = ("load", "load_bytes")
_KEEPING: Final = ("str", "repr", "bytes", "format", "ascii", "dict", "list", "tuple")
_TELLING_LITTLE: Final = ("startswith", "endswith", "count", "find", "index", "isascii", "isdigit")
_LEVELS: Final = "debug info warning warn error exception critical fatal log".split()
_RUNNING: Final = (
    "run Popen call check_call check_output getoutput system popen execv execvp".split()
)
_COMMON: Final = ("run", "call", "system")  # what a function of one's own may be called, too
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Use:
    """A value of ``credential`` (``?`` if unknown) that is shown: ``how`` and on which line."""

    line: int
    credential: str
    how: str
    rule: str


@dataclass(frozen=True)
class Followed:
    """What a program loads, by name and first line, and where it shows it."""

    loaded: dict[str, int]
    uses: tuple[Use, ...]


def follow(tree: ast.Module) -> Followed:
    """What the program ``tree`` does with credentials."""
    follower = _Follower(tree)
    loaded: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and follower.is_load(node) and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                loaded.setdefault(argument.value, node.lineno)
    return Followed(loaded, tuple(sorted(follower.uses(), key=lambda use: use.line)))


class _Follower:
    """Which names hold values: by function and name, the module's under an empty function."""

    def __init__(self, tree: ast.Module) -> None:
        self._functions, self._modules = _imported(tree)
        self._nodes = list(_with_scope(tree, ""))
        self._local = {
            (scope, name.id)
            for scope, node in self._nodes
            for name in ast.walk(node)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr)
            and isinstance(name, ast.Name)
            and isinstance(name.ctx, ast.Store)
        }
        self._held: dict[tuple[str, str], str] = {}
        while self._spread():
            pass

    def _spread(self) -> bool:
        before = len(self._held)
        for scope, node in self._nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
                origin = self.origin(node.value, scope) if node.value else ""
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets if origin else ():
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            self._held.setdefault((scope, name.id), origin)
        return len(self._held) > before

    def is_load(self, call: ast.Call) -> bool:
        """Whether it is a call of credhelper's ``load()`` or ``load_bytes()``."""
        function = call.func
        if isinstance(function, ast.Name):
            return function.id in self._functions
        return (
            isinstance(function, ast.Attribute)
            and function.attr in _LOADERS
            and isinstance(function.value, ast.Name)
            and function.value.id in self._modules
        )

    def origin(self, node: ast.expr | None, scope: str) -> str:
        """The credential whose value the expression holds; empty if none."""
        match node:
            case ast.Name():
                own = (scope, node.id)
                return self._held.get(own if own in self._local else ("", node.id), "")
            case ast.Call():
                return self._origin_of_call(node, scope)
            case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.FormattedValue():
                return self.origin(node.value, scope)
            case ast.Await() | ast.NamedExpr():
                return self.origin(node.value, scope)
            case ast.BinOp():
                parts: list[ast.expr | None] = [node.left, node.right]
            case ast.JoinedStr() | ast.BoolOp():
                parts = list(node.values)
            case ast.List() | ast.Tuple() | ast.Set():
                parts = list(node.elts)
            case ast.Dict():
                parts = list(node.values)
            case ast.IfExp():
                parts = [node.body, node.orelse]
            case _:
                return ""
        return next((found for part in parts if (found := self.origin(part, scope))), "")

    def _origin_of_call(self, call: ast.Call, scope: str) -> str:
        if self.is_load(call):
            first = call.args[0] if call.args else None
            is_name = isinstance(first, ast.Constant) and isinstance(first.value, str)
            return str(first.value) if is_name and isinstance(first, ast.Constant) else "?"
        if _decrypts(call):
            return "?"
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        of_arguments = next((o for a in arguments if (o := self.origin(a, scope))), "")
        if isinstance(call.func, ast.Attribute):
            if call.func.attr == "reveal":
                return "?"
            if call.func.attr in ("format", "join", "dumps"):
                return of_arguments
            if call.func.attr in _TELLING_LITTLE:
                return ""
            return self.origin(call.func.value, scope)
        if isinstance(call.func, ast.Name) and call.func.id in _KEEPING:
            return of_arguments
        return ""

    def uses(self) -> Iterator[Use]:
        """Where values are shown."""
        for scope, node in self._nodes:
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                yield from self._shown(node.exc, scope, "puts into an exception", "value-raised")
            elif isinstance(node, ast.Call) and (sink := _sink(node)):
                yield from self._shown(node, scope, *sink)

    def _shown(self, call: ast.Call, scope: str, how: str, rule: str) -> Iterator[Use]:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        if rule == "value-in-arguments":
            arguments = call.args[: 2 if _name_of(call.func).startswith("exec") else 1]
        if origin := next((o for a in arguments if (o := self.origin(a, scope))), ""):
            yield Use(call.lineno, origin, how, rule)


def _imported(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names under which the loading functions, and the library itself, are known."""
    functions, modules = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "credhelper":
            functions |= {a.asname or a.name for a in node.names if a.name in _LOADERS}
        elif isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name == "credhelper"}
    return functions, modules


def _with_scope(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield scope, child
        inner = (
            f"{scope}/{child.lineno}:{child.col_offset}" if isinstance(child, _SCOPES) else scope
        )
        yield from _with_scope(child, inner)


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Call):  # logging.getLogger(...).info
        function = function.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _base_of(function: ast.expr) -> str:
    return _name_of(function.value) if isinstance(function, ast.Attribute) else ""


def _sink(call: ast.Call) -> tuple[str, str] | None:
    """How a call shows its arguments, if it does, and the rule against that."""
    name, base = _name_of(call.func), _base_of(call.func)
    if name in ("print", "pprint") or (name == "write" and base in ("stdout", "stderr", "buffer")):
        return "prints", "value-printed"
    if (name in _LEVELS and "log" in base.lower()) or (base, name) == ("warnings", "warn"):
        return "logs", "value-logged"
    if name in _RUNNING and (base in ("subprocess", "os") or (not base and name not in _COMMON)):
        return "puts on a command line, for every user to see,", "value-in-arguments"
    return None


def _decrypts(call: ast.Call) -> bool:
    """Whether it runs systemd-creds to decrypt, as one did before there was a library for it."""
    if _name_of(call.func) not in _RUNNING:
        return False
    words = [
        node.value
        for argument in call.args[:1]
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    text = " ".join(words)
    return "systemd-creds" in text and "decrypt" in text

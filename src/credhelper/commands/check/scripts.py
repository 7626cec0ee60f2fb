# SPDX-License-Identifier: MIT
"""Scripts: keys in their source, values that they print, credentials that they do not declare.

A look at the source, not a proof. A value is followed from ``load()`` into the names that it is
assigned to, in the order of the lines, and no further.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import stat
import warnings
from typing import TYPE_CHECKING, Final

from credhelper.commands import metadata
from credhelper.commands.check.finding import Area, Finding, Severity, command, editor
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_LARGEST_BYTES: Final = 16 << 20
_SHORTEST_VALUE: Final = 8
# how well-known services begin their keys; from the beginning of a word, so that no text is
# looked at twice
_KEYS: Final = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{20}|sk_(?:live|test)_\w{16}|gh[pousr]_\w{30}|github_pat_\w{22}"
    r"|glpat-[\w-]{20}|xox[abprs]-[\w-]{10}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30}"
    r"|npm_\w{36}|SG\.[\w-]{20,99}\.[\w-]{20}|eyJ[\w-]{10,999}\.eyJ[\w-]{10,}\.\w)"
    r"|-----BEGIN [A-Z ]{0,99}PRIVATE KEY-----"
)
_LOADERS: Final = ("load", "load_bytes")
_LEVELS: Final = "debug info warning warn error exception critical fatal log".split()
_RUNNING: Final = (
    "run Popen call check_call check_output getoutput system popen execv execvp".split()
)


def findings(path: str, names: Collection[str], values: Mapping[str, bytes]) -> Iterator[Finding]:
    """What is wrong with the script at ``path``; ``names`` and ``values`` are the store's.

    Raises :class:`CredentialError` where it cannot be read.
    """
    source = _read(path)
    yield from _known_values(path, source, values)
    declared: set[str] = set()
    has_block = True
    try:
        block = metadata.declared(source)
    except CredentialError as error:
        yield _finding(Severity.FAILURE, "metadata", path, 1, error.problem)
    else:
        declared = {str(name) for name in (*block.credentials, *block.environment.values())}
        has_block = b" /// script" in source
        for name in sorted(declared - set(names)):
            evidence = f"declares {name}, which is not in the store"
            fix = command("credhelper", "add", name)
            yield Finding(Area.SCRIPTS, Severity.WARNING, "not-in-store", path, evidence, fix)
    yield from _keys(path, source, values)
    if not _is_python(path, source):
        return
    try:
        loaded, printed = _followed(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        yield _finding(Severity.FAILURE, "syntax", path, line, "is not Python")
        return
    except (RecursionError, MemoryError):
        evidence = "is nested too deeply to be looked at as Python"
        yield _finding(Severity.WARNING, "syntax", path, 1, evidence)
        return
    for line, name, how in printed:
        what = f"{how} the value of {name or 'a credential'}"
        yield _finding(Severity.WARNING, "value-printed", path, line, what)
    if missing := sorted(set(loaded) - declared):
        yield _undeclared(path, source, missing, loaded, has_block=has_block)


def _finding(
    severity: Severity, rule: str, path: str, line: int, evidence: str, fix: str = ""
) -> Finding:
    evidence = f"line {line}: {evidence}"
    return Finding(Area.SCRIPTS, severity, rule, path, evidence, fix or editor(path, line))


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}", "give the path of a script") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_BYTES:
            raise CredentialError(f"{path} is no script", "give the path of a script")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _is_python(path: str, source: bytes) -> bool:
    """As the runner sees it: what names no interpreter is Python."""
    if source.startswith(b"#!"):
        return b"python" in source.split(b"\n", 1)[0]
    return os.path.splitext(path)[1] in ("", ".py")


def _known_values(path: str, source: bytes, values: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, value in values.items():
        bare = value.strip()
        if len(bare) >= _SHORTEST_VALUE and (at := source.find(bare)) >= 0:
            line = source.count(b"\n", 0, at) + 1
            evidence = f'holds the value of {name}: write load("{name}") there, and rotate'
            fix = f"{editor(path, line)} && {command('credhelper', 'rotate', name)}"
            yield _finding(Severity.FAILURE, "value-in-source", path, line, evidence, fix)


def _keys(path: str, source: bytes, values: Mapping[str, bytes]) -> Iterator[Finding]:
    """Keys by their look, except for those that are told already, and better, as known values."""
    text = source.decode("utf-8", "replace")
    known = [value.strip() for value in values.values() if len(value.strip()) >= _SHORTEST_VALUE]
    line, at = 1, 0
    for found in _KEYS.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        if any(text[at : at + len(value)].encode() == value for value in known):
            continue
        evidence = 'holds a key: seal it and write load("my_api_key") there'
        fix = f"{command('credhelper', 'add', 'my_api_key')} && {editor(path, line)}"
        yield _finding(Severity.FAILURE, "key-in-source", path, line, evidence, fix)


def _followed(source: bytes) -> tuple[dict[str, int], list[tuple[int, str, str]]]:
    """What a program loads, by name and first line; and each line that shows a value, whose (empty
    if unknown) and how.

    Raises ``SyntaxError``, ``ValueError``, ``RecursionError`` and ``MemoryError``.
    """
    with warnings.catch_warnings(action="ignore"):  # such as of escapes that are none
        nodes = [
            node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.stmt | ast.expr | ast.arg)
        ]
    loads = _loads(nodes)
    held: dict[str, str] = {}
    printed = []
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.arg):  # another scope's name
            held.pop(node.arg, None)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = _value_in(node.value, loads, held) if node.value else None
            for target in targets:
                if not isinstance(target, ast.Name):
                    continue
                if value is not None:
                    held[target.id] = value
                elif not isinstance(node, ast.AugAssign):
                    held.pop(target.id, None)
        elif isinstance(node, ast.Call) and (how := _shows(node)):
            shown = (_value_in(argument, loads, held) for argument in _shown_arguments(node))
            if (name := next((one for one in shown if one is not None), None)) is not None:
                printed.append((node.lineno, name, how))
    loaded: dict[str, int] = {}
    for call in (node for node in nodes if isinstance(node, ast.Call) and id(node) in loads):
        if name := loads[id(call)]:
            loaded[name] = min(call.lineno, loaded.get(name, call.lineno))
    return loaded, printed


def _loads(nodes: Sequence[ast.AST]) -> dict[int, str]:
    """The calls of the library's ``load()``, by identity, each with its credential (empty if that
    is not written out); and ``reveal()``, which gives the value that is not masked."""
    functions, modules = set(), set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "credhelper":
            functions |= {a.asname or a.name for a in node.names if a.name in _LOADERS}
        elif isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name == "credhelper"}
    loads = {}
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in functions:
                pass
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=module), attr=name), args=arguments
            ) if module in modules and name in _LOADERS:
                pass
            case ast.Call(func=ast.Attribute(attr="reveal"), args=[]):
                arguments = []
            case _:
                continue
        match arguments:
            case [ast.Constant(value=str(credential)), *_]:
                loads[id(node)] = credential
            case _:
                loads[id(node)] = ""
    return loads


def _value_in(node: ast.expr, loads: Mapping[int, str], held: Mapping[str, str]) -> str | None:
    """The credential whose value the expression is, or is put into text; None if there is none."""
    left: list[ast.expr] = [node]
    while left:
        here = left.pop()
        if id(here) in loads:
            return loads[id(here)]
        match here:
            case ast.Name() if here.id in held:
                return held[here.id]
            case ast.BinOp():
                left += [here.left, here.right]
            case ast.JoinedStr() | ast.BoolOp():
                left += here.values
            case ast.List() | ast.Tuple():
                left += here.elts
            case ast.Dict():
                left += here.values
            case ast.FormattedValue() | ast.Starred() | ast.Subscript() | ast.NamedExpr():
                left.append(here.value)
            case ast.Call(func=ast.Attribute(attr="format")):
                left += here.args
            case ast.Call(func=ast.Attribute(value=text, attr="strip" | "decode" | "encode")):
                left.append(text)
            case ast.Call(func=ast.Name(id="str" | "repr")):
                left += here.args
    return None


def _shows(call: ast.Call) -> str:
    """How a call shows its arguments; empty if it does not."""
    name = _last_name(call.func)
    base = _last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in ("print", "pprint") or (name == "write" and base in ("stdout", "stderr")):
        return "prints"
    if name in _LEVELS and "log" in base.lower():
        return "logs"
    if name in _RUNNING and base in ("subprocess", "os"):
        return "puts on a command line, for every user to see,"
    return ""


def _last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c`` and of ``a.b.c(d)``."""
    match node:
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return ""


def _shown_arguments(call: ast.Call) -> list[ast.expr]:
    """Of a program that is run, its command line: what goes to its input is not shown."""
    runs = isinstance(call.func, ast.Attribute) and call.func.attr in _RUNNING
    return call.args[:2] if runs else call.args


def _undeclared(
    path: str, source: bytes, missing: list[str], loaded: Mapping[str, int], *, has_block: bool
) -> Finding:
    listed = ", ".join(missing)
    if has_block:
        evidence = f"loads {listed} without declaring it in the metadata block"
        return _finding(Severity.WARNING, "undeclared", path, loaded[missing[0]], evidence)
    quoted = ", ".join(f'"{name}"' for name in missing)
    block = ("# /// script", "# [tool.credhelper]", f"# credentials = [{quoted}]", "# ///")
    fix = editor(path)
    if source.startswith(b"#!") and b"\n" in source:
        fix = f"printf '%s\\n' {shlex.join(block)} | sed -i '1r /dev/stdin' {shlex.quote(path)}"
    evidence = (
        f"loads {listed} without declaring it: each is decrypted only when it is asked for, "
        "and not for another user than root"
    )
    return Finding(Area.SCRIPTS, Severity.NOTE, "undeclared", path, evidence, fix)

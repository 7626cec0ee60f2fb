# SPDX-License-Identifier: MIT
"""Scripts: keys in their source, values that they show, credentials that they do not declare."""

from __future__ import annotations

import ast
import os
import re
import shlex
import stat
from typing import TYPE_CHECKING, Final

from credhelper.commands import script
from credhelper.commands.check import values as follow_values
from credhelper.commands.check.finding import Area, Finding, Severity, command, editor
from credhelper.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_LARGEST_BYTES: Final = 16 << 20
_SHORTEST_VALUE: Final = 8
# how well-known services begin their keys
_KEYS: Final = re.compile(
    r"sk-[\w-]{20,}|sk_(?:live|test)_\w{16,}|gh[pousr]_\w{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,}|npm_\w{36}"
    r"|SG\.[\w-]{20,}\.[\w-]{20,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:api_?key|secret(?:_?key)?|access_?key|private_?key|auth_?key|token|passw(?:or)?d"
    r"|passphrase|pwd)$",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(
    r"example|changeme|change_me|your|dummy|xxx|\.\.\.|[<>{}\s]|^\W*$", re.IGNORECASE
)


def findings(path: str, names: Collection[str], values: Mapping[str, bytes]) -> Iterator[Finding]:
    """What is amiss with the script at ``path``; ``names`` and ``values`` are the store's.

    Raises :class:`CredentialError` where it cannot be read.
    """
    source = _read(path)
    yield from _known_values(path, source, values)
    declared: set[str] = set()
    has_block = True
    try:
        block = script.declared(source)
    except CredentialError as error:
        yield _finding(Severity.FAILURE, "metadata", path, 1, error.problem)
    else:
        declared = {str(name) for name in (*block.credentials, *block.environment.values())}
        has_block = b"# /// script" in source
        for name in sorted(declared - set(names)):
            evidence = f"declares {name}, which is not in the store"
            mend = command("credhelper", "add", name)
            yield Finding(Severity.WARNING, Area.SCRIPTS, "not-in-store", path, evidence, mend)
    if not _is_python(path, source):
        yield from _known_keys(path, source)
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        yield _finding(Severity.FAILURE, "syntax", path, line, "is not Python")
        return
    yield from _literals(path, tree, values)
    followed = follow_values.follow(tree)
    for use in followed.uses:
        what = "a credential" if use.credential == "?" else use.credential
        severity = Severity.FAILURE if use.rule == "value-in-arguments" else Severity.WARNING
        yield _finding(severity, use.rule, path, use.line, f"{use.how} the value of {what}")
    if missing := sorted(set(followed.loaded) - declared):
        yield _undeclared(path, source, missing, followed.loaded, has_block=has_block)


def _finding(severity: Severity, rule: str, path: str, line: int, evidence: str) -> Finding:
    return Finding(
        severity, Area.SCRIPTS, rule, path, f"line {line}: {evidence}", editor(path, line)
    )


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
            yield Finding(
                Severity.FAILURE,
                Area.SCRIPTS,
                "value-in-source",
                path,
                f'line {line}: holds the value of {name}: write load("{name}") there, and rotate',
                f"{editor(path, line)} && {command('credhelper', 'rotate', name)}",
            )


def _known_keys(path: str, source: bytes) -> Iterator[Finding]:
    for number, line in enumerate(source.decode("utf-8", "replace").splitlines(), 1):
        if _KEYS.search(line):
            yield _key(path, number, "my_api_key", Severity.FAILURE, "holds a key")


def _literals(path: str, tree: ast.Module, values: Mapping[str, bytes]) -> Iterator[Finding]:
    """Keys in the source: by their look, or by the name of what they are assigned to."""
    known = {value.strip() for value in values.values()}
    named = {id(node): name for node, name in _named_strings(tree)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)):
            continue
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        if text.encode("utf-8", "surrogatepass").strip() in known:
            continue  # told already, and better
        name = named.get(id(node), "")
        if _KEYS.search(text):
            what = f"{name or 'a string'} holds a key"
            yield _key(path, node.lineno, name, Severity.FAILURE, what)
        elif _SECRET_NAME.search(name) and _looks_secret(text):
            what = f"{name} is set to a string that looks like a secret"
            yield _key(path, node.lineno, name, Severity.WARNING, what)


def _looks_secret(text: str) -> bool:
    kinds = (str.isdigit, str.islower, str.isupper)
    mixed = sum(any(map(kind, text)) for kind in kinds) >= 2
    return len(text) >= _SHORTEST_VALUE and mixed and not _PLACEHOLDER.search(text)


def _key(path: str, line: int, name: str, severity: Severity, what: str) -> Finding:
    credential = re.sub(r"\W", "_", name.lower()).strip("_") or "my_api_key"
    return Finding(
        severity,
        Area.SCRIPTS,
        "key-in-source",
        path,
        f'line {line}: {what}: seal it and write load("{credential}") there',
        f"{command('credhelper', 'add', credential)} && {editor(path, line)}",
    )


def _named_strings(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Strings with the name of the variable, argument or key that they are given to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((node.value, _name(target)) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value:
            yield node.value, _name(node.target)
        elif isinstance(node, ast.keyword):
            yield node.value, node.arg or ""
        elif isinstance(node, ast.Dict):
            yield from ((v, _name(k)) for k, v in zip(node.keys, node.values, strict=True) if k)
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args][-len(node.defaults) :]
            yield from ((d, a.arg) for a, d in zip(positional, node.defaults, strict=False))
            yield from (
                (d, a.arg) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d
            )


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Constant(value=str()):
            return str(node.value)
        case ast.Subscript():
            return _name(node.slice)
    return ""


def _undeclared(
    path: str, source: bytes, missing: list[str], loaded: Mapping[str, int], *, has_block: bool
) -> Finding:
    listed = ", ".join(missing)
    if has_block:
        evidence = f"loads {listed} without declaring it in the metadata block"
        return _finding(Severity.WARNING, "undeclared", path, loaded[missing[0]], evidence)
    quoted = ", ".join(f'"{name}"' for name in missing)
    block = ("# /// script", "# [tool.credhelper]", f"# credentials = [{quoted}]", "# ///")
    mend = editor(path)
    if source.startswith(b"#!") and b"\n" in source:
        mend = f"printf '%s\\n' {shlex.join(block)} | sed -i '1r /dev/stdin' {shlex.quote(path)}"
    evidence = (
        f"loads {listed} without declaring it: each is decrypted only when it is asked for, "
        "and not for another user than root"
    )
    return Finding(Severity.NOTE, Area.SCRIPTS, "undeclared", path, evidence, mend)

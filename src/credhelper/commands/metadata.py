# SPDX-License-Identifier: MIT
"""A script's inline metadata: which credentials it declares, and which Python it needs.

The block is that of the Python packaging specification "Inline script metadata", in the comments
of the script's language: ``#``, and ``//``, ``--`` or ``;`` where that is how comments begin.
"""

from __future__ import annotations

from credhelper.errors import CredentialError, RunnerFailed
from credhelper.name import CredentialName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

_OPENING: Final = b" /// script"
_SIGNS: Final = (b"#", b"//", b"--", b";;", b";")  # of comments
_EXAMPLE: Final = (
    'write it as: credentials = ["my_api_key"] and environment = { VAR = "my_api_key" }'
)


class Declared:
    """What a script declares: ``credentials``, ``environment`` from variables to names,
    ``requires_python``, the versions that it is for (empty: any), and whether what its children
    write is to be masked as well (``masks_children``)."""

    __slots__ = ("credentials", "environment", "masks_children", "requires_python")

    def __init__(
        self,
        credentials: list[CredentialName],
        environment: dict[str, CredentialName],
        requires_python: str = "",
        *,
        masks_children: bool = False,
    ) -> None:
        self.credentials = credentials
        self.environment = environment
        self.requires_python = requires_python
        self.masks_children = masks_children


def declared(source: bytes) -> Declared:
    """What the inline metadata says under ``[tool.credhelper]``; nothing where there is none.

    Raises :class:`RunnerFailed` for a block that is malformed or there twice, and for unknown
    keys, wrong types and impossible names in it.
    """
    if _OPENING not in source:  # no parser is loaded for a script that declares nothing
        return Declared([], {})
    blocks = list(_blocks(source))
    if len(blocks) > 1:
        raise _malformed("there are two script metadata blocks", "keep one")
    if not blocks:
        return Declared([], {})
    if (plain := _plain(blocks[0])) is not None:
        return Declared(_credentials(plain[1]), {}, plain[0])
    import tomllib

    try:
        metadata = tomllib.loads(blocks[0].decode())
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError
        raise _malformed(str(error), _EXAMPLE) from None
    except RecursionError:
        raise _malformed("it is nested too deeply", _EXAMPLE) from None
    tool = metadata.get("tool", {})
    table = tool.get("credhelper", {}) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise _malformed("tool.credhelper is not a table", _EXAMPLE)
    if unknown := sorted(set(table) - {"credentials", "environment", "mask"}):
        raise _malformed(f"tool.credhelper has an unknown key {unknown[0]!a}", _EXAMPLE)
    masked = table.get("mask", "")
    if masked not in ("", "children"):
        raise _malformed(f"mask is {masked!a}", 'write it as: mask = "children"')
    needed = metadata.get("requires-python", "")
    if not isinstance(needed, str):
        raise _malformed("requires-python is no text", 'write it as: requires-python = ">=3.11"')
    return Declared(
        _credentials(table.get("credentials", [])),
        _environment(table.get("environment", {})),
        needed,
        masks_children=bool(masked),
    )


def _plain(block: bytes) -> tuple[str, list[str]] | None:
    """``requires-python`` and the credentials in a block that holds no more than these, in plain
    strings; None for any other.

    It gives what TOML does: a parser, with the regular expressions in it, takes as long to import
    as all the rest of a run.
    """
    text = block.decode("latin-1")
    if not text.isascii() or not text.replace("\n", "").isprintable() or "\\" in text:
        return None
    lines = [line.strip(" ") for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    needed = ""
    if lines and lines[0].partition("=")[0].rstrip(" ") == "requires-python":
        parts = lines.pop(0).partition("=")[2].split('"')
        if len(parts) != 3 or parts[0].strip(" ") or parts[2].strip(" ") or not parts[1]:
            return None
        needed = parts[1]
    key, _, value = "\n".join(lines[1:]).partition("=")
    value = value.strip(" ")
    if (
        lines[:1] != ["[tool.credhelper]"]
        or key.rstrip(" ") != "credentials"
        or not (value.startswith("[") and value.endswith("]"))
    ):
        return None
    parts = value[1:-1].split('"')
    names, between = parts[1::2], [part.strip(" \n") for part in parts[::2]]
    if not names:
        return (needed, []) if between == [""] else None
    commas = ["", *[","] * (len(names) - 1)]
    if between not in ([*commas, ""], [*commas, ","]) or "\n" in "".join(names):
        return None
    return needed, names


def check_variable(name: str) -> None:
    """Raises :class:`RunnerFailed` for what is no name of an environment variable to be set."""
    if not (name.isascii() and name.isidentifier()):
        raise RunnerFailed(f"{name!a} is no name of a variable", "such as API_KEY")
    if name in _RESERVED or name.startswith(("LD_", "PYTHON")):
        raise RunnerFailed(f"{name} is not to be set from a credential", "choose another name")


_RESERVED: Final = frozenset(
    "PATH HOME USER LOGNAME SHELL IFS ENV BASH_ENV CREDENTIALS_DIRECTORY".split()
)


def _credentials(value: object) -> list[CredentialName]:
    if not isinstance(value, list):
        raise _malformed("credentials is not a list", _EXAMPLE)
    names: list[CredentialName] = []
    for item in value:
        name = _name(item, "credentials")
        if name in names:
            raise _malformed(f"credentials has {name} twice", "keep one")
        names.append(name)
    return names


def _environment(value: object) -> dict[str, CredentialName]:
    if not isinstance(value, dict):
        raise _malformed("environment is not a table", _EXAMPLE)
    for variable in value:
        check_variable(variable)
    return {variable: _name(item, "environment") for variable, item in value.items()}


def _name(value: object, key: str) -> CredentialName:
    if not isinstance(value, str):
        raise _malformed(f"{key} holds {value!a}, which is no name", _EXAMPLE)
    try:
        return CredentialName(value)
    except CredentialError as error:
        raise _malformed(error.problem, error.hint) from None


def _malformed(problem: str, hint: str) -> RunnerFailed:
    return RunnerFailed(f"the script's metadata block: {problem}", hint)


def _blocks(source: bytes) -> Iterator[bytes]:
    """The contents of the blocks of type ``script``. One that is never closed is no block, says
    the specification; where it is meant for this program, that is an error."""
    lines = source.splitlines()
    index = 0
    while index < len(lines):
        sign, marker, kind = lines[index].partition(b" /// ")
        if not marker or sign not in _SIGNS or not kind.replace(b"-", b"x").isalnum():
            index += 1
            continue
        start, closing = sign + b" ", sign + b" ///"
        end = index + 1
        while end < len(lines) and (lines[end] == sign or lines[end].startswith(start)):
            end += 1
        comment = lines[index + 1 : end]
        if closing not in comment:
            if kind == b"script" and any(b"credhelper" in line for line in comment):
                raise _malformed("it is not closed", f"end it with a line: {closing.decode()}")
        elif kind == b"script":
            content = comment[: len(comment) - 1 - comment[::-1].index(closing)]
            yield b"\n".join(line[len(start) :] for line in content)
        index = end

# SPDX-License-Identifier: MIT
"""A script as it was opened: its bytes, its shebang and its inline metadata.

The metadata block is that of the Python packaging specification "Inline script metadata".
"""

from __future__ import annotations

import os

from credhelper.commands import trust
from credhelper.errors import CredentialError, RunnerFailed, Untrusted
from credhelper.name import CredentialName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Final

MAXIMUM_BYTES: Final = 256 << 20
_SHEBANG_BYTES: Final = 255  # what the kernel looks at: BINPRM_BUF_SIZE, less a zero at its end
_ANY_OPENING: Final = b"# /// "
_OPENING: Final = _ANY_OPENING + b"script"
_EXAMPLE: Final = (
    'write it as: credentials = ["my_api_key"] and environment = { VAR = "my_api_key" }'
)


class Script:
    """A script: its ``path`` as given, the ``real`` one without links, its ``source``."""

    __slots__ = ("descriptor", "path", "real", "source")

    def __init__(self, path: str, real: str, source: bytes, descriptor: int = -1) -> None:
        self.path = path
        self.real = real
        self.source = source
        self.descriptor = descriptor

    def close(self) -> None:
        """Lets go of the file; its bytes stay."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, in hexadecimal."""
        from credhelper.digest import sha256

        return str(sha256(self.source).hexdigest())


def read(path: str, owners: Collection[int]) -> Script:
    """The script at ``path``, if only ``owners`` could have written it.

    Raises :class:`credhelper.errors.Untrusted` or :class:`credhelper.errors.ScriptNotFound`.
    """
    opened = trust.open_file(path, owners)
    if opened.status.st_size > MAXIMUM_BYTES:
        raise Untrusted(f"{path} has {opened.status.st_size} bytes", "give the path of a script")
    try:
        with open(opened.descriptor, "rb", buffering=0, closefd=False) as file:
            return Script(path, opened.path, file.readall(), opened.descriptor)
    except OSError as error:
        raise Untrusted(f"{path} cannot be read: {error.strerror}", "look at the disk") from None


def shebang(source: bytes) -> tuple[str, str] | None:
    """The interpreter that the first line names and the one argument after it, as the kernel
    reads it (execve(2)); None where there is no such line."""
    if not source.startswith(b"#!"):
        return None
    line, newline, _ = source[2:_SHEBANG_BYTES].partition(b"\n")
    line = line.strip(b" \t")
    end = min((at for at in map(line.find, (b" ", b"\t", b"\0")) if at >= 0), default=len(line))
    if not line or (not newline and len(source) > _SHEBANG_BYTES and end == len(line)):
        raise RunnerFailed("the script's first line names no interpreter", "mend the #! line")
    argument = line[end:].lstrip(b" \t").partition(b"\0")[0]  # strings of the kernel end at a zero
    return os.fsdecode(line[:end]), os.fsdecode(argument)


class Declared:
    """What a script declares: ``credentials``, and ``environment`` from variables to names."""

    __slots__ = ("credentials", "environment")

    def __init__(self, credentials: list[CredentialName], environment: dict[str, CredentialName]):
        self.credentials = credentials
        self.environment = environment


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
    if (names := _plain_list(blocks[0])) is not None:
        return Declared(_credentials(names), {})
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
    if unknown := sorted(set(table) - {"credentials", "environment"}):
        raise _malformed(f"tool.credhelper has an unknown key {unknown[0]!a}", _EXAMPLE)
    return Declared(
        _credentials(table.get("credentials", [])), _environment(table.get("environment", {}))
    )


def _plain_list(block: bytes) -> list[str] | None:
    """The credentials in a block that holds this list alone, in plain strings; None for any other.

    It gives what TOML does: a parser, with the regular expressions in it, takes as long to import
    as all the rest of a run.
    """
    text = block.decode("latin-1")
    if not text.isascii() or not text.replace("\n", "").isprintable() or "\\" in text:
        return None
    lines = [line.strip(" ") for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
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
        return [] if between == [""] else None
    commas = ["", *[","] * (len(names) - 1)]
    if between not in ([*commas, ""], [*commas, ","]) or "\n" in "".join(names):
        return None
    return names


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
        kind = lines[index].removeprefix(_ANY_OPENING)
        if kind == lines[index] or not kind.replace(b"-", b"x").isalnum():
            index += 1
            continue
        end = index + 1
        while end < len(lines) and (lines[end] == b"#" or lines[end].startswith(b"# ")):
            end += 1
        comment = lines[index + 1 : end]
        if b"# ///" not in comment:
            if kind == b"script" and any(b"credhelper" in line for line in comment):
                raise _malformed("it is not closed", "end it with a line: # ///")
        elif kind == b"script":
            content = comment[: len(comment) - 1 - comment[::-1].index(b"# ///")]
            yield b"\n".join(line[2:] for line in content)
        index = end

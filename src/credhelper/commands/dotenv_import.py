# SPDX-License-Identifier: MIT
"""What a ``.env`` file becomes: the plan alone, without a look at the store.

The grammar is python-dotenv's, by its own parser; ``${VARIABLE}`` is not filled in.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dotenv.parser import parse_stream

from credhelper import mistakes
from credhelper.commands import metadata, ordinary
from credhelper.errors import CredentialError, InvalidValue
from credhelper.name import NewName, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_COLUMNS: Final = 80
_REFERENCES: Final = tuple(
    "op:// ref+ vault:// vault: bws:// doppler:// infisical:// keyring:// pass:// gopass:// "
    "awssm:// awsssm:// gcpsm:// azkv:// sops:// secretref:".split()
)
FILL_IN: Final = "have that manager fill them in: op inject -i .env | sudo credhelper import -"


@dataclass(frozen=True)
class Item:
    """One variable of the file, the credential that it becomes, and the ``line`` it begins on."""

    variable: str
    name: NewName
    line: int
    value: bytes = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """What to seal, what to say about the rest, and whether that leaves out any value.

    ``settings`` are left out too: variables, each with what its value is, as in "a number".
    ``references`` are, to other managers: variables, each with how its value begins.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...]
    leaves_values: bool
    settings: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()


def plan(source: bytes, selected: Collection[str] = (), *, only_secrets: bool = False) -> Plan:
    """What the file ``source`` becomes; ``selected`` names variables or credentials, empty for all.

    With ``only_secrets``, what is a setting and not selected is left out.

    Raises :class:`InvalidValue` for what python-dotenv cannot read, for an empty selected value,
    where nothing is left, for a variable that cannot be a credential and for what is selected but
    not there.
    """
    items: dict[str, Item] = {}
    notes: list[str] = []
    unmatched = set(selected)
    leaves_values = False
    settings: dict[str, str] = {}
    references: dict[str, str] = {}
    for variable, value, line in _bindings(source):
        names = {variable, variable.lower()}
        if selected and not names & set(selected):
            leaves_values = leaves_values or bool(value)
            continue
        unmatched -= names
        if not value:
            what = "has no value" if value is None else "is empty"
            if selected:
                raise InvalidValue(f"line {line}: {shown(variable)} {what}", "give it a value")
            notes.append(f"line {line}: {shown(variable)} {what}, and is left out")
            items.pop(variable, None)  # the last line of a name counts
            continue
        if variable in items:
            notes.append(f"line {line}: {variable} is there again, and this one counts")
        settings.pop(variable, None)
        references.pop(variable, None)
        if (reference := _reference(value)) and not selected:
            references[variable] = reference
            items.pop(variable, None)
            continue
        if only_secrets and not selected and (kind := ordinary.setting(value.encode())):
            settings[variable] = kind
            items.pop(variable, None)
            continue
        if "${" in value:
            notes.append(f"line {line}: {variable} holds ${{...}}, which is kept as it is")
        items[variable] = Item(variable, _name(variable, line), line, value.encode())
    if unmatched:
        raise _not_there(sorted(unmatched), {variable for variable, _, _ in _bindings(source)})
    if not items:
        raise _nothing_left(settings, references)
    _refuse_twins(items.values())
    leaves_values = leaves_values or bool(settings or references)
    left_out = tuple(settings.items()), tuple(references.items())
    return Plan(tuple(items.values()), tuple(notes), leaves_values, *left_out)


def _not_there(selected: Sequence[str], variables: Collection[str]) -> InvalidValue:
    meant = [mistakes.closest(name, variables) for name in selected]
    hint = "--select takes names of variables, or of the credentials that they become"
    if all(meant):
        hint = f"did you mean --select {','.join(meant)}?"
    return InvalidValue(f"the file has no {', '.join(map(shown, selected))}", hint)


def _nothing_left(settings: Collection[str], references: Collection[str]) -> InvalidValue:
    if references:
        what = "the file has no values, but references to another manager's"
        return InvalidValue(f"{what}: {', '.join(sorted(references))}", FILL_IN)
    if settings:
        return InvalidValue("the file has no secrets, but settings", "to take them too: --all")
    return InvalidValue("the file has no values", "it is to hold lines such as API_KEY=...")


def _reference(value: str) -> str:
    """How the reference to another manager's value begins; empty where ``value`` is none."""
    return next((start for start in _REFERENCES if value.startswith(start)), "")


def metadata_block(items: Sequence[Item]) -> str:
    """The inline metadata with which a script declares ``items``: lines of comment."""
    names = [f'"{item.name}"' for item in items if not _settable(item.variable)]
    variables = [f'{item.variable} = "{item.name}"' for item in items if _settable(item.variable)]
    lines = ["/// script", "[tool.credhelper]"]
    if names:  # what has a variable is declared by it
        lines += _fitting(f"credentials = [{', '.join(names)}]") or [
            "credentials = [",
            *(f"    {name}," for name in names),
            "]",
        ]
    if variables:
        lines += _fitting(f"environment = {{ {', '.join(variables)} }}") or [
            "[tool.credhelper.environment]",
            *variables,
        ]
    return "".join(f"# {line}\n" for line in [*lines, "///"])


def _fitting(line: str) -> list[str]:
    return [line] if len(line) + 2 <= _COLUMNS else []


def _bindings(source: bytes) -> list[tuple[str, str | None, int]]:
    """Variable, value and line of each statement."""
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        # from None: the exception holds the file
        raise InvalidValue(f"line {line} is not UTF-8", "save the file as UTF-8") from None
    found = []
    for binding in parse_stream(io.StringIO(text)):
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string.count("\n", 0, blank)
        if binding.error:
            raise InvalidValue(
                f"line {line} cannot be read as python-dotenv reads it",
                "look for a quote that is not closed, or a name that is no variable's",
            )
        if binding.key is not None:
            found.append((binding.key, binding.value, line))
    return found


def _name(variable: str, line: int) -> NewName:
    try:
        return NewName(variable.lower())
    except CredentialError as error:
        raise InvalidValue(f"line {line}: {error.problem}", error.hint) from None


def _refuse_twins(items: Collection[Item]) -> None:
    seen: dict[str, Item] = {}
    for item in items:
        if twin := seen.get(item.name):
            raise InvalidValue(
                f"{twin.variable} and {item.variable} would both be the credential {item.name}",
                "rename one of them in the file, or leave it out with --select",
            )
        seen[item.name] = item


def _settable(variable: str) -> bool:
    try:
        metadata.check_variable(variable)
    except CredentialError:
        return False
    return True

# SPDX-License-Identifier: MIT
"""What a mistaken command line was meant to be: errors whose hints solve it when they are followed.

What may be a value is not repeated.
"""

from __future__ import annotations

import argparse
import grp
import os
import pwd
import re
from shlex import quote
from typing import TYPE_CHECKING, Final

from credhelper import mistakes
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError, UsageError
from credhelper.name import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

# what takes a value, and never on its command line
TAKES_VALUE: Final = frozenset({"add", "put", "rotate"})

# what other tools call it
_OTHER_WORDS: Final = {
    "ls": "list",
    "rm": "remove",
    "delete": "remove",
    "del": "remove",
    "set": "put",
    "update": "rotate",
    "edit": "rotate",
    "mv": "rename",
    "move": "rename",
    "init": "new",
    "create": "add",
    "insert": "add",
    "encrypt": "add",
    "help": "--help",
    "version": "--version",
    "audit": "log",
    "history": "log",
    "scan": "leaks",
    "doctor": "check",
}
_OTHER_OPTIONS: Final = {
    "--file": "--from-file",
    "--pipe": "--stdin",
    "--force": "--yes",
    "-y": "--yes",
    "-f": "--yes",
    "--key": "--with-key",
    "--expires": "--not-after",
    "--expiry": "--not-after",
    "--only": "--select",
    "--delete": "--delete-source",
}
_SHOWING: Final = frozenset({"show", "get", "cat", "decrypt", "read", "print", "view"})
_RUNNING: Final = frozenset({"run", "exec"})
_EXAMPLES: Final = {
    "add": "add my_api_key",
    "put": "put my_api_key",
    "rotate": "rotate my_api_key",
    "remove": "remove my_api_key",
    "rename": "rename my_api_key openai_key",
    "new": "new report.py my_api_key",
    "import": "import .env",
    "sudoers": "sudoers /opt/jobs/report.py --group wheel",
    "allow": "allow my_api_key --script /opt/jobs/report.py",
    "report": "report facts.json",
}
# which option a word without one belongs to
_OPTION_OF_WORD: Final = {"allow": "--script", "sudoers": "--group"}


def no_verb(arguments: Sequence[str], word: str, verbs: Collection[str]) -> UsageError:
    """The error for ``word`` in the place of a verb."""
    if mistakes.is_value_like(word):
        return a_value("credhelper")
    after = arguments[list(arguments).index(word) + 1 :]
    meant = _OTHER_WORDS.get(word) or mistakes.closest(word, verbs)
    hint = f"did you mean {meant}?" if meant else "see credhelper --help"
    if word in _SHOWING:
        names = [name for name in after if not name.startswith("-")]
        name = quote(names[0]) if names and not mistakes.is_value_like(names[0]) else "my_api_key"
        run = f"sudo credhelper-decrypt-run -c {name} report.py"
        hint = f"a value is not shown; a script gets it: {run}; the names: sudo credhelper list"
    elif word in _RUNNING:
        words = after if after and not any(map(mistakes.is_value_like, after)) else ["report.py"]
        hint = f"that is {terminal.command(['sudo', 'credhelper-decrypt-run', *words])}"
    return UsageError(f"there is no verb {shown(word)}", hint)


def left_over(
    verb: str, rest: Sequence[str], arguments: Sequence[str], options: Sequence[str]
) -> UsageError:
    """The error for the words ``rest``, which nothing of ``verb`` takes; its own ``options``."""
    if any(map(mistakes.is_value_like, rest)):
        return a_value(verb)
    first = rest[0].partition("=")[0]
    if first in options:  # before the verb
        others = [word for word in arguments if word not in (verb, rest[0])]
        words = ["sudo", "credhelper", verb, rest[0], *others]
        return UsageError(f"{first} belongs after the verb", terminal.command(words))
    if first.startswith("-"):
        meant = _option(first, options)
        if not meant and verb in TAKES_VALUE and rest[1:]:
            return a_value(verb)
        hint = f"did you mean {meant}?" if meant else f"see credhelper {verb} --help"
        return UsageError(f"{verb} has no option {shown(first)}", hint)
    if verb in TAKES_VALUE:
        if not os.path.isfile(first):
            return a_value(verb)
        return UsageError(f"{verb} takes one name", f"did you mean --from-file {quote(first)}?")
    return UsageError(f"{verb} does not take {shown(first)}", _for_word(verb, rest[0]))


def refused(verb: str, message: str) -> UsageError:
    """The error for what argparse says of the words of ``verb``, in ``message``."""
    parts = re.split(r"""('[^']*'|"[^"]*"|\S+)""", message)
    if any(map(mistakes.is_value_like, (part.strip("'\"") for part in parts))):
        return a_value(verb)
    if choice := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
        choices = [word.strip("'") for word in choice[2].split(", ")]
        meant = mistakes.closest(choice[1], choices)
        hint = f"did you mean {meant}?" if meant else f"one of {', '.join(choices)}"
        return UsageError(message.partition(" (choose")[0], hint)
    if "not allowed with argument" in message:
        return UsageError(message, "keep one of the two")
    if "expected one argument" in message:
        option = message.split()[1].rstrip(":").split("/")[-1]
        hint = f"what begins with - is given as {option}=-..."
        return UsageError(message, f"{hint}; see credhelper {verb} --help")
    example = ""
    if verb in _EXAMPLES and "such as" not in message:
        example = f"such as: sudo credhelper {_EXAMPLES[verb]}; "
    see = f"see credhelper {verb} --help" if verb != "credhelper" else "see credhelper --help"
    return UsageError(message, example + see)


def a_value(verb: str) -> UsageError:
    """The error for what looks like a value among the words of ``verb``, and repeats none."""
    return UsageError(f"{verb}: a value does not belong on a command line", mistakes.REISSUE)


def needs_root(arguments: Sequence[str]) -> str:
    """The hint for those who are not root: the command to type, without a value that is in it."""
    if any(map(mistakes.is_value_like, arguments)):
        return mistakes.REISSUE
    return terminal.command(["sudo", "credhelper", *arguments])


def quantity(unit: str, example: str) -> Callable[[str], float]:
    """What argparse reads a number of ``unit`` with: 0 or more; ``example`` is in its error."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise argparse.ArgumentTypeError(f"takes a number of {unit}, such as {example}")
        return number

    return parse


def unknown(kind: str, name: str) -> CredentialError:
    """The error for a ``group`` or a ``user`` that there is not."""
    is_group = kind == "group"
    known = [entry[0] for entry in (grp.getgrall() if is_group else pwd.getpwall())]
    meant = mistakes.closest(name, known)
    see = f"see getent {'group' if is_group else 'passwd'}"
    hint = f"did you mean --{kind} {meant}? {see}" if meant else see
    return CredentialError(f"there is no {kind} {name}", hint)


def _option(given: str, options: Sequence[str]) -> str:
    other = _OTHER_OPTIONS.get(given, "")
    if other in options:
        return other
    return mistakes.closest(given, [option for option in options if option.startswith("--")])


def _for_word(verb: str, word: str) -> str:
    if option := _OPTION_OF_WORD.get(verb):
        return f"did you mean {option} {quote(word)}?"
    if verb == "list":
        return "it shows all of them: sudo credhelper list"
    if verb in ("remove", "rename"):
        return f"it takes one at a time: leave {quote(word)} out"
    return f"see credhelper {verb} --help"

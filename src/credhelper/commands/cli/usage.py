# SPDX-License-Identifier: MIT
"""The command line's grammar: the verbs in groups, and what a mistaken one was meant to be."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from credhelper import mistakes
from credhelper.commands import messages
from credhelper.commands.cli import terminal
from credhelper.commands.version import VERSION
from credhelper.errors import UsageError
from credhelper.name import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS: Final = {
    "values": ("add", "put", "rotate", "rename", "remove", "import"),
    "scripts": ("new",),
    "what is there": ("list", "log", "check", "leaks", "report"),
    "the machine": ("reseal", "sudoers", "allow"),
}
VERBS: Final = tuple(verb for verbs in GROUPS.values() for verb in verbs)

# what other tools call it
_OTHER_WORDS: Final = (
    {
        "ls": "did you mean list?",
        "show": "did you mean list?",
        "rm": "did you mean remove?",
        "delete": "did you mean remove?",
        "del": "did you mean remove?",
        "set": "did you mean put?",
        "update": "did you mean rotate?",
        "edit": "did you mean rotate?",
        "mv": "did you mean rename?",
        "move": "did you mean rename?",
        "init": "did you mean new?",
        "create": "did you mean add?",
        "insert": "did you mean add?",
        "encrypt": "did you mean add?",
        "help": "did you mean --help?",
        "version": "did you mean --version?",
        "audit": "did you mean log?",
        "history": "did you mean log?",
        "scan": "did you mean leaks?",
        "doctor": "did you mean check?",
    }
    | dict.fromkeys(
        ("get", "cat", "decrypt", "read", "print"),
        "a value is not shown: run a script with it, sudo credhelper-decrypt-run -c NAME SCRIPT",
    )
    | dict.fromkeys(
        ("run", "exec"),
        "that is credhelper-decrypt-run: sudo credhelper-decrypt-run -c NAME SCRIPT",
    )
)
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
}
# what takes a value, and never on its command line
_TAKES_VALUE: Final = frozenset({"add", "put", "rotate"})
_EPILOG: Final = """\
examples:
  sudo credhelper add my_api_key
  sudo credhelper-decrypt-run -c my_api_key script.py
  sudo credhelper rotate my_api_key
  sudo credhelper list

exit status: 0 done, 1 refused or failed, 2 usage. See credhelper(8)."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in the two lines in which everything here says it.

    Options are written out: what a sudoers line or a script pins must not get a second meaning.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        verb = self.prog.rpartition(" ")[2]
        parts = re.split(r"""('[^']*'|"[^"]*"|\S+)""", message)
        if any(map(mistakes.is_value_like, (part.strip("'\"") for part in parts))):
            raise a_value_on_the_command_line(verb)
        example = f"such as: sudo credhelper {_EXAMPLES[verb]}; " if verb in _EXAMPLES else ""
        raise UsageError(message, f"{example}see {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002
        messages.say(message, end="")


class _Overview(_Parser):
    """The parser of all, whose help shows the verbs in groups."""

    def format_help(self) -> str:
        lines = ["usage: credhelper VERB [OPTION...] [ARGUMENT...]", "", self.description or "", ""]
        helped = {action.dest: action.help for action in _verbs(self)._choices_actions}
        for group, verbs in GROUPS.items():
            lines.append(f"{group}:")
            lines += [f"  {verb:<10} {helped[verb]}" for verb in verbs]
        lines += ["", "options: -h, --help and, without a verb, --version", "", _EPILOG, ""]
        return "\n".join(lines)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Overview(
        prog="credhelper",
        description="Keep API keys for on-demand scripts as systemd credentials.",
    )
    parser.add_argument("--version", action="version", version=f"credhelper {VERSION}")
    subparsers = parser.add_subparsers(
        metavar="VERB", dest="verb", required=True, parser_class=_Parser
    )
    for verb in VERBS:
        module(verb).add_parser(subparsers)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line says. Raises :class:`UsageError`, whose hint is what may be meant.

    Ends in ``SystemExit`` after the help, which is also for a command line without a verb.
    """
    parser = build_parser()
    word = next((word for word in arguments if not word.startswith("-")), "")
    if not arguments:
        parser.print_help()
        raise SystemExit(UsageError.exit_code)
    if word and word not in VERBS:
        raise _no_verb(word)
    parsed, rest = parser.parse_known_args(arguments)
    if rest:
        raise _left_over(parser, parsed.verb, rest, arguments)
    if parsed.verb in _TAKES_VALUE and mistakes.is_value_like(parsed.name or ""):
        raise a_value_on_the_command_line(parsed.verb)
    return parsed


def module(verb: str) -> ModuleType:
    """The module of a verb: ``import`` is a word of the language, ``list`` a built-in."""
    return import_module(
        f"credhelper.commands.cli.{verb.replace('import', 'import_').replace('list', 'list_')}"
    )


def needs_root(arguments: Sequence[str]) -> str:
    """The hint for who is not root: the command to type, but for a value that stands in it."""
    if any(map(mistakes.is_value_like, arguments)):
        return mistakes.REISSUE
    return terminal.command(["sudo", "credhelper", *arguments])


def a_value_on_the_command_line(verb: str) -> UsageError:
    """The error for what looks like a value among the words of ``verb``, and repeats none."""
    return UsageError(f"{verb}: a value does not belong on a command line", mistakes.REISSUE)


def _no_verb(word: str) -> UsageError:
    if mistakes.is_value_like(word):
        return a_value_on_the_command_line("credhelper")
    meant = mistakes.closest(word, VERBS)
    hint = _OTHER_WORDS.get(word) or (f"did you mean {meant}?" if meant else "")
    return UsageError(f"there is no verb {shown(word)}", hint or "see credhelper --help")


def _left_over(
    parser: argparse.ArgumentParser, verb: str, rest: list[str], arguments: Sequence[str]
) -> UsageError:
    """The error for the words that nothing takes. Those of a value are not repeated."""
    options = list(_verbs(parser).choices[verb]._option_string_actions)
    first = rest[0].partition("=")[0]
    if verb in _TAKES_VALUE and any(not word.startswith("-") for word in rest):
        return a_value_on_the_command_line(verb)
    if any(map(mistakes.is_value_like, rest)):
        return a_value_on_the_command_line(verb)
    if first in options:  # before the verb
        others = [word for word in arguments if word not in (verb, rest[0])]
        words = ["sudo", "credhelper", verb, rest[0], *others]
        return UsageError(f"{first} stands after the verb", terminal.command(words))
    if not first.startswith("-"):
        return UsageError(f"{verb} does not take {shown(first)}", f"see credhelper {verb} --help")
    meant = mistakes.closest(first, [option for option in options if option.startswith("--")])
    hint = f"did you mean {meant}?" if meant else f"see credhelper {verb} --help"
    return UsageError(f"{verb} has no option {shown(first)}", hint)


def _verbs(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[_Parser]:
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return action

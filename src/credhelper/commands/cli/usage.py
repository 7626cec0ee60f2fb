# SPDX-License-Identifier: MIT
"""The command line's grammar: the verbs in groups. ``meant`` says what a mistaken one may be."""

from __future__ import annotations

import argparse
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from credhelper import mistakes
from credhelper.commands import messages
from credhelper.commands.cli import meant
from credhelper.commands.verbs import GROUPS, VERBS
from credhelper.commands.version import VERSION
from credhelper.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG: Final = """\
examples:
  sudo credhelper add my_api_key
  sudo credhelper-decrypt-run -c my_api_key script.py
  sudo credhelper rotate my_api_key
  sudo credhelper list

exit status: 0 done, 1 refused or failed, 2 wrong command line. See credhelper(8)."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in the two lines in which everything here says it.

    Options are written out: what a sudoers line or a script pins must not get a second meaning.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise meant.refused(self.prog.rpartition(" ")[2], message)

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002 # argparse calls it
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
        subparsers.choices[verb].add_argument("--quiet", action="store_true", help="no notes")
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
        raise meant.no_verb(arguments, word, VERBS)
    parsed, rest = parser.parse_known_args(arguments)
    if rest:
        options = list(_verbs(parser).choices[parsed.verb]._option_string_actions)
        raise meant.left_over(parsed.verb, rest, arguments, options)
    if parsed.verb in meant.TAKES_VALUE and mistakes.is_value_like(parsed.name or ""):
        raise meant.a_value(parsed.verb)
    return parsed


def module(verb: str) -> ModuleType:
    """The module of a verb: ``import`` is a word of the language, ``list`` a built-in."""
    return import_module(
        f"credhelper.commands.cli.{verb.replace('import', 'import_').replace('list', 'list_')}"
    )


def _verbs(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[_Parser]:
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return action

# SPDX-License-Identifier: MIT
"""``credhelper``: the command line. One module a verb; only here is anything printed or exited."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from credhelper.commands import directory, installing, messages, signals
from credhelper.commands.cli import terminal
from credhelper.commands.run import hardening
from credhelper.commands.sudoers import DIRECTORY as DROP_INS
from credhelper.commands.version import VERSION
from credhelper.errors import CredentialError, NotPermitted, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS: Final = (
    "add",
    "put",
    "rotate",
    "list",
    "remove",
    "check",
    "import",
    "reseal",
    "leaks",
    "log",
    "sudoers",
    "report",
)
_FOR_ANYBODY: Final = ("report",)  # they touch nothing of root's

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
        raise UsageError(message, f"see {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002
        messages.say(message, end="")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(
        prog="credhelper",
        description="Keep API keys for on-demand scripts as systemd credentials.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"credhelper {VERSION}")
    subparsers = parser.add_subparsers(
        metavar="VERB", dest="verb", required=True, parser_class=_Parser
    )
    for verb in VERBS:
        module(verb).add_parser(subparsers)
    return parser


def module(verb: str):  # type: ignore[no-untyped-def] # modules have no narrower type
    """The module of a verb: ``import`` is a word of the language, ``list`` a built-in."""
    return import_module(
        f"credhelper.commands.cli.{verb.replace('import', 'import_').replace('list', 'list_')}"
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line ``argv`` (the process's own by default) and exits."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    hardening.open_standard_streams()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it takes the exit status of children
    signals.end_like_an_interrupt()
    sys.exit(messages.finish(_run(arguments)))


def _run(arguments: Sequence[str]) -> int:
    """Runs the verb; its exit status. Every error ends here, in its two lines."""
    doing = "credhelper"
    try:
        from credhelper.commands import (
            kernel,  # not before: libffi opens a file, as 0 where that is free
        )

        kernel.keep_memory_private()
        parsed = build_parser().parse_args(arguments)
        doing = f"credhelper {parsed.verb}"
        if parsed.verb in _FOR_ANYBODY:
            return int(module(parsed.verb).run(parsed))
        if os.geteuid() != 0:
            raise NotPermitted(
                f"{doing} needs root", terminal.command(["sudo", "credhelper", *arguments])
            )
        if parsed.verb != "check":  # which tells what was left over
            installing.sweep()
            directory.sweep_path(DROP_INS)
        status: int = module(parsed.verb).run(parsed)
        return status
    except CredentialError as error:
        messages.error(error)
        return error.exit_code
    except OSError as error:
        what = error.filename if isinstance(error.filename, str) else doing
        messages.error(f"{what}: {error.strerror or error}", "mend that and run it again")
        return 1
    except MemoryError:
        messages.error(f"{doing}: out of memory", "free some, then run it again")
        return 1
    except KeyboardInterrupt as interrupt:
        messages.error("interrupted", "what was in the store is whole; run it again")
        installing.sweep()
        return interrupt.status if isinstance(interrupt, signals.Interrupted) else 130
    except SystemExit as ended:  # after --help and --version
        return int(ended.code or 0)

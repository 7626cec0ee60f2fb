# SPDX-License-Identifier: MIT
"""What a mistaken command line of the runner was meant to be.

Imported where something went wrong already, so that it may be slow.
"""

from __future__ import annotations

import os
import stat
from itertools import pairwise
from shlex import quote

from credhelper import mistakes, store
from credhelper.commands import messages
from credhelper.commands.run.environment import PATH
from credhelper.commands.run.options import OPTIONS
from credhelper.commands.verbs import VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from credhelper.commands.run.options import Options

_RUNNER = "sudo credhelper-decrypt-run"


def script(options: Options, invoking: int) -> str:
    """The hint where the script is not there; empty where nothing is close.

    What the user id ``invoking`` may not list is not listed for it.
    """
    word, after = options.target, options.arguments
    if options.root_owned or options.module or os.path.lexists(word):
        return ""
    if word in store.known() and after:
        return f"did you mean -c {quote(word)} {quote(after[0])}?"
    if word in VERBS:
        return f"that is a verb of credhelper: sudo credhelper {word}"
    directory = os.path.dirname(word) or "."
    if _is_listed(directory, invoking) and (meant := mistakes.closest_file(word)):
        return f"did you mean {quote(meant)}?"
    if "/" not in word and (meant := mistakes.closest_program(word, PATH)):
        return f"did you mean {quote(meant)}?"
    return ""


def names(failed: Iterable[str]) -> str:
    """The hint for several credentials in the place of one: ``-c one,other``."""
    known = store.known()
    for text in failed:
        parts = text.replace(",", " ").split()
        if parts[1:] and all(part in known for part in parts):
            return f"did you mean {' '.join(f'-c {part}' for part in parts)}?"
    return ""


def option(flag: str) -> str:
    """The hint for an option ``flag`` that there is not; empty where none is close."""
    long = [name for _, name, _, _ in OPTIONS if name]
    short = {"--env": "--environment", "--cred": "--credential", "--secret": "--credential"}
    meant = short.get(flag) or mistakes.closest(flag, long)
    return f"did you mean {meant}?" if meant else ""


def without_script(options: Options) -> str:
    """The hint where no script is given: perhaps it was taken for the name of a credential."""
    if not options.credentials:
        return ""
    last = options.credentials[-1]
    if os.path.exists(last):
        return f"-c takes a credential's name before it: -c my_api_key {quote(last)}"
    given = " ".join(f"-c {quote(name)}" for name in options.credentials)
    return f"put the script at the end: {_RUNNER} {given} report.py"


def tell_of_close(name: str, given: Iterable[str]) -> None:
    """Notes that ``{name}`` in an argument is none of the ``given``, where one of them is close."""
    if close := mistakes.closest(name, given):
        messages.note(f"no credential {name} is given", f"did you mean {{{close}}}?")


def tell_of_options_after(arguments: Iterable[str]) -> None:
    """Notes that a credential is named after the script, which gets those words instead."""
    words = list(arguments)
    known = store.known()
    for word, name in pairwise(words):
        if word in ("-c", "--credential") and name in known:
            messages.note(
                "what follows the script is the script's own",
                f"did you mean -c {name} before it?",
            )


def _is_listed(directory: str, user: int) -> bool:
    try:
        status = os.stat(directory)
    except OSError:
        return False
    return user in (0, status.st_uid) or bool(status.st_mode & stat.S_IROTH)

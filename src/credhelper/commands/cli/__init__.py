# SPDX-License-Identifier: MIT
"""``credhelper``: the command line. One module a verb; only here is anything printed or exited."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

from credhelper.commands import directory, installing, messages, signals
from credhelper.commands.cli.meant import needs_root
from credhelper.commands.cli.usage import module, parse
from credhelper.commands.run import hardening
from credhelper.commands.sudoers import DIRECTORY as DROP_INS
from credhelper.errors import CredentialError, NotPermitted

if TYPE_CHECKING:
    from collections.abc import Sequence


_FOR_ANYBODY: Final = ("new", "report")  # they touch nothing of root's


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
        parsed = parse(arguments)
        doing = f"credhelper {parsed.verb}"
        if parsed.quiet:
            messages.be_quiet()
        if parsed.verb in _FOR_ANYBODY:
            return int(module(parsed.verb).run(parsed))
        if os.geteuid() != 0:
            raise NotPermitted(f"{doing} needs root", needs_root(arguments))
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
        messages.error(f"{what}: {error.strerror or error}", "fix that and run it again")
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

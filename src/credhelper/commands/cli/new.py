# SPDX-License-Identifier: MIT
"""``credhelper new``: the skeleton of a script that uses credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from credhelper.commands import messages
from credhelper.commands.cli import terminal
from credhelper.errors import CredentialError
from credhelper.name import CredentialName

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_PYTHON: Final = '''\
#!/usr/bin/python3
"""What this script does, in a line."""
# /// script
# [tool.credhelper]
# credentials = [{names}]
# ///

from credhelper import load


def main() -> None:
    """Uses the values; where one is printed, its name appears instead."""
{loads}


if __name__ == "__main__":
    main()
'''
_SHELL: Final = """\
#!/bin/sh
# What this script does, in a line.
# /// script
# [tool.credhelper]
# credentials = [{names}]
# ///
set -eu

# each value is a file there, for this script alone; give a program its path, not its value
{loads}
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the verb to the command line."""
    parser = subparsers.add_parser(
        "new",
        help="begin a script that uses credentials",
        description="Write the skeleton of a script that declares credentials: in sh where its "
        "name ends in .sh, else in Python. Needs no root; a file that is there stays.",
    )
    parser.add_argument("script", metavar="SCRIPT", help="the file to write")
    parser.add_argument("names", metavar="NAME", nargs="+", help="the credentials that it needs")


def run(arguments: argparse.Namespace) -> int:
    """Writes the script and says how to run it."""
    names = [CredentialName(name) for name in dict.fromkeys(arguments.names)]
    text = skeleton(names, shell=arguments.script.endswith(".sh"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(arguments.script, flags, 0o755)
    except FileExistsError:
        raise CredentialError("is there already", "give another name", arguments.script) from None
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        os.unlink(arguments.script)  # or another try would find it there
        problem = f"cannot be written: {error.strerror}"
        raise CredentialError(problem, "fix that and run it again", arguments.script) from None
    path = messages.one_line(arguments.script)
    messages.say(f"wrote {path}; run it with:")
    messages.say(f"  {terminal.command(['sudo', 'credhelper-decrypt-run', arguments.script])}")
    return 0


def skeleton(names: Sequence[str], *, shell: bool) -> str:
    """The text of a script that declares and uses ``names``."""
    quoted = ", ".join(f'"{name}"' for name in names)
    if shell:
        loads = "\n".join(f'cat "$CREDENTIALS_DIRECTORY/{name}" >/dev/null' for name in names)
        return _SHELL.format(names=quoted, loads=loads)
    loads = "\n".join(f'    print(load("{name}"))' for name in names)
    return _PYTHON.format(names=quoted, loads=loads)

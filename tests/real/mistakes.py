# SPDX-License-Identifier: MIT
"""The mistaken command lines of ``mistakes.md``: what each finds, and what it is to say."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.real.conftest import STORE
from tests.real.scenarios import blob

if TYPE_CHECKING:
    from tests.real.running import Writes

TABLE: Final = Path(__file__).with_name("mistakes.md")
CREDENTIALS: Final = ("my_api_key", "other_key")
# what the person who types knows; all else of the next command the hint has to give
OWN: Final = frozenset(
    {*CREDENTIALS, "new_key", "stripe_key", "report.py", "new.py", "new.env", "key.txt"}
    | {"directory", "directory/key.txt", "daemon", "root"}
)
_BLOCK: Final = "# /// script\n# [tool.credhelper]\n# {}\n# ///\nprint('ran')\n"
FILES: Final = {
    "report.py": "print('ran')\n",
    "open.py": "print('ran')\n",
    "theirs.py": "print('ran')\n",
    "missing.py": _BLOCK.format('credentials = ["stripe_key"]'),
    "typo.py": _BLOCK.format('credentials = ["my_api_kye"]'),
    "key.py": _BLOCK.format('credential = ["my_api_key"]'),
    "interpreter.sh": "#!/usr/bin/nosuch\n",
    "key.txt": "secret\n",
    "directory/key.txt": "secret\n",
    "clash.env": "MY_API_KEY=another\n",
    "new.env": "API_KEY=another\n",
    "settings.env": "DEBUG=true\n",
    "references.env": "API_KEY=op://vault/item/field\n",
}
_OF_NOBODY: Final = 4711


@dataclass(frozen=True)
class Mistake:
    """A line of the table: ``then`` is what follows the hint, command after command."""

    typed: str
    status: int
    error: str
    hint: str
    then: tuple[str, ...]


def mistakes() -> list[Mistake]:
    """The table."""
    found = []
    for line in TABLE.read_text().splitlines():
        if line.startswith("| `"):
            cells = line.strip("| ").replace("\\|", "\0").split(" | ")
            typed, status, error, hint, then = (cell.replace("\0", "|") for cell in cells)
            commands = then.strip("`").split("` && `")
            found.append(Mistake(typed.strip("`"), int(status), error, hint, tuple(commands)))
    return found


def set_up(write: Writes) -> None:
    """Two credentials and the files, anew."""
    STORE.mkdir(0o700, exist_ok=True)
    for name in CREDENTIALS:
        (STORE / name).write_bytes(blob(name, b"value"))
        (STORE / name).chmod(0o600)
    for name, text in FILES.items():
        path = write(text, name, 0o600 if name.endswith((".txt", ".env")) else 0o755)
        if name == "open.py":
            path.chmod(0o777)
        elif name == "theirs.py":
            os.chown(path, _OF_NOBODY, _OF_NOBODY)
    (path.parent / "link.txt").symlink_to("key.txt")


def ungiven(mistake: Mistake) -> list[str]:
    """The words of ``then`` that neither the person knows nor the hint gives."""
    known = OWN | {*_words(mistake.typed), "sudo", "credhelper", "credhelper-decrypt-run"}
    said = f"{mistake.error} {mistake.hint}"
    return [w for w in _words(*mistake.then) if w not in known and w not in said]


def _words(*commands: str) -> list[str]:
    """The words of commands, with those of ``--option=value`` apart."""
    return [
        part for command in commands for word in shlex.split(command) for part in word.split("=")
    ]

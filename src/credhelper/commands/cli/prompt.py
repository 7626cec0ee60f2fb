# SPDX-License-Identifier: MIT
"""Asking for a value at the terminal, which is as it was on every way out.

What is typed does not show, from the first question to the last: pasted lines that wait meanwhile
are no input for the shell, where they would be executed and kept in its history.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Final, Self

from credhelper.commands import messages
from credhelper.commands.cli.terminal import counted
from credhelper.errors import InvalidValue, SystemdMissing
from credhelper.unsealing import MAXIMUM_VALUE_BYTES

if TYPE_CHECKING:
    from types import TracebackType

ASK_PASSWORD: Final = "/usr/bin/systemd-ask-password"  # noqa: S105 # a program's path
_TYPED_MAXIMUM: Final = 2047  # systemd-ask-password drops what a longer line has more
_PASTE_SECONDS: Final = 0.1  # within this, what is pasted has arrived, and nobody has typed
_END_OF_TEXT: Final = 0x04  # Control-D
_ERASE: Final = 0x7F
_SEVERAL_LINES: Final = (
    "nothing has changed; for a value of several lines: --multiline, or pipe it in with --stdin"
)


def typed(name: str) -> bytes:
    """The value, asked for twice, with its newline; empty where none is typed.

    Raises :class:`InvalidValue` where the two differ, and for what no line can hold.
    """
    with _Hidden() as terminal:
        first = _ask(f"Value of {name}:")
        if terminal.drain():
            raise InvalidValue(f"the value of {name} has more than one line", _SEVERAL_LINES)
        if not first.strip(b"\n"):
            return b""
        if len(first) > _TYPED_MAXIMUM:
            raise InvalidValue(
                f"the value of {name} is too long to be typed",
                "nothing has changed; pipe it in with --stdin, or give --multiline",
            )
        if first != _ask(f"Value of {name}, again:"):
            hint = _SEVERAL_LINES if terminal.drain() else "nothing has changed; try again"
            raise InvalidValue(f"the two values of {name} differ", hint)
    return first


def typed_lines(name: str) -> bytes:
    """The value up to Control-D, asked for once and to the last newline.

    Raises :class:`InvalidValue` where it is longer than a credential may be.
    """
    value = bytearray()
    messages.show(f"Value of {name}, to its last line, then Control-D (it does not show):\n")
    with _Hidden() as terminal:
        while (end := value.find(_END_OF_TEXT)) < 0:
            chunk = terminal.read()
            if not chunk:  # the terminal is gone
                raise InvalidValue("no value was typed", "nothing has changed")
            for byte in chunk:
                if byte == _ERASE:
                    del value[-1:]
                else:
                    value.append(byte)
            if len(value) > MAXIMUM_VALUE_BYTES + 1:
                raise InvalidValue(
                    f"the value of {name} has more than {MAXIMUM_VALUE_BYTES} bytes",
                    "systemd's limit",
                )
    del value[end:]
    lines = value.count(b"\n") + bool(value and not value.endswith(b"\n"))
    messages.note(f"read {counted(lines, 'line')}")
    return bytes(value)


def _ask(question: str) -> bytes:
    try:
        asked = subprocess.run(
            [ASK_PASSWORD, "--timeout=0", question],
            stdout=subprocess.PIPE,
            env={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")},
            check=False,
        )
    except FileNotFoundError:
        raise SystemdMissing(f"{ASK_PASSWORD} is missing", "pipe the value in") from None
    except KeyboardInterrupt:
        messages.show("\n")
        raise
    if asked.returncode:
        raise InvalidValue("no value was typed", "nothing has changed")
    return asked.stdout


class _Hidden:
    """A terminal that neither shows nor edits what is typed, and drops it in the end."""

    def __enter__(self) -> Self:
        self._modes = termios.tcgetattr(sys.stdin)
        hidden = termios.tcgetattr(sys.stdin)
        hidden[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, hidden)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            self.drain()
            termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, self._modes)
        except (OSError, termios.error):  # it has hung up
            pass

    def drain(self) -> bool:
        """Drops what waits to be read, and what a paste still brings; whether there was any."""
        found = False
        while select.select([sys.stdin], [], [], _PASTE_SECONDS)[0] and self.read():
            found = True
        return found

    def read(self) -> bytes:
        """What was typed, as soon as there is something; empty where the terminal is gone."""
        return os.read(sys.stdin.fileno(), 1 << 16)

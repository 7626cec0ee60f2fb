# SPDX-License-Identifier: MIT
"""What people are told, and the one writer of standard output and standard error.

An error is two lines: what went wrong with which thing, and the way out. Where a stream takes no
more (a full disk, a reader who has left) its first failure is remembered, not raised: the work goes
on, and the exit status tells. Light, for the runner says its errors through it too.
"""

from __future__ import annotations

import os
import sys
import time

from credhelper.errors import CredentialError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_STDOUT: Final = 1
_STDERR: Final = 2


class _Streams:
    """What the messages begin with, whether there are notes, each stream's first failure."""

    __slots__ = ("failures", "program", "quiet")

    def __init__(self) -> None:
        self.program = "credhelper"
        self.quiet = False
        self.failures: dict[int, OSError] = {}


_streams: Final = _Streams()


def speak_as(program: str) -> None:
    """Has the messages of this process begin with the name ``program``."""
    _streams.program = program


def be_quiet() -> None:
    """Leaves out notes from now on; warnings and errors stay."""
    _streams.quiet = True


def error(problem: CredentialError | str, hint: str = "") -> None:
    """An error on stderr: a line that names the thing, and one with the way out if there is any."""
    if isinstance(problem, CredentialError):
        _tell("error", problem.problem, problem.hint)
    else:
        _tell("error", problem, hint)


def warn(problem: str, hint: str = "") -> None:
    """A warning on stderr, and its hint."""
    _tell("warning", problem, hint)


def note(text: str, hint: str = "") -> None:
    """Something worth knowing on stderr, and its hint."""
    if not _streams.quiet:
        _tell("note", text, hint)


def say(text: str = "", end: str = "\n") -> None:
    """``text`` on stdout, as it is."""
    _write(_STDOUT, text + end)


def show(text: str) -> None:
    """``text`` on stderr, as it is and without a newline: a question, how far the work is."""
    _write(_STDERR, text)


def progress(what: str, *, after: float = 0.0) -> Callable[[int, int], None] | None:
    """Something to call with how many are done, of how many; None where nobody watches.

    It says so from ``after`` seconds on: what is done in a moment needs no words.
    """
    if not os.isatty(_STDERR):
        return None
    begun = time.monotonic()

    def tell(done: int, total: int) -> None:
        if time.monotonic() - begun >= after:
            end = "\r\033[K" if done == total else "\r"
            show(f"{what}: {done} of {total}{end}")

    return tell


def finish(status: int, failed: int = 1) -> int:
    """The exit status: ``status``, or ``failed`` where not all could be shown, which is said.

    Not for a reader who has left (``| head -1``): that one has seen what it wanted.
    """
    lost = _streams.failures.get(_STDOUT)
    if lost and not isinstance(lost, BrokenPipeError):
        error(f"standard output: {lost.strerror}", "what is shown is incomplete")
    return status or (failed if _streams.failures else 0)


def one_line(text: str) -> str:
    """``text`` without what would move the cursor or begin a new line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _tell(kind: str, text: str, hint: str) -> None:
    lines = f"{_streams.program}: {kind}: {one_line(text)}\n"
    if hint:
        lines += f"{_streams.program}: hint: {one_line(hint)}\n"
    _write(_STDERR, lines)


def _write(descriptor: int, text: str) -> None:
    if descriptor in _streams.failures:
        return
    # file names need not be text, and a terminal's encoding need not have every letter
    data = text.encode(sys.getfilesystemencoding(), "backslashreplace")
    try:
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:  # the caller has made it so
                _wait_until_writable(descriptor)
    except OSError as failure:
        _streams.failures[descriptor] = failure


def _wait_until_writable(descriptor: int) -> None:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll()

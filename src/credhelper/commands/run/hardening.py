# SPDX-License-Identifier: MIT
"""What the caller handed over besides words: descriptors, limits, signals, timers, the umask, and
more of the kernel's.

sudo(8) lets all of it through. Each is set to what a login gives, before anything else is done.
"""

from __future__ import annotations

import _signal  # the C half: signal dresses its numbers as enums, in 3 ms
import errno
import os
import resource
import stat
import sys

from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from credhelper.commands.run.options import Options

_UNLIMITED: Final = resource.RLIM_INFINITY
_LIMITS: Final = (
    (resource.RLIMIT_CORE, (1, 1)),  # as in kernel.keep_memory_private()
    (resource.RLIMIT_AS, (_UNLIMITED, _UNLIMITED)),
    (resource.RLIMIT_CPU, (_UNLIMITED, _UNLIMITED)),
    (resource.RLIMIT_DATA, (_UNLIMITED, _UNLIMITED)),
    (resource.RLIMIT_FSIZE, (_UNLIMITED, _UNLIMITED)),
    (resource.RLIMIT_NOFILE, (1024, 524288)),
    (resource.RLIMIT_NPROC, (_UNLIMITED, _UNLIMITED)),
    (resource.RLIMIT_STACK, (8 << 20, _UNLIMITED)),
)
_TIMER_SLACK_NANOSECONDS: Final = 50_000  # what init has: how late a timer may be
_STREAMS: Final = ("input", "output", "error")
_given: Final[dict[int, int]] = {}  # the hard limits that the caller had
# not to be changed at all, or ignored by Python on purpose
_UNCHANGED: Final = (_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGPIPE, _signal.SIGXFSZ)


def apply() -> None:
    """Takes the process back from its caller. Raises :class:`RunnerFailed`."""
    os.umask(0o077)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # ignored, systemd-creds would end unseen
    _limits()
    os.closerange(3, 0x7FFFFFFF)
    if not sys.flags.isolated:
        raise RunnerFailed(
            "the runner was started without python3 -I", "call credhelper-decrypt-run itself"
        )
    _refuse_datagrams()
    if os.geteuid() != 0:
        words = " ".join(sys.argv[1:]) or "SCRIPT"
        raise RunnerFailed(
            "credhelper-decrypt-run needs root", f"sudo credhelper-decrypt-run {words}"
        )


def leave_directory(options: Options) -> None:
    """Goes to ``/``: programs import, include and configure themselves from where they start.

    A script's path goes on to mean the same file. Raises ``OSError``.
    """
    if not options.module and options.code is None:
        options.target = os.path.join(os.getcwd(), options.target)
    os.chdir("/")


def finish() -> None:
    """Nobody may trace this process or dump its memory; no keys, and signals as at a login.

    Apart from :func:`apply` since ``ctypes`` is slow to import: it is done while systemd-creds
    runs, before the first value is here.
    """
    from credhelper.commands import kernel

    kernel.keep_memory_private()
    try:
        kernel.leave_keyrings()
    except OSError as error:
        raise RunnerFailed(
            f"the keys of the caller's session cannot be left: {error.strerror}",
            "see keyctl(1) and /proc/key-users",
        ) from None
    kernel.prctl(kernel.PR_SET_TIMERSLACK, _TIMER_SLACK_NANOSECONDS)
    try:
        # else the kernel may say that it is an old one
        kernel.call("personality", kernel.PER_LINUX)
    except OSError:  # LockPersonality= of systemd.exec(5): then it is what it should be
        pass
    for timer in (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF):
        _signal.setitimer(timer, 0)
    for number in _signal.valid_signals():
        if number not in _UNCHANGED:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def program_signals() -> None:
    """What Python ignores and other programs do not, before one of them takes its place."""
    for number in (_signal.SIGINT, _signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def _refuse_datagrams() -> None:
    """Who gets a datagram of a Unix socket is told that root has sent it (unix(7)).

    The journal would take what the script prints for a record of root's.
    """
    for descriptor in range(3):
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
        except OSError:
            continue
        from _socket import AF_UNIX, SOCK_DGRAM, socket  # seldom needed

        given = socket(fileno=descriptor)
        what = (given.family, given.type)
        given.detach()
        if what == (AF_UNIX, SOCK_DGRAM):
            raise RunnerFailed(
                f"standard {_STREAMS[descriptor]} is a socket of datagrams, which would pass for "
                "messages of root's",
                "call it with a pipe, a file or a terminal there",
            )


def _limits() -> None:
    for which, limits in _LIMITS:
        if which != resource.RLIMIT_CORE:
            _given[which] = resource.getrlimit(which)[1]
        try:
            resource.setrlimit(which, limits)
        except (OSError, ValueError):  # without CAP_SYS_RESOURCE: as much as is allowed
            hard = resource.getrlimit(which)[1]
            soft = hard if limits[0] == _UNLIMITED else min(limits[0], hard)
            resource.setrlimit(which, (soft, hard))


def give_limits_back() -> None:
    """Lowers the limits to what the caller had, who is to gain nothing by them."""
    for which, hard in _given.items():
        if hard != _UNLIMITED:
            soft, now = resource.getrlimit(which)
            hard = hard if now == _UNLIMITED else min(hard, now)
            soft = hard if soft == _UNLIMITED else min(soft, hard)
            resource.setrlimit(which, (soft, hard))


def open_standard_streams() -> None:
    """Opens those of the standard descriptors that are closed, on ``/dev/null``.

    Else the next file to be opened would be read or written as one of them.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:  # it is open, in a FUSE file system of the caller's
                continue
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(descriptor, True)
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:  # Python found it closed
            stream = open(descriptor, mode, closefd=False)  # noqa: SIM115 # it stays
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

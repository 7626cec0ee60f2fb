# SPDX-License-Identifier: MIT
"""The environment that a script gets."""

from __future__ import annotations

import pytest

from credhelper.commands.run import environment
from credhelper.errors import RunnerFailed

OWN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "HOME": "/home/alice",
    "USER": "alice",
    "LOGNAME": "alice",
    "SHELL": "/bin/zsh",
}


def made(caller: dict[str, str], *keep: str) -> dict[str, str]:
    """What passes of ``caller``, besides what is always there."""
    clean = environment.clean(caller, keep, name="alice", home="/home/alice", shell="/bin/zsh")  # noqa: S604
    assert OWN.items() <= clean.items()
    return {name: value for name, value in clean.items() if name not in OWN}


def test_it_is_made_anew() -> None:
    hostile = dict.fromkeys(
        "PATH HOME USER SHELL IFS ENV BASH_ENV PYTHONPATH LD_PRELOAD TMPDIR ANYTHING "
        "BASH_FUNC_x%% SUDO_EDITOR SUDO_ASKPASS CREDENTIALS_DIRECTORY GCONV_PATH".split(),
        "x",
    )
    assert made(hostile) == {}


def test_terminal_language_and_caller_pass() -> None:
    harmless = {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": "80",
        "LINES": "24",
        "NO_COLOR": "1",
        "LANG": "de_DE.UTF-8",
        "LANGUAGE": "de:en",
        "LC_ALL": "C.UTF-8",
        "LC_TIME": "",
        "SUDO_USER": "alice",
        "SUDO_UID": "1000",
        "SUDO_GID": "1000",
        "SUDO_COMMAND": "/usr/bin/credhelper-decrypt-run /opt/jobs/report.py 100%",
        "TZ": "Europe/Berlin",
    }
    assert made(harmless) == harmless


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LC_ALL", "../../tmp/evil"),
        ("LANG", "/tmp/evil"),
        ("LANGUAGE", "de:/tmp"),
        ("LC_MESSAGES", "%n%n"),
        ("TERM", "../evil"),
        ("TERM", "%p1"),
        ("TZ", "/tmp/evil"),
        ("TZ", ":/tmp/evil"),
        ("TZ", ":evil"),
        ("TZ", "../../tmp/evil"),
        ("TZ", "Europe/../../tmp/evil"),
        ("TZ", "%x"),
    ],
)
def test_a_value_that_names_a_file_to_libc_does_not_pass(variable: str, value: str) -> None:
    assert made({variable: value}) == {}


def test_what_is_asked_for_passes_where_it_is_set() -> None:
    caller = {"HTTPS_PROXY": "http://proxy:3128/%", "OTHER": "1"}
    assert made(caller, "HTTPS_PROXY", "UNSET") == {"HTTPS_PROXY": "http://proxy:3128/%"}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "_x", "X1", "DISPLAY"])
def test_what_may_be_asked_for(name: str) -> None:
    environment.check_kept([name])


@pytest.mark.parametrize(
    "name",
    "PATH HOME IFS ENV BASH_ENV PYTHONPATH PYTHONSTARTUP LD_PRELOAD LD_LIBRARY_PATH GCONV_PATH "
    "TMPDIR TERMINFO GLIBC_TUNABLES MALLOC_TRACE SSLKEYLOGFILE GIT_SSH_COMMAND NODE_OPTIONS "
    "PERL5OPT SYSTEMD_CREDENTIAL_SECRET CREDENTIALS_DIRECTORY".split(),
)
def test_what_is_never_let_through(name: str) -> None:
    with pytest.raises(RunnerFailed, match=f"{name} is never let through") as caught:
        environment.check_kept(["TERM", name])
    assert caught.value.exit_code == 125


@pytest.mark.parametrize("name", ["", "1X", "A=B", "A B", "Ä", "A\n", "BASH_FUNC_x%%"])
def test_what_is_no_variable(name: str) -> None:
    with pytest.raises(RunnerFailed, match="is no name of a variable"):
        environment.check_kept([name])

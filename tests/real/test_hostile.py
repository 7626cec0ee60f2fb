# SPDX-License-Identifier: MIT
"""Callers who may run one script of root's through real sudo, and want more than that.

None of them gets a shell, another credential, a write, or a byte of a value: each attack is judged
by what it printed, by what is written anywhere, and by whether evil code ran as root.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.hostile import (
    CALLERS,
    EVIL,
    HACKED,
    RUN,
    SCRIPT,
    Attack,
    Judge,
    both,
    grant,
    made,
)
from tests.real.running import ALICE, BOB, VALUE

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.hostile_fixtures")


def test_what_they_may_do_works(judge: Judge) -> None:
    for caller in CALLERS.values():
        facts = both(judge, Attack(caller, [*RUN, "this", "month"]).run())
        assert facts["arguments"] == ["this", "month"]


# ---- the environment ----

ENVIRONMENT = {
    "PYTHONPATH": str(EVIL),
    "PYTHONHOME": str(EVIL),
    "PYTHONSTARTUP": f"{EVIL}/startup.py",
    "PYTHONINSPECT": "1",
    "PYTHONUSERBASE": str(EVIL),
    "PYTHONPLATLIBDIR": str(EVIL),
    "PYTHONPYCACHEPREFIX": str(EVIL),
    "PYTHONEXECUTABLE": f"{EVIL}/python3",
    "PYTHONBREAKPOINT": "os.system",
    "PYTHONWARNINGS": "error",
    "PYTHONVERBOSE": "9",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONMALLOC": "debug",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONUTF8": "0",
    "PYTHONSAFEPATH": "",
    "LD_PRELOAD": f"{EVIL}/evil.so",
    "LD_LIBRARY_PATH": str(EVIL),
    "LD_AUDIT": f"{EVIL}/evil.so",
    "LD_DEBUG": "all",
    "LD_DEBUG_OUTPUT": f"{EVIL}/debug",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "MALLOC_TRACE": f"{EVIL}/trace",
    "GCONV_PATH": str(EVIL),
    "LOCPATH": str(EVIL),
    "NLSPATH": f"{EVIL}/%N",
    "BASH_ENV": f"{EVIL}/startup",
    "ENV": f"{EVIL}/startup",
    "SHELLOPTS": "xtrace",
    "BASHOPTS": "extdebug",
    "PS4": f"$({EVIL}/startup)",
    "BASH_FUNC_date%%": f"() {{ {EVIL}/startup; }}",
    "BASH_FUNC_id%%": f"() {{ {EVIL}/startup; }}",
    "IFS": "/",
    "CDPATH": str(EVIL),
    "PATH": f"{EVIL}:/usr/bin:/bin",
    "HOME": str(EVIL),
    "TMPDIR": str(EVIL),
    "SHELL": f"{EVIL}/sh",
    "USER": "nobody",
    "TERM": "../../tmp/evil/x",
    "TERMINFO": str(EVIL),
    "TERMCAP": f"{EVIL}/termcap",
    "TZ": "/etc/shadow",
    "TZDIR": str(EVIL),
    "LC_ALL": "../../../tmp/evil",
    "LANG": "/tmp/evil",
    "LANGUAGE": "../../tmp/evil:%s",
    "LC_MESSAGES": "%n%n%n",
    "CREDENTIALS_DIRECTORY": str(EVIL),
    "COVERAGE_PROCESS_START": f"{EVIL}/startup.py",
    "COVERAGE_PROCESS_CONFIG": "{}",
    "COVERAGE_FILE": f"{EVIL}/coverage",
    "SYSTEMD_CREDENTIAL_SECRET": f"{EVIL}/my_api_key",
    "SYSTEMD_CREDENTIAL_VALIDATE_NAME": "0",
    "SYSTEMD_LOG_LEVEL": "debug",
    "SYSTEMD_LOG_TARGET": "console",
    "NOTIFY_SOCKET": f"{EVIL}/socket",
    "SSLKEYLOGFILE": f"{EVIL}/keys",
    "OPENSSL_CONF": f"{EVIL}/openssl.cnf",
    "MALFORMED\nX": "1",
    "HUGE": "x" * 100_000,
    "SUDO_COMMAND": "/bin/sh",
}


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_the_environment(variable: str, judge: Judge) -> None:
    assert both(judge, Attack(BOB, environment={variable: ENVIRONMENT[variable]}).run())


@pytest.mark.parametrize("caller", CALLERS)
def test_the_whole_environment_at_once(caller: str, judge: Judge) -> None:
    assert both(judge, Attack(CALLERS[caller], environment=ENVIRONMENT).run())


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("uid", ["0", "4202", "-1", "x", ""])
def test_somebody_else_in_the_environment(
    caller: str, uid: str, judge: Judge, journal: Callable[[int], list[dict[str, str]]]
) -> None:
    spoofed = {"SUDO_UID": uid, "SUDO_USER": "root", "SUDO_GID": "0", "LOGNAME": "root"}
    assert both(judge, Attack(CALLERS[caller], environment=spoofed).run())
    record, imported = journal(2)
    assert imported["CREDHELPER_IMPORTED"] == "/opt/jobs/helper.py"
    assert record["CREDHELPER_INVOKING_USER"] == caller
    assert VALUE not in str(record)


# ---- arguments ----

ARGUMENTS = {
    "options of the runner": ["--no-mask", "--user", "alice", "-c", "other"],
    "another python": [f"--python={EVIL}/python3"],
    "dry run": ["--dry-run"],
    "help": ["--help"],
    "dashes": ["--", "-c", "other"],
    "equals": ["=", "-e=A=other", "A=B", "--root-owned=0"],
    "newlines": ["one\ntwo", "\n", "\r\nusing\x1b[2J"],
    "a shell's words": ["; id", "$(id)", "`id`", "| sh", "&& /tmp/evil/startup", "*", "~"],
    "credentials": ["{my_api_key}", "{other}", "{}", "/proc/self/fd/5/my_api_key"],
    "nothing": [""],
    "no text": ["\udcff\udcfe", "\u202e\u0000".replace("\0", "")],
    "huge": ["x" * 100_000],
    "many": ["x"] * 2000,
    "a pattern": ["%s%n", "../" * 20 + "etc/shadow"],
    "an error that shows the value": ["fail"],
    "children of Python's": ["children"],
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("caller", CALLERS)
def test_arguments(caller: str, name: str, judge: Judge) -> None:
    given = ARGUMENTS[name]
    facts = both(judge, Attack(CALLERS[caller], [*RUN, *given]).run())
    assert facts["arguments"] == given


COMMANDS = {
    "no option": [RUN[0], SCRIPT],
    "an option before": [RUN[0], "--no-mask", "--root-owned", SCRIPT],
    "an option between": [*RUN[:2], "--no-mask", SCRIPT],
    "another script": [*RUN[:2], f"{EVIL}/startup.py"],
    "a way around": [*RUN[:2], "/opt/jobs/../jobs/report.py"],
    "a dot": [*RUN[:2], "/opt/jobs/./report.py"],
    "a blank": [RUN[0], f"--root-owned {SCRIPT}"],
    "a module": [*RUN[:2], "-m", "code"],
    "another credential": [*RUN[:2], "-c", "other", SCRIPT],
    "standard input": [*RUN[:2], "-"],
    "a link to the runner": [f"{EVIL}/runner", "--root-owned", SCRIPT],
    "the other command": ["credhelper", "list"],
    "python": ["/usr/bin/python3", "-c", "1"],
    "a shell": ["/bin/sh", "-c", ": >/tmp/hacked/0"],
}
OPTIONS = {
    "environment": ["-E"],
    "a variable": ["PYTHONPATH=/tmp/evil"],
    "a loader's variable": ["LD_PRELOAD=/tmp/evil/evil.so"],
    "another user": ["-u", "nobody"],
    "a group": ["-g", "alice"],
    "a shell": ["-s"],
    "a login": ["-i"],
    "another root": ["-R", "/tmp/evil"],
    "another directory": ["-D", "/tmp/evil"],
    "descriptors": ["-C", "100"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_other_commands_than_theirs(name: str, judge: Judge) -> None:
    made("os.symlink('/usr/bin/credhelper-decrypt-run', 'runner')")
    finished = Attack(ALICE, COMMANDS[name]).run()
    assert both(judge, finished) == {}
    assert finished.status in (1, 125)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("caller", CALLERS)
def test_options_of_sudo(caller: str, name: str, judge: Judge) -> None:
    """Mostly refused by sudo; what it grants bob does nothing for him."""
    both(judge, Attack(CALLERS[caller], options=OPTIONS[name]).run())
    assert list(HACKED.iterdir()) == []


@pytest.mark.parametrize("setting", ["noexec", "intercept"])
def test_a_sudo_that_lets_nothing_be_executed(setting: str, judge: Judge) -> None:
    """A drop-in of ours is not touched by it; a rule of the site's own names what sudo was told."""
    assert judge.trees
    strict = f"Defaults:alice {setting}\n"
    drop_in = grant("strict", strict)
    try:
        assert Attack(ALICE).run().status == 0
        ours = Path("/etc/sudoers.d/report")
        text = ours.read_text()
        rule = f"/usr/bin/{' '.join(RUN)}"
        grant("report", f"alice ALL=(root) NOPASSWD: NOSETENV: {rule}\n")
        try:
            finished = Attack(ALICE).run()
        finally:
            grant("report", text)
    finally:
        drop_in.unlink()
    assert (finished.status, finished.out) == (125, "")
    assert "systemd-creds cannot be started: " in finished.err
    assert f"{setting}" in finished.err.partition("hint: ")[2]
    assert not (HACKED / "0").exists()


def test_guesses_that_the_script_prints(judge: Judge) -> None:
    """What is masked of them does not tell which character comes next in the value."""
    signs = "abcdefghijklmnopqrstuvwxyz0123456789/+-="
    head, tail = VALUE[:8], VALUE[-8:]
    guesses = [f"{head}{sign}..." for sign in signs] + [f"...{sign}{tail}" for sign in signs]
    facts = both(judge, Attack(ALICE, [*RUN, *guesses]).run())
    assert facts["arguments"] == [
        *["[credential my_api_key]..."] * len(signs),
        *["...[credential my_api_key]"] * len(signs),
    ]

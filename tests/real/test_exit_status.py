# SPDX-License-Identifier: MIT
"""The one rule of credhelper(8), EXIT STATUS, in every verb.

2 is for a command line that no state of the machine would make right; all else that fails is 1.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from credhelper.commands.verbs import VERBS
from tests.real import mistakes
from tests.real.conftest import CONFIGURED, REPLACED, STORE, Finished, Runs
from tests.real.running import Writes

pytest_plugins = ("tests.real.runner_fixtures",)
NOBODY: Final = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
WORKS: Final = {  # what succeeds for root, with what there() makes and a value on standard input
    "add": "add new_key",
    "put": "put my_api_key",
    "rotate": "rotate my_api_key",
    "rename": "rename my_api_key new_key",
    "remove": "remove my_api_key --yes",
    "import": "import new.env",
    "new": "new new.py my_api_key",
    "list": "list --names",
    "log": "log -n 1",
    "check": "check report.py",
    "leaks": "leaks directory",
    "report": "report facts.json",
    "reseal": "reseal my_api_key",
    "sudoers": "sudoers report.py --user root",
    "allow": "allow my_api_key",
}
FOR_ANYBODY: Final = ("new", "report")
# wrong on every machine: no such option, words missing or in excess, what goes not together, what
# is no name, number, time or choice; --frob is tried with each verb, and no word at all
COMMAND_LINE: Final = """\
add a/b
add .x
add new_key extra
add new_key --wait=long
add new_key --wait
add new_key --with-key=hots
add new_key --not-after=31.12.2030
add new_key --tpm2-pcrs=boot
add new_key --stdin --multiline
add new_key --delete-source
add new_key --from-file - --delete-source
add new_key --description sk-live-ONLINE0123456789
put a/b
put new_key --set
put --set --from-file key.txt
put --set --description text
put new_key --not-after=31.12.2030
rotate a/b
rotate my_api_key --not-after=31.12.2030
rotate my_api_key --test ''
rotate my_api_key --test "grep 'x"
rename my_api_key
rename my_api_key a/b
remove a/b
remove my_api_key other_key
import - --delete-source
import new.env --not-after=31.12.2030
new new.py
new new.py a/b
list my_api_key
list --json --names
log a/b
log -n many
log -n 0
log --since
log --since=yesterdya
check --max-age=old
check --max-age=-1
leaks --max-age=-1 directory
leaks --area nowhere --machine
leaks --area journal directory
leaks --since=-1d directory
leaks --machine --since=yesterdya --area journal
leaks --machine directory
leaks --value-from - -
leaks --rewrite --json
report facts.json --html page.html --json
reseal --all my_api_key
reseal a/b
reseal my_api_key --not-after=31.12.2030
sudoers report.py
sudoers --user root
sudoers --install
sudoers report.py --user root --install --revoke
sudoers report.py --user root --selinux-role 'a b'
sudoers report.py --user %root
allow a/b
allow --script report.py
allow my_api_key --revoke
allow my_api_key --any --script report.py
allow my_api_key --script report.py --group 'a b'"""
# right, but for what it finds: what is not there, is there already, is of another kind, is refused
WORLD: Final = """\
add my_api_key
add new_key --from-file absent
add new_key --from-file directory
add new_key --from-file link.txt
add new_key --with-key=tpm2
add new_key --not-after=2020-01-01
add new_key --tpm2-public-key=absent
put new_key --from-file absent
put --set
rotate absent_key
rotate my_api_key --test absent-program
rotate my_api_key --test false
rename absent_key new_key
rename my_api_key other_key
remove absent_key --yes
remove my_api_key
import absent.env
import directory
import clash.env
import settings.env
import names.env
import new.env --select ABSENT_KEY
import mixed.env --select A_KEY --delete-source
new report.py my_api_key
new absent/new.py my_api_key
check absent_key
check ./absent.py
leaks absent
leaks --select absent_key directory
leaks --baseline absent directory
leaks --baseline key.txt directory
leaks --value-from absent directory
leaks --forget absent_key
report absent.json
report key.txt
report facts.json --html absent/page.html
reseal absent_key
sudoers absent.py --user root
sudoers theirs.py --user root
sudoers report.py --user absent
sudoers report.py --group absent
sudoers report.py --revoke
allow my_api_key --script absent.py
allow my_api_key --script theirs.py
allow my_api_key --script report.py --group absent
allow my_api_key --script report.py --revoke"""

CHANGING: Final = ("add", "put", "rotate", "rename", "remove", "import", "reseal")
RUNNER: Final = """\
125 --frob report.py
125 -c absent_key report.py
125 -c a/b report.py
125 -e report.py
125
126 open.py
126 theirs.py
126 directory
127 absent.py
127 -m absent_module
127 interpreter.sh
0 report.py
"""


@pytest.fixture
def typed(scratch: Path, write: Writes, credhelper: Runs) -> Iterator[Callable[..., Finished]]:
    """``typed(line)`` runs what a person types, each time with the same world about it.

    ``then()`` changes that first; ``program`` is another one than credhelper.
    """

    def run(
        line: str,
        then: Callable[[], object] = lambda: None,
        program: Runs = credhelper,
        **how: object,
    ) -> Finished:
        if STORE.is_file():
            STORE.unlink()
        for directory in (STORE, REPLACED, CONFIGURED):
            shutil.rmtree(directory, ignore_errors=True)
        for name in ("new.py", "link.txt"):
            (scratch / name).unlink(missing_ok=True)
        mistakes.set_up(write)
        (scratch / "facts.json").write_text("{}")
        (scratch / "names.env").write_text("A-KEY:B=sk-0123456789abcdef\n")
        (scratch / "mixed.env").write_text("A_KEY=sk-0123456789abcdef\nB_KEY=sk-fedcba987654\n")
        then()
        return program(*shlex.split(line), cwd=scratch, input="a value", **how)

    yield run


def lines(table: str, verb: str) -> list[str]:
    return [line for line in table.splitlines() if line.split()[0] == verb]


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_command_line_is_2(verb: str, typed: Callable[..., Finished]) -> None:
    takes_words = verb not in ("list", "log", "check", "leaks", "sudoers", "allow")
    tried = [f"{verb} --frob", *([verb] if takes_words else []), *lines(COMMAND_LINE, verb)]
    told = {line: typed(line) for line in tried}
    assert {line: finished.status for line, finished in told.items()} == dict.fromkeys(tried, 2)
    assert {finished.out for finished in told.values()} == {""}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("list", "log")])
def test_what_the_world_refuses_is_1(verb: str, typed: Callable[..., Finished]) -> None:
    tried = lines(WORLD, verb)
    assert tried
    found = {line: typed(line).status for line in tried}
    assert found == dict.fromkeys(tried, 1)


def test_without_root_it_is_1(typed: Callable[..., Finished]) -> None:
    found = {verb: typed(WORKS[verb], before=NOBODY, measured=False) for verb in VERBS}
    expected = {verb: 0 if verb == "report" else 1 for verb in VERBS}
    assert {verb: finished.status for verb, finished in found.items()} == expected
    told = {verb for verb, finished in found.items() if "needs root" in finished.err}
    assert told == set(VERBS) - {"new", "report"}


def test_a_store_that_another_is_changing_is_1(typed: Callable[..., Finished]) -> None:
    held = []

    def lock() -> None:
        held.append(os.open(STORE, os.O_RDONLY | os.O_DIRECTORY))
        fcntl.flock(held[-1], fcntl.LOCK_EX)

    found = {verb: typed(f"{WORKS[verb]} --wait=0", lock).status for verb in CHANGING}
    for descriptor in held:
        os.close(descriptor)
    assert found == dict.fromkeys(CHANGING, 1)


def test_a_store_that_is_no_directory_is_1(typed: Callable[..., Finished]) -> None:
    def spoil() -> None:
        shutil.rmtree(STORE)
        STORE.write_text("")

    tried = {verb: typed(WORKS[verb], spoil) for verb in (*CHANGING, "list")}
    STORE.unlink()
    assert {verb: finished.status for verb, finished in tried.items()} == dict.fromkeys(tried, 1)


def test_the_runner_keeps_1_and_2_for_the_script(
    typed: Callable[..., Finished], decrypt_run: Runs
) -> None:
    expected = {line: int(line.split()[0]) for line in RUNNER.splitlines()}
    found = {line: typed(line.partition(" ")[2], program=decrypt_run).status for line in expected}
    assert found == expected

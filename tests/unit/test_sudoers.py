# SPDX-License-Identifier: MIT
"""What `credhelper sudoers` writes: sudoers(5) takes every name for itself and for nothing more."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper.commands import sudoers
from credhelper.commands.sudoers import Grant
from credhelper.errors import CredentialError, UsageError

REPORT = "/opt/jobs/report.py"


def specification(grant: Grant) -> str:
    """The line that grants something."""
    return sudoers.drop_in(grant).splitlines()[-1]


def test_a_group_runs_one_script_without_a_password() -> None:
    assert specification(Grant(REPORT, group="ops")) == (
        "%ops ALL=(root) NOPASSWD: NOSETENV: "
        "/usr/bin/credhelper-decrypt-run --root-owned /opt/jobs/report.py"
    )


def test_a_user_runs_one_script_with_a_password() -> None:
    assert specification(Grant(REPORT, user="alice", password=True)) == (
        "alice ALL=(root) PASSWD: NOSETENV: "
        "/usr/bin/credhelper-decrypt-run --root-owned /opt/jobs/report.py"
    )


def test_the_header_says_who_may_type_what() -> None:
    text = sudoers.drop_in(Grant("/opt/jobs/it's.py", group="ops"))
    assert text.startswith("# Lets members of the group ops run one script as root")
    assert """#   sudo credhelper-decrypt-run --root-owned '/opt/jobs/it'"'"'s.py'\n""" in text


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("domain users", r"%domain\ users"),
        ("corp\\ops", r"%corp\\ops"),
        ("a,b:c=d!e(f)", r"%a\,b\:c\=d\!e\(f\)"),
        ('a"b', r"%a\"b"),
        ("ops@corp.example", "%ops@corp.example"),
        ("#1000", "%#1000"),
        ("été", "%été"),
    ],
)
def test_a_group_name_is_escaped(name: str, written: str) -> None:
    assert specification(Grant(REPORT, group=name)).startswith(f"{written} ALL=(root)")


@pytest.mark.parametrize("name", ["ALL", "ADMINS", "BOB"])
def test_a_name_in_capitals_is_no_alias(name: str) -> None:
    assert specification(Grant(REPORT, user=name)).startswith(f"\\{name} ALL=(root)")


@pytest.mark.parametrize(
    "name",
    ["", "%wheel", "+netgroup", ":nonunix", "!alice", "-x", "#", "#1x", "a\nb", "a\tb", "a\0b"],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        sudoers.drop_in(Grant(REPORT, user=name))


@pytest.mark.parametrize("name", ["a b.py", "a\nb.py", "a\tb.py", "a\u00a0b.py", "a\udcffb.py"])
def test_a_path_that_sudo_could_take_for_another_is_refused(name: str) -> None:
    with pytest.raises(CredentialError, match="blanks or control characters"):
        sudoers.drop_in(Grant(f"/opt/jobs/{name}", user="alice"))


def test_a_path_is_no_pattern() -> None:
    line = specification(Grant(r"/opt/a*b?c[d]e,f:g=h#i\j.py", user="alice"))
    assert line.endswith(r" /opt/a\*b\?c\[d\]e\,f\:g\=h\#i\\\\j.py")


@pytest.mark.parametrize(
    ("grant", "name"),
    [
        (Grant(REPORT, group="ops"), "credhelper-opt-jobs-report_2epy--group-ops"),
        (Grant("/opt/a-b/c_d", user="alice"), "credhelper-opt-a_2db-c_5fd--user-alice"),
        (Grant("/opt/~", user="#10"), "credhelper-opt-_7e--user-_2310"),
        (Grant("/opt/\xe9", user="a.b"), "credhelper-opt-_c3_a9--user-a_2eb"),
    ],
)
def test_the_file_is_named_after_the_script_and_the_grantee(grant: Grant, name: str) -> None:
    assert sudoers.file_name(grant) == name
    assert sudoers.names_of(grant.script, [name, f"{name}x", "x"]) == [name, f"{name}x"]


_paths = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=255
).map(lambda text: "/" + text.strip("/").replace("//", "/"))


@given(_paths, _paths)
def test_sudo_reads_a_file_of_that_name_and_no_two_share_one(one: str, other: str) -> None:
    name = sudoers.file_name(Grant(one, group="ops"))
    assert re.fullmatch(r"credhelper-[A-Za-z0-9_-]+", name)
    assert len(name) <= 200
    assert (name == sudoers.file_name(Grant(other, group="ops"))) == (one == other)

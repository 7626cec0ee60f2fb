# SPDX-License-Identifier: MIT
"""Input that nobody would write, held against what else reads it: the kernel, systemd-creds, sudo,
python-dotenv, and the reference implementation of inline script metadata.

A short run here; `make fuzz` runs long, with the hypothesis profile "long".
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credhelper import envelope
from credhelper.commands import dotenv_import, metadata, script, sudoers
from credhelper.errors import CredentialError, DamagedCredential
from tests.machines.machine import Machine
from tests.system import library

# the machine and the compiled program are the same for every example
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
# an example in a machine is a list of them
in_machine = settings(shared, max_examples=max(1, settings().max_examples // 20))


# ---- sealed blobs, against systemd-creds ----


@given(st.binary(max_size=300), st.booleans())
def test_blob_is_read_or_refused(raw: bytes, encoded: bool) -> None:
    blob = base64.b64encode(raw) if encoded else raw
    try:
        assert envelope.binding(blob).label
        envelope.tpm2_pcrs(blob)
    except DamagedCredential:
        assert not encoded or len(raw) < 32


edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert"]), st.integers(0, 250), st.binary(max_size=9)
    ),
    min_size=1,
    max_size=4,
)


def edited(blob: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    raw = bytearray(base64.b64decode(blob))
    for what, at, data in changes:
        if what == "set":
            raw[at : at + len(data)] = data
        elif what == "cut":
            del raw[at:]
        else:
            raw[at:at] = data
    return base64.b64encode(raw)


@pytest.mark.parametrize("booted", ["sid"], indirect=True)
@in_machine
@given(many=st.lists(edits, min_size=20, max_size=20))
def test_edited_blob_gives_its_value_or_nothing(
    machine: Machine, many: list[list[tuple[str, int, bytes]]]
) -> None:
    original = library.seal(machine, "api_key", b"the value", with_key="host").value
    for outcome in library.unseal_each(machine, "api_key", [edited(original, one) for one in many]):
        assert outcome.value in {b"", b"the value"}
        assert bool(outcome.value) != bool(outcome.error)


# ---- inline metadata, against the reference implementation ----

# from the specification "Inline script metadata" of the Python Packaging User Guide
REFERENCE = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
pieces = st.sampled_from(
    [
        "# /// script",
        "# /// script ",
        "# /// other",
        "# ///",
        "#///",
        "# [tool.credhelper]",
        '# credentials = ["api_key"]',
        '# credentials = ["a", "b"]',
        '# environment = { KEY = "api_key" }',
        '# requires-python = ">=3.11"',
        "#",
        "# ",
        "# \t",
        "#x",
        "",
        "import os",
        '"""',
    ]
)
lines = st.lists(pieces | st.text(max_size=20), max_size=14)


@given(lines, st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_metadata_is_what_the_reference_finds(text: list[str], newline: str) -> None:
    source = newline.join(text) + newline
    try:
        text_file = source.replace("\r\n", "\n")  # as Python opens one
        blocks = [m for m in REFERENCE.finditer(text_file) if m["type"] == "script"]
        content = "".join(
            line[2:] if line.startswith("# ") else line[1:]
            for line in (blocks[0]["content"].splitlines(keepends=True) if blocks else [])
        )
        table = tomllib.loads(content).get("tool", {}).get("credhelper", {})
        expected = None if len(blocks) > 1 else table
    except (tomllib.TOMLDecodeError, AttributeError):
        expected = None
    try:
        declared = metadata.declared(source.encode())
    except CredentialError as error:
        if "not closed" in error.problem:  # no block to the reference; here a mistake to be told
            return
        declared = None
    if expected is None or declared is None:
        assert expected is None and declared is None, (expected, declared)
        return
    assert list(declared.credentials) == expected.get("credentials", [])
    assert dict(declared.environment) == expected.get("environment", {})


# ---- shebangs, against the kernel ----

SHOW = r"""
#include <stdio.h>
int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) { fputs(argv[i], stdout); putchar(0); }
    return 0;
}
"""


@pytest.fixture(scope="module")
def in_directory_of_s(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The working directory has the program `s`, which prints its argv, zeros between."""
    directory = tmp_path_factory.mktemp("s")
    (directory / "s.c").write_text(SHOW)
    compiler = ["/usr/bin/gcc", "-o", str(directory / "s"), str(directory / "s.c")]
    subprocess.run(compiler, check=True)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(directory)  # so that "./s" is short: a first line has 255 bytes
    yield
    os.fchdir(here)
    os.close(here)


blanks = st.text(" \t", max_size=3)
argument = st.binary(max_size=6) | st.binary(min_size=240, max_size=260) | st.just(b"-S a  b ")


@pytest.mark.usefixtures("in_directory_of_s")
@given(blanks, st.sampled_from(["./s", "./s", "s", "./missing", ""]), blanks, argument, blanks)
def test_shebang_is_what_the_kernel_reads(
    before: str, program: str, between: str, given_argument: bytes, after: str
) -> None:
    head = f"{before}{program}{between}".encode()
    source = b"#!" + head + given_argument + after.encode() + b"\nrest\n"
    path = Path("script")
    path.write_bytes(source)
    path.chmod(0o755)
    try:
        ran = subprocess.run(["./script"], executable="./script", capture_output=True, check=True)
        kernel = ran.stdout.split(b"\0")[:-2]  # all but the script's own path
    except OSError:
        kernel = None
    except subprocess.CalledProcessError as error:  # a shell: what was there was no shebang
        raise AssertionError(error.stderr) from error
    try:
        read = script.shebang(source)
    except CredentialError:
        read = None
    if kernel is None:
        return  # no such program: the runner finds that out when it looks for it
    assert read is not None
    assert [os.fsencode(part) for part in read if part] == [part for part in kernel if part]


# ---- sudoers, against sudo ----

names = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=20
)

ASK = """
import json, subprocess, sys
answers = []
for number, (text, commands) in enumerate(json.load(sys.stdin)):
    with open("/etc/sudoers.d/fuzz", "w") as file:
        file.write(text)
    check = subprocess.run(["/usr/sbin/visudo", "-cf", "/etc/sudoers.d/fuzz"], capture_output=True)
    sudo = ["/usr/bin/sudo", "-n", "-l", "-U", "alice", "--"]
    may = [subprocess.run([*sudo, *c], capture_output=True).returncode == 0 for c in commands]
    answers.append([check.returncode == 0, may])
print(json.dumps(answers))
"""


@in_machine
@given(many=st.lists(st.tuples(names, names), min_size=10, max_size=10))
def test_drop_in_grants_the_one_script(machine: Machine, many: list[tuple[str, str]]) -> None:
    asked = []
    for one, other in many:
        try:
            grant = sudoers.Grant(f"/opt/jobs/{one}", user="alice")
            text = sudoers.drop_in(grant)
        except CredentialError:
            continue
        runner = [sudoers.RUNNER, "--root-owned"]
        near = [f"/opt/jobs/{other}", f"/opt/jobs/{one}x", f"/opt/jobs/{one}/{other}", "/opt/jobs/"]
        refused = [[*runner, path] for path in near if path != grant.script]
        refused += [[sudoers.RUNNER, grant.script], [*runner, grant.script, "argument"], runner]
        asked.append((text, [[*runner, grant.script], *refused]))
    python = ["/usr/bin/python3", "-I", "-c", ASK]
    answered = machine.run(python, input=json.dumps(asked), check=True, timeout=300).stdout
    for (text, commands), (accepted, may) in zip(asked, json.loads(answered), strict=True):
        assert accepted, text
        granted = [shlex.join(c) for c, allowed in zip(commands, may, strict=True) if allowed]
        assert granted == [shlex.join(commands[0])], text


# ---- .env files, against python-dotenv ----

dotenv_pieces = st.sampled_from(
    ["A", "B_C", "export ", "=", " = ", "'", '"', "\\", "\\n", "\n", "\r\n", "#", " #", "${A}", "ä"]
)


@given(st.lists(dotenv_pieces | st.text(max_size=4), max_size=14).map("".join))
def test_env_file_is_what_dotenv_reads(text: str) -> None:
    try:
        plan = dotenv_import.plan(text.encode(errors="surrogatepass"))
    except CredentialError:
        return
    read = dotenv_values(stream=io.StringIO(text), interpolate=False)
    planned = {item.variable: item.value.decode() for item in plan.items}
    assert planned == {variable: value for variable, value in read.items() if value}

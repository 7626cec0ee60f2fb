# SPDX-License-Identifier: MIT
"""``$CREDENTIALS_DIRECTORY`` of a run, and that of a unit with ``LoadCredentialEncrypted=``."""

from __future__ import annotations

import pytest

from tests.machines.machine import Machine

CREDHELPER = "/usr/bin/credhelper"
RUN = "/usr/bin/credhelper-decrypt-run"
JOB = "/opt/jobs/tools.sh"
TOOLS = """\
#!/bin/bash
cd "$(mktemp -d)"
export K="$CREDENTIALS_DIRECTORY/key"
{
    realpath "$CREDENTIALS_DIRECTORY/key"
    find "$CREDENTIALS_DIRECTORY" -printf '%p %y\\n'
    cp -r "$CREDENTIALS_DIRECTORY" copy; find copy -printf '%p %y\\n' | sort
    tar -C "$CREDENTIALS_DIRECTORY" -cf - . | tar -tf - | sort
    cat "$CREDENTIALS_DIRECTORY/key"; echo x >"$CREDENTIALS_DIRECTORY/new"
    python3 -c 'import os, subprocess; subprocess.run(["cat", os.environ["K"]])'
} 2>&1 | sed "s,$CREDENTIALS_DIRECTORY,DIRECTORY,g; s,^/.*line [0-9]*: ,,"
"""


@pytest.mark.parametrize("user", ["root", "nobody"])
@pytest.mark.parametrize("booted", ["trixie", "sid"], indirect=True)
def test_tools_see_in_a_run_what_they_see_in_a_unit(machine: Machine, user: str) -> None:
    added = [CREDHELPER, "add", "key", "--stdin", "--with-key=host"]
    machine.run(added, input="s3cret-value\n", check=True)
    machine.write(JOB, TOOLS, mode=0o755)
    unit = ["/usr/bin/systemd-run", "--quiet", "--pipe", "--wait", f"--property=User={user}"]
    expected = machine.run([*unit, "--property=LoadCredentialEncrypted=key", JOB], check=True)
    ran = machine.run([RUN, "--no-mask", "--user", user, "-c", "key", JOB], check=True)
    assert "DIRECTORY/key" in expected.stdout
    assert ran.stdout == expected.stdout

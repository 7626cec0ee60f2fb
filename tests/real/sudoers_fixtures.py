# SPDX-License-Identifier: MIT
"""A machine with sudo, people and credhelper's commands where the package has them."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import namespace, policies
from tests.real.conftest import launcher
from tests.real.drop_in import DROP_IN, filled
from tests.real.running import ALICE


@pytest.fixture(scope="module")
def installed() -> Iterator[None]:
    """The commands where the package has them, scripts of root's, people, and sudo's main file."""
    upper, work = Path("/root/upper"), Path("/root/work")
    for directory in (upper, work):
        directory.mkdir()
    options = f"lowerdir=/usr/bin,upperdir={upper},workdir={work}"
    namespace.mount("overlay", "/usr/bin", "overlay", 0, options)
    for name in ("credhelper", "credhelper-decrypt-run"):
        path = Path("/usr/bin", name)
        path.write_text(f'#!/bin/sh\nexec {shlex.join(launcher(name))} "$@"\n')
        path.chmod(0o755)
    scripts = {
        "report.py": "#!/usr/bin/python3\n"
        '# /// script\n# [tool.credhelper]\n# credentials = ["my_api_key"]\n# ///\n',
        "x.sh": "#!/bin/sh\nid\n",
        "build": "#!/usr/bin/make -f\nall:\n",
        "report.awk": "#!/usr/bin/awk -f\nBEGIN { }\n",
        "report.sed": "#!/usr/bin/sed -f\np\n",
        "find": "#!/usr/bin/env -S find / -maxdepth 0\n",
    }
    for name, text in scripts.items():
        path = Path(policies.JOBS, name)
        path.parent.mkdir(exist_ok=True, mode=0o755)
        path.write_text(text)
        path.chmod(0o755)
    for directory, owner in ((Path("/home/alice"), ALICE.uid), (Path("/opt/open"), 0)):
        directory.mkdir(parents=True)
        os.chown(directory, owner, owner)
    Path("/opt/open").chmod(0o777)
    for name, owner in (("x.py", ALICE.uid), ("roots.py", 0)):
        path = Path("/home/alice", name)
        path.write_text("#!/usr/bin/python3\n")
        path.chmod(0o755)
        os.chown(path, owner, owner)
    yield
    namespace.unmount("/usr/bin")
    for place in (policies.JOBS, "/home/alice", "/opt/open", str(upper), str(work)):
        subprocess.run(["/bin/rm", "-rf", place], check=True)


@pytest.fixture
def machine_with_sudo(users: None, installed: None) -> Iterator[None]:
    """Sudoers lets root alone do anything."""
    assert users is None
    assert installed is None
    passwd = Path("/etc/passwd").read_text()
    few = ("root:", "nobody:", "alice:", "bob:")  # each account is asked about
    lines = passwd.splitlines(keepends=True)
    Path("/etc/passwd").write_text("".join(line for line in lines if line.startswith(few)))
    main = Path("/etc/sudoers")
    before = main.read_text()
    main.chmod(0o640)
    main.write_text("Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n")
    main.chmod(0o440)
    subprocess.run(["/bin/rm", "-rf", "/etc/sudoers.d"], check=True)
    DROP_IN.parent.mkdir(0o750)
    for name, text in policies.OTHER_FILES.items():
        path = Path(filled(name))
        path.parent.mkdir(exist_ok=True)
        path.write_text(filled(text))
        path.chmod(0o440)
    Path("/etc/sudoers.skipped").mkdir(exist_ok=True)
    Path("/etc/sudoers.skipped/x.rpmsave").write_text(filled("@ALL\n"))
    yield
    Path("/etc/passwd").write_text(passwd)
    main.write_text(before)
    DROP_IN.unlink(missing_ok=True)

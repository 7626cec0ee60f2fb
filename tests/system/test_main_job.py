"""The main job: an administrator adds a credential, an ordinary user runs a script with it."""

from __future__ import annotations

from tests.machines.machine import Machine

CREDHELPER = "/usr/bin/credhelper"
RUN = "/usr/bin/credhelper-decrypt-run"
SUDO = "/usr/bin/sudo"


def test_every_unit_is_up(machine: Machine) -> None:
    assert machine.run(["/usr/bin/systemctl", "is-system-running"]).stdout == "running\n"


def test_added_credential_is_one_for_systemd(machine: Machine) -> None:
    added = machine.run([CREDHELPER, "add", "my_api_key", "--stdin"], input="s3cret-value\n")
    assert added.returncode == 0, added.stderr

    service = ["/usr/bin/systemd-run", "--quiet", "--pipe", "--wait"]
    service += ["--property=LoadCredentialEncrypted=my_api_key", "/usr/bin/sh", "-c"]
    shown = machine.run([*service, 'cat "$CREDENTIALS_DIRECTORY/my_api_key"'])
    assert (shown.returncode, shown.stdout) == (0, "s3cret-value"), shown.stderr

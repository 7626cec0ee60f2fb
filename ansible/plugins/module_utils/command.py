# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that runs credhelper(8): arguments as a list, values through its standard input."""

from __future__ import annotations

import json

CREDHELPER = "/usr/bin/credhelper"
# what credhelper itself would say, without a word of another language or of the caller's
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin"}
SEALED_WITH = ("host", "tpm2", "host+tpm2", "tpm2-with-public-key", "host+tpm2-with-public-key")
# the part of the argument spec that the fragment "binding" describes
TPM2 = {
    "tpm2_pcrs": {"type": "str"},
    "tpm2_public_key": {"type": "path", "no_log": False},
    "tpm2_public_key_pcrs": {"type": "str", "no_log": False},
    "tpm2_signature": {"type": "path"},
}


def binding_arguments():
    """The argument spec of how a credential is sealed, as in systemd-creds(1)."""
    return {
        "with_key": {
            "type": "str",
            "choices": ["auto", *SEALED_WITH, "null"],
            "no_log": False,
        },
        **TPM2,
        "not_after": {"type": "str"},
    }


def binding_options(module):
    """The options of credhelper for what the task says of the binding."""
    return options(module, "with_key", *TPM2, "not_after")


def options(module, *names):
    """The options of credhelper for the parameters that the task gives."""
    given = ((name, module.params[name]) for name in names)
    return [f"--{name.replace('_', '-')}={value}" for name, value in given if value]


def run(module, arguments, data=None, fine=(0,)):
    """Runs credhelper; its exit status and what it wrote to standard output.

    ``data`` goes to its standard input. Ends the task with credhelper's own error and hint where
    the exit status is not among ``fine``.
    """
    status, out, complaints = module.run_command(
        [CREDHELPER, *arguments],
        data=data,
        binary_data=data is not None,
        environ_update=ENVIRONMENT,
        handle_exceptions=False,
    )
    if status not in fine:
        said = {}
        for line in complaints.splitlines():
            words = line.split(": ", 2)  # credhelper: error: what is wrong
            if len(words) == 3:
                said.setdefault(words[1], words[2])
        module.fail_json(
            msg=said.get("error") or complaints.strip() or f"credhelper ended with {status}",
            hint=said.get("hint", ""),
            rc=status,
        )
    return status, out


def read(module, arguments, data=None, fine=(0,)):
    """Runs credhelper with ``--json``; what it says, as data."""
    out = run(module, [*arguments, "--json"], data, fine)[1]
    try:
        return json.loads(out)
    except ValueError:
        module.fail_json(msg=f"{CREDHELPER} {arguments[0]} --json did not print JSON")

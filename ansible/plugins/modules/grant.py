#!/usr/bin/python
# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: grant
short_description: Let people run one script of root's with its credentials
version_added: 1.0.0
description:
  - Puts drop-ins for sudo in place that let groups and users run one script, checked by C(visudo),
    and says which credentials the script may have.
options:
  script:
    description:
      - The path of the script on the host, which root alone can write.
    type: path
    required: true
  groups:
    description:
      - The groups whose members may run it.
    type: list
    elements: str
    default: []
  users:
    description:
      - The users who may run it.
    type: list
    elements: str
    default: []
  password:
    description:
      - Whether they are asked for their own password.
    type: bool
    default: false
  credentials:
    description:
      - The credentials that are for this script. One that is for some scripts is for no others.
    type: list
    elements: str
    default: []
  state:
    description:
      - With V(absent), what O(groups), O(users) and O(credentials) name is taken back.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - credhelper.credhelper.attributes
author:
  - credhelper maintainers (@credhelper)
"""

EXAMPLES = r"""
- name: Let the group operators run the report, which alone may have its key
  credhelper.credhelper.grant:
    script: /opt/jobs/report.py
    groups: [operators]
    credentials: [my_api_key]
  become: true
"""

RETURN = r"""
changes:
  description: What was granted or taken back, or in check mode would be.
  returned: success
  type: list
  elements: str
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.credhelper.credhelper.plugins.module_utils import command

DROP_INS = "/etc/sudoers.d/credhelper-*"
GRANTS = "/etc/credhelper/grants"


def main():
    """Grants or takes back; what changed."""
    module = AnsibleModule(
        argument_spec={
            "script": {"type": "path", "required": True},
            "groups": {"type": "list", "elements": "str", "default": []},
            "users": {"type": "list", "elements": "str", "default": []},
            "password": {"type": "bool", "default": False, "no_log": False},
            "credentials": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    people = [f"--group={name}" for name in module.params["groups"]]
    people += [f"--user={name}" for name in module.params["users"]]
    changes = [
        person
        for person in people
        if needed(module, person) and act(module, sudoers(module, person))
    ]
    changes += [
        name
        for name in module.params["credentials"]
        if listed(module, name) != present(module) and act(module, allow(module, name))
    ]
    module.exit_json(changed=bool(changes), changes=changes)


def present(module):
    """Whether the grants are to be there."""
    return module.params["state"] == "present"


def act(module, arguments):
    """Runs credhelper, but in check mode; True."""
    if not module.check_mode:
        command.run(module, arguments)
    return True


def sudoers(module, person):
    """The arguments that grant the script to somebody, or take it back."""
    words = ["sudoers", module.params["script"], person]
    if not present(module):
        return [*words, "--revoke"]
    return [*words, *(["--password"] if module.params["password"] else []), "--install"]


def allow(module, name):
    """The arguments that let the script have a credential, or take that back."""
    words = ["allow", name, f"--script={module.params['script']}"]
    return words if present(module) else [*words, "--revoke"]


def needed(module, person):
    """Whether the drop-in for somebody is not as it is to be."""
    words = sudoers(module, person)
    shown = [word for word in words if word not in ("--install", "--revoke")]
    text = command.run(module, shown)[1]  # what would be put there
    there = []
    for path in glob.glob(DROP_INS):
        with open(path, encoding="utf-8", errors="replace") as file:
            there.append(file.read())
    if present(module):
        return text not in there
    # taken back whether or not it asks for a password
    rules = {rule(drop_in) for drop_in in there}
    return rule(text) in rules


def rule(text):
    """The rule of a drop-in, without its tag."""
    last = text.strip().rpartition("\n")[2]
    return last.replace("NOPASSWD:", "").replace("PASSWD:", "")


def listed(module, name):
    """Whether the credential's grants name the script."""
    try:
        with open(os.path.join(GRANTS, name), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return False
    return os.path.realpath(module.params["script"]) in lines


if __name__ == "__main__":
    main()

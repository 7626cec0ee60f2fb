#!/usr/bin/python
# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: credential
short_description: Keep sealed credentials in the store of systemd
version_added: 1.0.0
description:
  - Seals values as systemd credentials on the host, with the host's own key or TPM2, and keeps
    them in C(/etc/credstore.encrypted) with the owner, mode and name that systemd asks for.
  - Whether a value is there already is found out on the host, by unsealing what is there; nothing
    is written where nothing changes, and what is written is verified before it takes its place.
  - Values reach the host by pipelining, which this action turns on for itself; they are in no
    argument and no file, neither on the controller nor on the host. Without pipelining the task
    fails before anything is sent.
options:
  name:
    description:
      - The name of the credential.
    type: str
  value:
    description:
      - The value of the credential O(name), as text.
    type: str
  values:
    description:
      - The names of several credentials with their values. All of them are put, or none.
      - Takes one connection for all of them, and shows no value as a loop would.
    type: dict
  state:
    description:
      - Whether the credential is to be there.
    type: str
    choices: [present, absent]
    default: present
  with_key:
    description:
      - The key to seal with, as in V(systemd-creds --with-key=). A credential that is there with
        the same value and another key is sealed again with this one.
      - Left out, a new credential is sealed with V(auto), and one that is there keeps its key.
    type: str
    choices: [auto, host, tpm2, host+tpm2, tpm2-with-public-key, host+tpm2-with-public-key, "null"]
  not_after:
    description:
      - When the credential expires, as in V(systemd.time(7\)), such as V(+90d). Taken where
        something is sealed; it alone changes nothing.
    type: str
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - credhelper.credhelper.attributes
  - credhelper.credhelper.binding
attributes:
  diff_mode:
    support: full
    details: Shows what would be done with each credential, and never a value.
seealso:
  - module: credhelper.credhelper.credential_info
  - module: credhelper.credhelper.reseal
author:
  - credhelper maintainers (@credhelper)
"""

EXAMPLES = r"""
- name: Have an API key on the host
  credhelper.credhelper.credential:
    name: my_api_key
    value: "{{ vaulted_api_key }}"
  become: true

- name: Have a set of them, all or none
  credhelper.credhelper.credential:
    values:
      my_api_key: "{{ vaulted_api_key }}"
      database_password: "{{ lookup('community.hashi_vault.hashi_vault', 'kv/db:password') }}"
    with_key: host+tpm2
    not_after: +90d
  become: true

- name: Remove one that is no longer needed
  credhelper.credhelper.credential:
    name: my_old_key
    state: absent
  become: true
"""

RETURN = r"""
credentials:
  description: What was done with each credential, or in check mode would be done.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the credential.
      type: str
    change:
      description: One of V(added), V(rotated), V(resealed), V(removed) and V(unchanged).
      type: str
    bound_to:
      description: What it is bound to; empty where that is not known.
      type: str
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.credhelper.credhelper.plugins.module_utils import command


def main():
    """Puts or removes; what changed."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "value": {"type": "str", "no_log": True},
            "values": {"type": "dict", "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **command.binding_arguments(),
        },
        required_one_of=[("name", "values")],
        required_together=[],
        mutually_exclusive=[("name", "values"), ("value", "values")],
        required_if=[("state", "absent", ("name",))],
        supports_check_mode=True,
    )
    rows = absent(module) if module.params["state"] == "absent" else present(module)
    changed = [row for row in rows if row["change"] != "unchanged"]
    module.exit_json(
        changed=bool(changed),
        credentials=rows,
        diff={
            "before": "",
            "after": "".join(f"{row['name']}: {row['change']}\n" for row in changed),
        },
    )


def present(module):
    """Puts the values; what credhelper did with each, or would do."""
    values = module.params["values"]
    if values is None:
        if module.params["value"] is None:
            module.fail_json(msg="state=present needs a value")
        values = {module.params["name"]: module.params["value"]}
    if wrong := sorted(name for name, value in values.items() if not isinstance(value, str)):
        module.fail_json(msg=f"no text: the value of {', '.join(wrong)}; quote it, or use | string")
    if not values:
        return []
    arguments = ["put", "--set", *command.binding_options(module)]
    if module.check_mode:
        arguments.append("--dry-run")
    return command.read(module, arguments, json.dumps(values))["credentials"]


def absent(module):
    """Removes the credential where it is there; what was done, or would be done."""
    name = module.params["name"]
    listed = command.read(module, ["list"])["credentials"]
    there = [row for row in listed if row["name"] == name and row["path"].startswith("/etc/")]
    if there and not module.check_mode:
        command.run(module, ["remove", "--yes", name])
    bound_to = there[0]["bound_to"] if there else ""
    return [{"name": name, "change": "removed" if there else "unchanged", "bound_to": bound_to}]


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: reseal
short_description: Seal credentials again with another key
version_added: 1.0.0
description:
  - Seals credentials again on their host, with the same values, so that they are bound to another
    key - after a TPM2 was added, or before a firmware update changes its PCRs.
  - Each is verified before it takes the old one's place.
options:
  names:
    description:
      - The credentials to seal again; all of the host's store where it is left out.
    type: list
    elements: str
    default: []
  with_key:
    description:
      - The key to seal with. Credentials that are bound to it already are left alone.
    type: str
    required: true
    choices: [host, tpm2, host+tpm2, tpm2-with-public-key, host+tpm2-with-public-key]
  force:
    description:
      - Also seal those again that are bound to O(with_key) already, as is needed for other PCRs.
    type: bool
    default: false
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - credhelper.credhelper.attributes
  - credhelper.credhelper.binding
seealso:
  - module: credhelper.credhelper.credential
author:
  - credhelper maintainers (@credhelper)
"""

EXAMPLES = r"""
- name: Bind everything to the TPM2 as well
  credhelper.credhelper.reseal:
    with_key: host+tpm2
  become: true
"""

RETURN = r"""
names:
  description: What was sealed again, or in check mode would be.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.credhelper.credhelper.plugins.module_utils import command


def main():
    """Seals anew what is not bound as asked."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "with_key": {
                "type": "str",
                "required": True,
                "choices": list(command.SEALED_WITH),
                "no_log": False,
            },
            **command.TPM2,
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    names = wanted(module)
    if names:
        options = command.options(module, "with_key", *command.TPM2)
        if module.check_mode:
            options.append("--dry-run")
        command.run(module, ["reseal", *options, *names])
    module.exit_json(changed=bool(names), names=names)


def wanted(module):
    """The names of the host's own credentials that are to be sealed anew."""
    asked, key = module.params["names"], module.params["with_key"]
    rows = command.read(module, ["list"])["credentials"]
    own = {row["name"]: row for row in rows if row["path"].startswith("/etc/")}
    if missing := [name for name in asked if name not in own]:
        module.fail_json(msg=f"there is no credential {', '.join(missing)}")
    chosen = asked or sorted(own)
    return [name for name in chosen if module.params["force"] or sealed_with(own[name]) != key]


def sealed_with(row):
    """The key of a listed credential, as ``with_key`` names it."""
    key, *more = row["bound_to"].split(", ")  # as in "tpm2, signed PCRs, pinned"
    return f"{key}-with-public-key" if "signed PCRs" in more else key


if __name__ == "__main__":
    main()

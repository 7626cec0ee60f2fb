#!/usr/bin/python
# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: credential_info
short_description: Tell what is in the credential store of systemd
version_added: 1.0.0
description:
  - Lists the sealed credentials of a host with what they are bound to, their age and their
    problems. Never a value.
options:
  verify:
    description:
      - Also unseal each credential, which finds those that have expired, bear another name or are
        another machine's. Slow where many are bound to a TPM2.
    type: bool
    default: false
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - credhelper.credhelper.attributes
seealso:
  - module: credhelper.credhelper.credential
author:
  - credhelper maintainers (@credhelper)
"""

EXAMPLES = r"""
- name: See what is there
  credhelper.credhelper.credential_info:
    verify: true
  register: store
  become: true
"""

RETURN = r"""
credentials:
  description: The credentials, as C(credhelper list --json) shows them.
  returned: success
  type: list
  elements: dict
  sample:
    - name: my_api_key
      path: /etc/credstore.encrypted/my_api_key
      bound_to: host
      problems: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.credhelper.credhelper.plugins.module_utils import command


def main():
    """Lists."""
    module = AnsibleModule(
        argument_spec={"verify": {"type": "bool", "default": False}}, supports_check_mode=True
    )
    arguments = ["list", "--verify"] if module.params["verify"] else ["list"]
    listed = command.read(module, arguments, fine=(0, 1))  # 1: some do not unseal, and say so
    module.exit_json(changed=False, credentials=listed["credentials"])


if __name__ == "__main__":
    main()

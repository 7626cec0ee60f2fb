#!/usr/bin/python
# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: check
short_description: Look for what is wrong with a host's credentials
version_added: 1.0.0
description:
  - Runs C(credhelper check) - the host key, owners and modes, whether each credential unseals under
    its name and for how long, plaintext beside it, what sudoers allows.
  - The findings become the fact RV(ansible_facts.credhelper_check).
options:
  names:
    description:
      - Look at these credentials alone.
    type: list
    elements: str
    default: []
  max_age:
    description:
      - Also find credentials whose value is older than so many days.
    type: int
  fail_at:
    description:
      - The severity from which on the task fails; V(never) leaves that to the playbook.
    type: str
    choices: [failure, warning, note, never]
    default: failure
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.facts
  - credhelper.credhelper.attributes
attributes:
  facts:
    support: full
author:
  - credhelper maintainers (@credhelper)
"""

EXAMPLES = r"""
- name: Find what is wrong, and go on
  credhelper.credhelper.check:
    max_age: 180
    fail_at: never
  become: true

- name: Say which hosts have failures
  ansible.builtin.debug:
    msg: "{{ credhelper_check.summary.failure }} failures"
  when: credhelper_check.summary.failure
"""

RETURN = r"""
ansible_facts:
  description: The report, as C(credhelper check --json) prints it.
  returned: always
  type: dict
  contains:
    credhelper_check:
      description: Facts, findings and how many there are of each severity.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.credhelper.credhelper.plugins.module_utils import command

SEVERITIES = ("note", "warning", "failure")


def main():
    """Checks; fails where a finding is as severe as asked for."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "max_age": {"type": "int"},
            "fail_at": {
                "type": "str",
                "choices": ["failure", "warning", "note", "never"],
                "default": "failure",
            },
        },
        supports_check_mode=True,
    )
    arguments = ["check"]
    if module.params["max_age"] is not None:
        arguments.append(f"--max-age={module.params['max_age']}")
    report = command.read(module, [*arguments, *module.params["names"]], fine=(0, 1))
    facts = {"credhelper_check": report}
    fatal = severe(report["findings"], module.params["fail_at"])
    if fatal:
        first = fatal[0]
        module.fail_json(
            msg=f"{len(fatal)} found, the first: {first['subject']}: {first['evidence']}",
            ansible_facts=facts,
        )
    module.exit_json(changed=False, ansible_facts=facts)


def severe(findings, limit):
    """Those of ``findings`` that are at least as severe as ``limit``."""
    if limit == "never":
        return []
    fatal = SEVERITIES[SEVERITIES.index(limit) :]
    return [finding for finding in findings if finding["severity"] in fatal]


if __name__ == "__main__":
    main()

# Copyright: credhelper maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the values reach the host through the connection alone.

Without pipelining, Ansible writes a module with its arguments, and so the values, into a file on
the host. So pipelining is turned on for this task, and without it nothing is sent.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The module of the same name, by pipelining; never in the background, which needs a file."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        """Runs the module, or says why that is not safe."""
        result = super().run(tmp, task_vars)
        del tmp
        try:
            self._connection.set_option("pipelining", True)
        except KeyError:  # this kind of connection does not know of it
            pass
        if not self._is_pipelining_enabled("new"):
            result.update(
                failed=True,
                msg="without pipelining the value would be written to a file on the host: "
                "use a connection and a become method that have it, without "
                "ANSIBLE_KEEP_REMOTE_FILES",
            )
            return result
        result.update(
            self._execute_module(
                module_name="credhelper.credhelper.credential",
                module_args=self._task.args,
                task_vars=task_vars,
            )
        )
        return result

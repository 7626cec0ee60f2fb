# SPDX-License-Identifier: MIT
"""A Landlock domain for a run: what is in another domain may not trace it (landlock(7)).

Nothing else is restricted by it, but that a process in a domain changes no mounts, not even in a
user namespace of its own.
"""

from __future__ import annotations

import errno
import os
import sys

from credhelper.commands import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# linux/landlock.h
_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1
_ACCESS_FS_REFER: Final = 1 << 13
_ABI_OF_REFER: Final = 2  # before, in every domain, nothing moves from one directory to another


def enter() -> bool:
    """Enters a domain of this process's own; its children are in it, too.

    False where Linux has no Landlock, or that of before 5.19. Needs ``PR_SET_NO_NEW_PRIVS``. Raises
    ``OSError``.
    """
    try:
        if kernel.call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION) < _ABI_OF_REFER:
            return False
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
            return False
        raise
    handled = _ACCESS_FS_REFER.to_bytes(8, sys.byteorder)
    rules = kernel.call("landlock_create_ruleset", handled, len(handled), 0)
    root = os.open("/", os.O_PATH)
    try:
        beneath = handled + root.to_bytes(4, sys.byteorder)
        kernel.call("landlock_add_rule", rules, _RULE_PATH_BENEATH, beneath, 0)
        kernel.call("landlock_restrict_self", rules, 0)
    finally:
        os.close(root)
        os.close(rules)
    return True

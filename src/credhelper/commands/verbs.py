# SPDX-License-Identifier: MIT
"""The verbs of ``credhelper``, in the groups in which its help shows them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

GROUPS: Final = {
    "values": ("add", "put", "rotate", "rename", "remove", "import"),
    "scripts": ("new",),
    "overview": ("list", "log", "check", "leaks", "report"),
    "setup": ("reseal", "sudoers", "allow"),
}
VERBS: Final = tuple(verb for verbs in GROUPS.values() for verb in verbs)

# SPDX-License-Identifier: MIT
"""User private groups: a group that is its owner's own gives nobody else anything."""

from __future__ import annotations

import errno
import grp
import os
import pwd


def is_private(status: os.stat_result, descriptor: int) -> bool:
    """Whether the file's group is its owner's own, and no access control list lends the bit out."""
    if status.st_uid == 0:  # root's umask is 022, and distributions have members in its group
        return False
    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    if (group.gr_name, owner.pw_gid) != (owner.pw_name, status.st_gid):
        return False
    if set(group.gr_mem) - {owner.pw_name}:
        return False
    if any(u.pw_gid == status.st_gid and u.pw_uid != status.st_uid for u in pwd.getpwall()):
        return False
    try:
        os.getxattr(f"/proc/self/fd/{descriptor}", "system.posix_acl_access")
    except OSError as error:
        return error.errno in (errno.ENODATA, errno.EOPNOTSUPP)
    return False

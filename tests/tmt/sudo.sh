#!/bin/bash
# SPDX-License-Identifier: MIT
# An ordinary user runs one script with its key through the real sudo, and nothing else.
set -euo pipefail

user=credhelper-tmt
name=tmt_sudo_key
work=$(mktemp -d /opt/credhelper-tmt.XXXXXX)
cleanup() {
    credhelper sudoers "$work/pinned.py" --revoke || true
    rm -rf "$work"
    credhelper remove --yes "$name" || true
    userdel --remove "$user" || true
}
trap cleanup EXIT
chmod 0755 "$work"
useradd --create-home "$user"
as_user() { setpriv --reuid="$user" --regid="$user" --init-groups --reset-env -- "$@"; }

printf 'dummy-value\n' | credhelper add "$name"
cat >"$work/pinned.py" <<'SCRIPT'
# /// script
# [tool.credhelper]
# credentials = ["tmt_sudo_key"]
# ///
import os

from credhelper import load

print(os.getuid(), len(load("tmt_sudo_key")), load("tmt_sudo_key"))
SCRIPT
credhelper sudoers "$work/pinned.py" --user "$user" --install
[[ $(stat -c '%a %U:%G' /etc/sudoers.d/credhelper-opt-*--user-*) == '440 root:root' ]]

run=(sudo -n credhelper-decrypt-run --root-owned "$work/pinned.py")
[[ $(as_user "${run[@]}") == "0 11 [credential $name]" ]]

refused() { ! as_user sudo -n "$@" 2>/dev/null; }
refused credhelper-decrypt-run --root-owned "$work/pinned.py" --more
refused credhelper-decrypt-run "$work/pinned.py"
refused credhelper-decrypt-run --root-owned --no-mask "$work/pinned.py"
refused credhelper-decrypt-run --root-owned /usr/bin/bash
refused PYTHONPATH=/tmp credhelper-decrypt-run --root-owned "$work/pinned.py"
refused credhelper list
refused cat "/etc/credstore.encrypted/$name"

#!/bin/bash
# SPDX-License-Identifier: MIT
# The main job, as root, on the machine's own systemd and its own store.
set -euo pipefail
shows() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q
hides() { ! shows "$@"; } # a function, since errexit does not mind a "!"

name=tmt_api_key
work=$(mktemp -d /opt/credhelper-tmt.XXXXXX)
trap 'credhelper remove --yes "$name" || true; rm -rf "$work"' EXIT
began=$(date '+%F %T')

printf 'dummy-value-1\n' | credhelper add "$name"
credhelper list | shows "^$name "
[[ $(stat -c '%a %U:%G' "/etc/credstore.encrypted/$name") == '600 root:root' ]]
hides dummy-value "/etc/credstore.encrypted/$name"

# declared in the script: loaded, in the directory, masked in the output
cat >"$work/report.py" <<'SCRIPT'
# /// script
# [tool.credhelper]
# credentials = ["tmt_api_key"]
# ///
import os
import sys

from credhelper import load

with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "tmt_api_key")) as file:
    assert file.read() == load("tmt_api_key") == "dummy-value-" + sys.argv[1]
print("the key is", load("tmt_api_key"))
SCRIPT
[[ $(credhelper-decrypt-run "$work/report.py" 1) == 'the key is [credential tmt_api_key]' ]]

# a shell script gets the directory, and the variable that it asks for
cat >"$work/deploy.sh" <<'SCRIPT'
#!/bin/bash
[[ $API_KEY == dummy-value-1 && $(<"$CREDENTIALS_DIRECTORY/tmt_api_key") == dummy-value-1 ]]
exit 7
SCRIPT
status=0
credhelper-decrypt-run -e API_KEY="$name" "$work/deploy.sh" || status=$?
[[ $status == 7 ]]

# a service reads the same store
[[ $(systemd-run --quiet --wait --pipe --property="LoadCredentialEncrypted=$name" \
    /bin/bash -c 'cat "$CREDENTIALS_DIRECTORY/tmt_api_key"') == dummy-value-1 ]]

printf 'dummy-value-2\n' | credhelper rotate "$name"
credhelper-decrypt-run "$work/report.py" 2 >/dev/null

# the journal tells of it, and explains it
journalctl --sync
journalctl --since="$began" --catalog MESSAGE_ID=7c1f3a52e0d94b0d8a6e5f1b92c4d3e7 |
    shows 'A script was run with credentials'
credhelper log "$name" | shows "$work/report.py"
journalctl --since="$began" --output=export | hides dummy-value

# a script that somebody else could have written is not run
chmod o+w "$work/report.py"
status=0
credhelper-decrypt-run "$work/report.py" 2 2>"$work/refusal" || status=$?
[[ $status == 126 ]]
shows 'report.py' "$work/refusal"

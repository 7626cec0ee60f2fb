#!/bin/bash
# SPDX-License-Identifier: MIT
# The package is whole, and systemd has heard of it: file triggers ran, the pages render.
set -euo pipefail
shows() { grep "$@" >/dev/null; } # reads to the end, unlike grep -q

rpm --verify --nodeps credhelper python3-credhelper
[[ $(stat -c '%a %U:%G' /etc/credstore.encrypted) == '700 root:root' ]]
journalctl --list-catalog | shows '^7c1f3a52e0d94b0d8a6e5f1b92c4d3e7 credhelper:'

for page in '8 credhelper' '8 credhelper-decrypt-run' '3 credhelper'; do
    # shellcheck disable=SC2086 # a section and a name
    MANPAGER=cat man $page | shows '^NAME'
done

[[ $(credhelper --version) == "credhelper $(rpm --query --queryformat '%{VERSION}' credhelper)" ]]
credhelper-decrypt-run --help | shows '^usage: credhelper-decrypt-run'

# whatever the caller has in the environment and in the directory, nothing of it is imported
hostile=$(mktemp -d)
trap 'rm -rf "$hostile"' EXIT
echo 'raise SystemExit("imported from the working directory")' | tee "$hostile/json.py" "$hostile/os.py" >/dev/null
(cd "$hostile" && PYTHONPATH=$hostile PYTHONSTARTUP=$hostile/os.py credhelper --version)

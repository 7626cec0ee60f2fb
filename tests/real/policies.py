# SPDX-License-Identifier: MIT
"""Sudoers policies, made up for the tests: those that give more than they seem to, with a command
line that shows it, and sound ones.

``{R}`` is the runner, ``{C}`` the manager, ``{S}`` a script of root's, ``{J}`` its directory; ``@``
begins a rule that lets alice run what follows as root, without a password.
"""

from __future__ import annotations

from typing import Final

RUNNER: Final = "/usr/bin/credhelper-decrypt-run"
MANAGER: Final = "/usr/bin/credhelper"
JOBS: Final = "/opt/jobs"
SCRIPT: Final = f"{JOBS}/report.py"
OTHER_FILES: Final = {
    "/etc/sudoers.more": "@{R}\n",
    "/etc/sudoers.{HOST}": "@{R} --root-owned *\n",
    "/etc/sudoers.x/rule": "@{C}\n",
    "/etc/sudoers.x/rule.off": "@ALL\n",
}

# a rule of ours that gives root, or another credential; and what alice would type
LOOSE: Final = {
    # arguments
    "anything": ("@{R}", "{R} /usr/bin/id"),
    "a star alone": ("@{R} *", "{R} --python /tmp/x {S}"),
    "a star for the script": ("@{R} --root-owned *", "{R} --root-owned /usr/bin/id"),
    "a star for the name": ("@{R} --root-owned {J}/*", "{R} --root-owned {J}/../../usr/bin/id"),
    "a star before an ending": (
        "@{R} --root-owned {J}/*.sh",
        "{R} --root-owned {J}/../../usr/bin/env id .sh",
    ),
    "a star in front": ("@{R} * --root-owned {S}", "{R} -m pdb --root-owned {S}"),
    "a star between": ("@{R} --root-owned * {S}", "{R} --root-owned -c other {S}"),
    "a star glued to the script": (
        "@{R} --root-owned {S}*",
        "{R} --root-owned {S}/../../../usr/bin/id",
    ),
    "a question mark": ("@{R} --root-owned {J}/rep?rt.py", "{R} --root-owned {J}/rep/rt.py"),
    "three question marks": ("@{R} --root-owned {J}/???ort", "{R} --root-owned {J}/../ort"),
    "a negated class": ("@{R} --root-owned {J}/[!x]*", "{R} --root-owned {J}/../../usr/bin/id"),
    "a class with a slash": ("@{R} --root-owned {J}/[a-z./]x", "{R} --root-owned {J}//x"),
    "a star behind a backslash that is escaped": (
        "@{R} --root-owned {J}/a\\\\\\\\*",
        "{R} --root-owned '{J}/a\\/../../../usr/bin/id'",
    ),
    "a credential to choose": ("@{R} --root-owned -c * {S}", "{R} --root-owned -c other {S}"),
    "a variable to choose": ("@{R} --root-owned -e K=* {S}", "{R} --root-owned -e K=other {S}"),
    "an interpreter to choose": (
        "@{R} --root-owned --python /usr/* {S}",
        "{R} --root-owned --python /usr/../tmp/x {S}",
    ),
    "no --root-owned, their script": ("@{R} /home/alice/x.py", "{R} /home/alice/x.py"),
    "no --root-owned, root's script in a directory of theirs": (
        "@{R} --root-owned /home/alice/roots.py",
        "{R} --root-owned /home/alice/roots.py",
    ),
    "a relative path": ("@{R} --root-owned report.py", "{R} --root-owned report.py"),
    "a path with dots to their home": (
        "@{R} --root-owned {J}/../../home/alice/x.py",
        "{R} --root-owned {J}/../../home/alice/x.py",
    ),
    "standard input": ("@{R} -", "{R} -"),
    "an interpreter of theirs": (
        "@{R} --root-owned --python /home/alice/x.py {S}",
        "{R} --root-owned --python /home/alice/x.py {S}",
    ),
    # what runs
    "a program with any arguments": (
        "@{R} --root-owned /usr/bin/env *",
        "{R} --root-owned /usr/bin/env id",
    ),
    "a program with any arguments and a credential": (
        "@{R} --root-owned -c my_api_key /usr/bin/find *",
        "{R} --root-owned -c my_api_key /usr/bin/find / -exec id ;",
    ),
    "a shell": ("@{R} --root-owned /usr/bin/bash", "{R} --root-owned /usr/bin/bash"),
    "a shell of the link": ("@{R} --root-owned /bin/dash", "{R} --root-owned /bin/dash"),
    "Python itself": ("@{R} --root-owned /usr/bin/python3", "{R} --root-owned /usr/bin/python3"),
    "a debugger": ("@{R} --root-owned -m pdb *", "{R} --root-owned -m pdb {S}"),
    "a prompt": ("@{R} --root-owned -m code", "{R} --root-owned -m code"),
    "a profiler": ("@{R} --root-owned -m cProfile {S}", "{R} --root-owned -m cProfile {S}"),
    "make -f with arguments": (
        "@{R} --root-owned {J}/build *",
        "{R} --root-owned {J}/build --eval=$(shell)",
    ),
    "awk -f with arguments": (
        "@{R} --root-owned {J}/report.awk *",
        "{R} --root-owned {J}/report.awk -f /tmp/x",
    ),
    "sed -f with arguments": (
        "@{R} --root-owned {J}/report.sed *",
        "{R} --root-owned {J}/report.sed -e 1e /etc/hostname",
    ),
    "env -S find with arguments": (
        "@{R} --root-owned {J}/find *",
        "{R} --root-owned {J}/find -exec id ;",
    ),
    # expressions
    "[[:graph:]]": (
        "@{R} ^--root-owned {J}/[[:graph:]]+$",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "[[:print:]] and an ending": (
        "@{R} ^--root-owned {J}/[[:print:]]+\\.py$",
        "{R} --root-owned {J}/../../usr/bin/env id x.py",
    ),
    "[^[:space:]]": (
        "@{R} ^--root-owned {J}/[^[:space:]]+$",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "[^ ]": ("@{R} ^--root-owned {J}/[^ ]*$", "{R} --root-owned {J}/../../usr/bin/id"),
    "a dot": ("@{R} ^--root-owned {J}/.+$", "{R} --root-owned {J}/../../usr/bin/id"),
    "a dot and an ending": (
        "@{R} ^--root-owned {J}/.*\\.py$",
        "{R} --root-owned {J}/../../usr/bin/env id x.py",
    ),
    "punctuation": (
        "@{R} ^--root-owned {J}/[[:punct:][:alnum:]]+$",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "a class with a slash and a dot": (
        "@{R} ^--root-owned {J}/[a-z/.]+$",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "a range over the slash": (
        "@{R} ^--root-owned {J}/[--z]+$",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "an alternation": (
        "@{R} ^--root-owned ({J}/[a-z]+\\.py|/srv/.*)$",
        "{R} --root-owned /srv/../usr/bin/id",
    ),
    "an alternation at the top": (
        "@{R} ^--root-owned {S}|.*$",
        "{R} --python /tmp/x /usr/bin/id",
    ),
    "an option that may be left out": (
        "@{R} ^(--root-owned )?/usr/bin/[a-z]+$",
        "{R} /usr/bin/id",
    ),
    "a blank that may be repeated away": (
        "@{R} ^--root-owned {S}( x)*.*$",
        "{R} --root-owned {S}/../../../usr/bin/id",
    ),
    "upper and lower case": (
        "@{R} ^(?i)--root-owned {J}/[^[:space:]]*$",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "any credential by an expression": (
        "@{R} ^--root-owned -c [a-z_]+ {J}/report\\.py$",
        "{R} --root-owned -c other {S}",
    ),
    "an interpreter by an expression": (
        "@{R} ^--root-owned --python [a-z/]+ {J}/report\\.py$",
        "{R} --root-owned --python /tmp/x {S}",
    ),
    "a directory that others can write": (
        "@{R} ^--root-owned /opt/open/[a-z]+\\.py$",
        "{R} --root-owned /opt/open/x.py",
    ),
    # the command
    "an expression for the command": ("@^{R}$ --root-owned *", "{R} --root-owned /usr/bin/id"),
    "an expression for both": ("@^{R}$ ^--root-owned .*$", "{R} --root-owned /usr/bin/id"),
    "an expression that does not spell it": ("@^/usr/bin/cred[a-z-]+$", "{R} /usr/bin/id"),
    "an expression by its ending": ("@^/usr/bin/.*-run$", "{R} /usr/bin/id"),
    "a wildcard for the command": ("@/usr/bin/cred*", "{R} /usr/bin/id"),
    "a wildcard for the directory": ("@/usr/*/credhelper-decrypt-run", "{R} /usr/bin/id"),
    "a question mark for the command": ("@/usr/bin/credhelpe?", "{C} list"),
    "the directory": ("@/usr/bin/", "{R} /usr/bin/id"),
    "another path to it": ("@/bin/credhelper-decrypt-run", "{R} /usr/bin/id"),
    "Python in front": ("@/usr/bin/python3 -I {R} *", "/usr/bin/python3 -I {R} /usr/bin/id"),
    "timeout in front": (
        "@/usr/bin/timeout 60 {R} --root-owned *",
        "/usr/bin/timeout 60 {R} --root-owned /usr/bin/id",
    ),
    "env in front": ("@/usr/bin/env {R} *", "/usr/bin/env {R} /usr/bin/id"),
    "nice with a value in front": (
        "@/usr/bin/nice -n * {R} --root-owned {S}",
        "/usr/bin/nice -n 1 id {R} --root-owned {S}",
    ),
    "env and the manager": ("@/usr/bin/env {C} add *", "/usr/bin/env {C} add x"),
    "a digest": ("@sha256:{DIGEST} {R} --root-owned *", "{R} --root-owned /usr/bin/id"),
    "a negation": (
        "@{R} --root-owned {J}/*, !{R} --root-owned {J}/x.sh",
        "{R} --root-owned {J}/../../usr/bin/id",
    ),
    "an alias": ("Cmnd_Alias J = {R} --root-owned {J}/*\n@J", "{R} --root-owned {J}//x"),
    "aliases of aliases": (
        "User_Alias OPS = %alices-friends\nUser_Alias ALSO = OPS\n"
        "Cmnd_Alias I = {R} *\nCmnd_Alias J = I\n"
        "ALSO ALL=(root) NOPASSWD: J",
        "{R} --root-owned /usr/bin/id",
    ),
    "by the number of the user": ("#{UID} ALL=(root) NOPASSWD: {R}", "{R} /usr/bin/id"),
    "by the group": ("%alices-friends ALL=(root) NOPASSWD: {R}", "{R} /usr/bin/id"),
    "by the number of the group": ("%#{UID} ALL=(root) NOPASSWD: {R}", "{R} /usr/bin/id"),
    "everybody but one": ("ALL, !bob ALL=(root) NOPASSWD: {R}", "{R} /usr/bin/id"),
    "as anybody": ("alice ALL=(ALL) NOPASSWD: {R} *", "{R} /usr/bin/id"),
    "as an alias of root": (
        "Runas_Alias R = root\nalice ALL=(R) NOPASSWD: {R} *",
        "{R} /usr/bin/id",
    ),
    "as number 0": ("alice ALL=(#0) NOPASSWD: {R} *", "{R} /usr/bin/id"),
    # the manager
    "the manager": ("@{C}", "{C} add x --from-file /etc/shadow"),
    "add": ("@{C} add *", "{C} add x --from-file /etc/shadow --delete-source"),
    "import": ("@{C} import *", "{C} import /etc/shadow --delete-source"),
    "rotate with options": (
        "@{C} rotate my_api_key *",
        "{C} rotate my_api_key --from-file /etc/shadow",
    ),
    "sudoers": ("@{C} sudoers *", "{C} sudoers /usr/bin/bash --user alice --install"),
    "a verb to choose": ("@{C} [a-z]*", "{C} remove my_api_key --yes"),
    "the manager by an expression": ("@{C} ^(add|list) .*$", "{C} add x --from-file /etc/shadow"),
    # tags and Defaults
    "SETENV": ("alice ALL=(root) NOPASSWD: SETENV: {R} --root-owned {S}", "LD_X=1 {PINNED}"),
    "Defaults setenv": ("Defaults setenv\n@{PINNED}", "LD_X=1 {PINNED}"),
    "Defaults:alice setenv": ("Defaults:alice setenv\n@{PINNED}", "LD_X=1 {PINNED}"),
    "Defaults:%alices-friends setenv": (
        "Defaults:%alices-friends setenv\n@{PINNED}",
        "LD_X=1 {PINNED}",
    ),
    "Defaults>root setenv": ("Defaults>root setenv\n@{PINNED}", "LD_X=1 {PINNED}"),
    "Defaults@ALL setenv": ("Defaults@ALL setenv\n@{PINNED}", "LD_X=1 {PINNED}"),
    "Defaults!alias setenv": (
        "Cmnd_Alias CREDS = {R}\nDefaults!CREDS setenv\n@{PINNED}",
        "LD_X=1 {PINNED}",
    ),
    "Defaults!/usr/bin/* setenv": ("Defaults!/usr/bin/* setenv\n@{PINNED}", "LD_X=1 {PINNED}"),
    "Defaults!ALL setenv": ("Defaults!ALL setenv\n@{PINNED}", "LD_X=1 {PINNED}"),
    "Defaults!/bin/... setenv": (
        "Defaults!/bin/credhelper-decrypt-run setenv\n@{PINNED}",
        "LD_X=1 {PINNED}",
    ),
    "Defaults env_keep": ('Defaults env_keep += "LD_PRELOAD"\n@{PINNED}', "LD_PRELOAD=/x {PINNED}"),
    "Defaults env_keep among others, and NOSETENV": (
        'Defaults env_keep += "TZ LD_*"\nalice ALL=(root) NOPASSWD: NOSETENV: {PINNED}',
        "LD_AUDIT=/x {PINNED}",
    ),
    "Defaults !env_reset": ("Defaults:alice !env_reset\n@{PINNED}", "{PINNED}"),
    "Defaults !authenticate": ("Defaults !authenticate\nalice ALL=(root) {R}", "{R} /usr/bin/id"),
    "Defaults:alice !authenticate": (
        "Defaults:alice !authenticate\nalice ALL=(root) {R}",
        "{R} /usr/bin/id",
    ),
    "Defaults!runner !authenticate": (
        "Defaults!{R} !authenticate\nalice ALL=(root) {R}",
        "{R} /usr/bin/id",
    ),
    "CHROOT=*": ("alice ALL=(root) CHROOT=* NOPASSWD: {PINNED}", "-R / {PINNED}"),
    "a relative path and CWD=*": (
        "alice ALL=(root) CWD=* NOPASSWD: {R} --root-owned report.py",
        "{R} --root-owned report.py",
    ),
    "the script may be edited": ("@{PINNED}, sudoedit {S}", "sudoedit {S}"),
    "all scripts may be edited": ("@{PINNED}, sudoedit {J}/*", "sudoedit {S}"),
    # where it is written
    "an include": ("@include /etc/sudoers.more", "{R} /usr/bin/id"),
    "an include of the host's": ("@include /etc/sudoers.%h", "{R} --root-owned /usr/bin/id"),
    "an include with blanks before": ("   @include /etc/sudoers.more", "{R} /usr/bin/id"),
    "an include as it was": ("#include /etc/sudoers.more", "{R} /usr/bin/id"),
    "a directory": ("@includedir /etc/sudoers.x", "{C} list"),
    "a line that goes on": ("alice ALL=(root) \\\n  NOPASSWD: \\\n  {R}", "{R} /usr/bin/id"),
}

# kinds of rules that people publish for other programs: each gives root, or reads any file
OTHER_PROGRAMS: Final = {
    "everything": ("@ALL", "/usr/bin/id"),
    "everything but shells": ("@ALL, !/usr/bin/bash, !/usr/bin/su", "/usr/bin/id"),
    "a directory of programs": ("@/usr/sbin/, /usr/bin/", "/usr/bin/id"),
    "an editor": ("@/usr/bin/vi /etc/hosts, /usr/bin/vim", "/usr/bin/vim x"),
    "a pager": ("@/usr/bin/less /var/log/*", "/usr/bin/less /var/log/../../etc/shadow"),
    "the older pager": ("@/usr/bin/more /var/log/*", "/usr/bin/more /var/log/x"),
    "logs": ("@/usr/bin/cat /var/log/*", "/usr/bin/cat /var/log/../../etc/shadow"),
    "the end of logs": (
        "@/usr/bin/tail -f /var/log/*",
        "/usr/bin/tail -f /var/log/../../etc/shadow",
    ),
    "the head of files": ("@/usr/bin/head *", "/usr/bin/head /etc/shadow"),
    "searching": (
        "@/usr/bin/grep * /var/log/syslog",
        "/usr/bin/grep x /etc/shadow /var/log/syslog",
    ),
    "find": ("@/usr/bin/find /srv *", "/usr/bin/find /srv -exec id ;"),
    "tar": ("@/usr/bin/tar *", "/usr/bin/tar -cf x --checkpoint=1"),
    "awk": ("@/usr/bin/awk", "/usr/bin/awk x"),
    "sed": ("@/usr/bin/sed -i * /etc/app.conf", "/usr/bin/sed -i 1e /etc/app.conf"),
    "perl": ("@/usr/bin/perl /srv/app/*.pl", "/usr/bin/perl /srv/app/../x.pl"),
    "python": ("@/usr/bin/python3 /srv/app/manage.py *", "/usr/bin/python3 /srv/app/manage.py x"),
    "an interpreter alone": ("@/usr/bin/python3", "/usr/bin/python3"),
    "a shell": ("@/usr/bin/bash", "/usr/bin/bash"),
    "a shell with a script to choose": ("@/usr/bin/sh /srv/bin/*", "/usr/bin/sh /srv/bin/../x"),
    "another user's shell": ("@/usr/bin/su - *", "/usr/bin/su - root"),
    "su": ("@/usr/bin/su", "/usr/bin/su"),
    "env": ("@/usr/bin/env *", "/usr/bin/env id"),
    "nice": ("@/usr/bin/nice *", "/usr/bin/nice id"),
    "ionice": ("@/usr/bin/ionice -c3 *", "/usr/bin/ionice -c3 id"),
    "timeout": ("@/usr/bin/timeout 5 *", "/usr/bin/timeout 5 id"),
    "xargs": ("@/usr/bin/xargs", "/usr/bin/xargs id"),
    "copying": ("@/usr/bin/cp * /srv/app/", "/usr/bin/cp -t /etc x /srv/app/"),
    "moving": ("@/usr/bin/mv /srv/new/* /srv/app/", "/usr/bin/mv /srv/new/x /etc /srv/app/"),
    "installing files": ("@/usr/bin/install *", "/usr/bin/install x /etc/sudoers.d/y"),
    "linking": ("@/usr/bin/ln -s *", "/usr/bin/ln -s x /etc/y"),
    "owners": ("@/usr/bin/chown -R www-data *", "/usr/bin/chown -R www-data /etc"),
    "modes": ("@/usr/bin/chmod * /srv/app/*", "/usr/bin/chmod 777 /etc /srv/app/x"),
    "tee": ("@/usr/bin/tee -a /etc/hosts*", "/usr/bin/tee -a /etc/hosts /etc/sudoers"),
    "dd": ("@/usr/bin/dd if=/dev/zero *", "/usr/bin/dd if=/dev/zero of=/etc/sudoers"),
    "mount": ("@/usr/bin/mount /mnt/*", "/usr/bin/mount /mnt/x"),
    "services": ("@/usr/bin/systemctl restart *", "/usr/bin/systemctl restart x"),
    "all of systemctl": ("@/usr/bin/systemctl", "/usr/bin/systemctl edit x"),
    "the journal": ("@/usr/bin/journalctl *", "/usr/bin/journalctl -u x"),
    "packages": ("@/usr/bin/apt-get install *", "/usr/bin/apt-get install ./x.deb"),
    "dpkg": ("@/usr/bin/dpkg -i *", "/usr/bin/dpkg -i x.deb"),
    "pip": ("@/usr/bin/pip install *", "/usr/bin/pip install x"),
    "git": ("@/usr/bin/git pull *", "/usr/bin/git pull --upload-pack=id"),
    "make": ("@/usr/bin/make *", "/usr/bin/make --eval=x"),
    "passwords": ("@/usr/bin/passwd [a-z]*, !/usr/bin/passwd root", "/usr/bin/passwd a root"),
    "users": ("@/usr/sbin/useradd *", "/usr/sbin/useradd -o -u 0 x"),
    "more users": ("@/usr/sbin/usermod *", "/usr/sbin/usermod -aG sudo alice"),
    "chpasswd": ("@/usr/sbin/chpasswd", "/usr/sbin/chpasswd"),
    "ssh": ("@/usr/bin/ssh *", "/usr/bin/ssh -o ProxyCommand=id x"),
    "scp": ("@/usr/bin/scp * backup\\:", "/usr/bin/scp -S id backup:"),
    "curl": ("@/usr/bin/curl *", "/usr/bin/curl -o /etc/x file\\:///x"),
    "openssl": ("@/usr/bin/openssl", "/usr/bin/openssl enc -in /etc/shadow"),
    "sorting": ("@/usr/bin/sort *", "/usr/bin/sort /etc/shadow"),
    "a debugger": ("@/usr/bin/gdb -p *", "/usr/bin/gdb -p 1"),
    "strace": ("@/usr/bin/strace *", "/usr/bin/strace id"),
    "namespaces": ("@/usr/bin/nsenter *", "/usr/bin/nsenter -t 1 id"),
    "chroot": ("@/usr/sbin/chroot /srv/root *", "/usr/sbin/chroot /srv/root x"),
    "units": ("@/usr/bin/systemd-run *", "/usr/bin/systemd-run id"),
    "time": ("@/usr/bin/time *", "/usr/bin/time id"),
    "watch": ("@/usr/bin/watch *", "/usr/bin/watch id"),
    "flock": ("@/usr/bin/flock /run/x *", "/usr/bin/flock /run/x id"),
    "typescripts": ("@/usr/bin/script", "/usr/bin/script"),
    "other privileges": ("@/usr/bin/setpriv *", "/usr/bin/setpriv id"),
    "editing sudoers": ("@/usr/sbin/visudo", "/usr/sbin/visudo"),
    "the database": ("@/usr/bin/psql *", "/usr/bin/psql -c x"),
    "editing /etc": ("@sudoedit /etc/*", "sudoedit /etc/sudoers"),
    "editing anything": ("@sudoedit", "sudoedit /etc/sudoers"),
    "addresses": ("@/usr/sbin/ip", "/usr/sbin/ip netns exec x id"),
    "the kernel's settings": (
        "@/usr/sbin/sysctl -w *",
        "/usr/sbin/sysctl -w kernel.core_pattern=x",
    ),
    "an interpreter of a version": ("@/usr/bin/python3.11", "/usr/bin/python3.11 x"),
    "an interpreter in some directory": ("@/usr/*/python3", "/usr/bin/python3 x"),
    "a program of theirs": ("@/home/alice/x.py", "/home/alice/x.py"),
    "a directory of theirs": ('@/home/alice/roots.py ""', "/home/alice/roots.py"),
    "a shell without arguments": ('@/usr/bin/bash ""', "/usr/bin/bash"),
    "a login shell": ("@/usr/bin/su -", "/usr/bin/su -"),
    "root's password": ("@/usr/bin/passwd root", "/usr/bin/passwd root"),
    "a wildcard in the program": ("@/usr/bin/pyth*", "/usr/bin/python3"),
    "a directory of administration": ("@/usr/sbin/", "/usr/sbin/visudo"),
    "by an expression with a class": ("@^/usr/bin/[[:alpha:]]+d$", "/usr/bin/find x"),
    "by an expression": ("@^/usr/bin/(vim|less)$", "/usr/bin/vim"),
    "by an expression for all": ("@^/usr/bin/.*$", "/usr/bin/bash"),
}

SOUND: Final = {
    "one script": "@{PINNED}",
    "with NOSETENV": "alice ALL=(root) NOPASSWD: NOSETENV: {PINNED}",
    "for a group": "%alices-friends ALL=(root) NOPASSWD: {PINNED}",
    "with a password": "alice ALL=(root) {PINNED}",
    "with any arguments": "@{PINNED} *",
    "with fixed arguments": "@{PINNED} --since yesterday",
    "a shell script with any arguments": "@{R} --root-owned {J}/x.sh *",
    "make -f without arguments": "@{R} --root-owned {J}/build",
    "a directory by an expression": "@{R} ^--root-owned {J}/[A-Za-z0-9_-]+\\.py$",
    "a directory by POSIX classes": "@{R} ^--root-owned {J}/[[:alnum:]_-]+\\.py$",
    "any arguments by an expression": "@{R} ^--root-owned {J}/report\\.py( [a-z ]*)?$",
    "no arguments at all": '@{R} ""',
    "credentials and variables": "@{R} -c other -e KEY=my_api_key --root-owned {S}",
    "as its caller": "@{R} --root-owned --as-invoking-user {S}",
    "listing": "@{C} list, {C} list --json, {C} log *",
    "rotating one": "@{C} rotate my_api_key",
    "an alias": "Cmnd_Alias JOBS = {PINNED}, {R} --root-owned {J}/x.sh\n@JOBS",
    "a denied one": "alice ALL=(root) !{R}",
    "setenv for another program": "Defaults!/usr/bin/true setenv\n@{PINNED}",
    "setenv, but not for this": ("Defaults setenv\nalice ALL=(root) NOPASSWD: NOSETENV: {PINNED}"),
    "a variable kept": 'Defaults env_keep += "PYTHONPATH EDITOR"\n@{PINNED}',
    "administrators with a password": "%alices-friends ALL=(ALL) ALL",
    "administrators of credhelper": "%alices-friends ALL=(root) {C}, {R}",
    "as another user": "alice ALL=(bob) NOPASSWD: /usr/bin/bash",
    "another program": "@/usr/bin/systemctl restart nginx.service, /usr/bin/id -u",
    "nice in front": "@/usr/bin/nice -n 5 {PINNED}",
    "an alias that is not there": "alice ALL=(root) AL",
    "another user's login": "@/usr/bin/su - bob",
    "a digit in an argument": "@/usr/bin/systemctl restart worker[0-9].service",
    "a program that is not there": "@/usr/lib/nagios/plugins/check_disk -w 10, /srv/none/x",
    "harmless variables kept": 'Defaults env_keep += "TZ LANG XLD_X"\n@{PINNED}',
    "the drop-in's Defaults": (
        "Defaults!{R} env_reset, !setenv, log_exit_status, !log_input\n@{PINNED}"
    ),
    "a skipped file": "@includedir /etc/sudoers.skipped",
}

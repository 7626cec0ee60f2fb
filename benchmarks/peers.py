# SPDX-License-Identifier: MIT
"""What gives a script its key, each as its own documents say: root, on a machine that has them all.

The script is the same: it writes a line as soon as it has the key, and waits. Every way runs in
turn, round after round. ``inside.py`` calls this; what is not installed is named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path("/root/peers")
TOOLS = "/opt/peers"  # what is not Debian's
PYTHON = "/usr/bin/python3"
SCRIPT = f"{HERE}/report.py"
VALUE = "sk-0123456789abcdef0123456789abcdef"
ENVIRONMENT = {
    "HOME": str(HERE),
    "PATH": f"{TOOLS}:{TOOLS}/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "GOPASS_HOMEDIR": f"{HERE}/gopass",  # or it finds the store of pass
    "SOPS_AGE_KEY_FILE": f"{HERE}/key",
    "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
}
WAITS = "print(len(key), flush=True)\nsys.stdin.read()\n"
FILES = {
    "report.py": f'import os, sys\nkey = os.environ["API_KEY"]\n{WAITS}',
    "pattern.py": (
        "import subprocess, sys\n"
        'command = ["systemd-creds", "decrypt", "/etc/credstore.encrypted/my_api_key", "-"]\n'
        f"key = subprocess.run(command, capture_output=True, check=True, text=True).stdout\n{WAITS}"
    ),
    "service.py": (
        "import os, sys\n"
        'key = open(os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key").read()\n'
        f"{WAITS}"
    ),
    "ring.py": f'import sys\nimport keyring\nkey = keyring.get_password("jobs", "api")\n{WAITS}',
    ".env": f"API_KEY={VALUE}\n",
    "sops.env": f"API_KEY={VALUE}\n",
    "value": VALUE,
}


def from_shell(command: str) -> list[str]:
    """The script with what ``command`` prints in its environment."""
    return ["/bin/sh", "-c", f'API_KEY="$({command})" exec {PYTHON} {SCRIPT}']


# name: the program that it takes, what makes the key ready, the run
WAYS = {
    "the key in the clear": ("python3", "", ["/usr/bin/env", f"API_KEY={VALUE}", PYTHON, SCRIPT]),
    "credhelper": (
        "credhelper-decrypt-run",
        "",
        ["/usr/bin/credhelper-decrypt-run", "-e", "API_KEY=my_api_key", SCRIPT],
    ),
    "subprocess, systemd-creds": ("systemd-creds", "", [PYTHON, f"{HERE}/pattern.py"]),
    "systemd-run": (
        "systemd-run",
        "",
        [
            *("/usr/bin/systemd-run", "--quiet", "--pipe", "--wait"),
            *("--property=LoadCredentialEncrypted=my_api_key", PYTHON, f"{HERE}/service.py"),
        ],
    ),
    "pass": (
        "pass",
        "gpg -q --batch --passphrase '' --quick-generate-key jobs default default never && "
        "pass init jobs && pass insert -e api < value && gpgconf --kill all",
        from_shell("pass show api"),
    ),
    "gopass": (
        "gopass",
        "gopass init --storage fs jobs && gopass insert -f api < value && gpgconf --kill all",
        from_shell("gopass show -o api"),
    ),
    "age -d": (
        "age",
        "age-keygen -o key && age -r $(age-keygen -y key) -o value.age value",
        from_shell("age -d -i key value.age"),
    ),
    "sops exec-env": (
        "sops",
        "sops encrypt -i --age $(age-keygen -y key) sops.env",
        ["sops", "exec-env", "sops.env", f"{PYTHON} {SCRIPT}"],
    ),
    "dotenvx run": (
        "dotenvx",
        "dotenvx encrypt -f .env",
        ["dotenvx", "run", "--quiet", "-f", ".env", "--", PYTHON, SCRIPT],
    ),
    "keyring, its file": (
        "keyring",
        "keyring set jobs api < value",
        [PYTHON, f"{HERE}/ring.py"],
    ),
}


def processes() -> set[int]:
    """What runs here now."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def memory(there: set[int]) -> float:
    """The MiB of these processes, what they share counted once (proc_pid_smaps(5), Pss)."""
    kilobytes = 0
    for process in there:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        kilobytes += sum(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:")
    return kilobytes / 1024


def run(argv: list[str], *, measure: bool) -> dict[str, float]:
    """The seconds to the script's first line, and what is there then and afterwards."""
    before = processes() if measure else set()
    start = time.perf_counter()
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=ENVIRONMENT, cwd=HERE, text=True,
    ) as process:  # fmt: skip
        line = process.stdout.readline() if process.stdout else ""
        found = {"seconds": time.perf_counter() - start}
        if not line.strip().isdigit():
            raise RuntimeError(f"which gave the script no key here: {argv[0]}")
        if measure:
            there = processes() - before
            found |= {"memory": memory(there), "beside": len(there) - 1}
    if measure:
        time.sleep(0.2)  # what ends with it has ended
        found["left"] = len(processes() - before)
    return found


def prepared() -> tuple[dict[str, list[str]], dict[str, str]]:
    """The ways that there are, and why others are not."""
    HERE.mkdir(mode=0o700, exist_ok=True)
    for name, text in FILES.items():
        (HERE / name).write_text(text)
    ways, missing = {}, {}
    for name, (program, setup, argv) in WAYS.items():
        if not shutil.which(program, path=ENVIRONMENT["PATH"]):
            missing[name] = "which neither Debian nor npm nor PyPI has in a current version"
            continue
        done = subprocess.run(
            ["/bin/sh", "-ec", setup], cwd=HERE, env=ENVIRONMENT, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            missing[name] = f"which cannot be made ready here: {last}"
            continue
        ways[name] = argv
    return ways, missing


def compare(rounds: int) -> dict[str, object]:
    """Of each way: the seconds, one a round; the least MiB; the processes beside, and left."""
    ENVIRONMENT["KEY"] = VALUE
    ways, missing = prepared()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    others: dict[str, dict[str, float]] = {}
    for name, argv in ways.items():  # it warms up, too
        try:
            others[name] = run(argv, measure=True)
        except RuntimeError as error:
            missing[name] = str(error)
            del seconds[name]
    for _ in range(rounds):
        for name, times in seconds.items():
            times.append(run(ways[name], measure=False)["seconds"])
    return {"seconds": seconds, "others": others, "missing": missing}

# SPDX-License-Identifier: MIT
"""From a key to the first run of a script with it: commands, keystrokes, seconds of the machine.

``make first-run`` (root) prints a table, from a scratch place; what is not installed is left out.
Each command is one that a person types, without its sudo; a value of 40 characters is typed as
often as it is asked for. The seconds are the machine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCRATCH: Final = "5ca1ab1e0ddba11c0ffee0000c0dec0d"  # the machine id there: examples/scratch
VALUE: Final = "dummy-" + "0123456789" * 3 + "abcd"
SCRIPT: Final = "import os\nprint(len(os.environ['API_KEY']))\n"


@dataclass(frozen=True)
class Step:
    """A command as it is typed, and how often the value is typed into it."""

    typed: str
    values: int = 0


@dataclass(frozen=True)
class Way:
    """A tool: the programs that it needs, the steps, and what the key rests on."""

    needs: tuple[str, ...]
    steps: tuple[Step, ...]
    rests_on: str


WAYS: Final = {
    "credhelper": Way(
        ("systemd-creds",),
        (
            Step("credhelper add my_api_key", 2),
            Step("credhelper-decrypt-run -e API_KEY=my_api_key report.py"),
        ),
        "the machine's key, TPM2 where there is one",
    ),
    "systemd-creds by hand": Way(
        ("systemd-creds",),
        (
            Step("mkdir -p -m 0700 /etc/credstore.encrypted"),
            Step(
                "systemd-creds encrypt --name=my_api_key - /etc/credstore.encrypted/my_api_key", 1
            ),
            Step("chmod 0600 /etc/credstore.encrypted/my_api_key"),
            Step(
                "API_KEY=$(systemd-creds decrypt /etc/credstore.encrypted/my_api_key -)"
                " python3 report.py"
            ),
        ),
        "the same; the value shows as it is typed",
    ),
    "pass": Way(
        ("pass", "gpg"),
        (
            Step("gpg --batch --passphrase '' --quick-gen-key me@example.com"),
            Step("pass init me@example.com"),
            Step("pass insert -m my_api_key", 1),
            Step("API_KEY=$(pass my_api_key) python3 report.py"),
        ),
        "a GnuPG key, here without a passphrase",
    ),
    "gopass": Way(
        ("gopass", "gpg"),
        (
            Step("gpg --batch --passphrase '' --quick-gen-key me@example.com"),
            Step("gopass init me@example.com"),
            Step("gopass insert my_api_key", 2),
            Step("API_KEY=$(gopass show -o my_api_key) python3 report.py"),
        ),
        "a GnuPG key, here without a passphrase",
    ),
    "age": Way(
        ("age", "age-keygen"),
        (
            Step("age-keygen -o key.txt"),
            Step("age -e -i key.txt -o my_api_key.age", 1),
            Step("API_KEY=$(age -d -i key.txt my_api_key.age) python3 report.py"),
        ),
        "a key file in the clear",
    ),
    "dotenvx": Way(
        ("dotenvx",),
        (
            Step(f"dotenvx set API_KEY {VALUE}"),
            Step("dotenvx run -- python3 report.py"),
        ),
        "a key in the clear, .env.keys beside the file; the value is on the command line",
    ),
}


def measure(way: Way) -> tuple[int, int, float]:
    """How many commands and keystrokes the way takes, and how many seconds of the machine."""
    commands, keys, seconds = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as home:
        Path(home, "report.py").write_text(SCRIPT)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "GNUPGHOME": f"{home}/.gnupg"}
        os.mkdir(f"{home}/.gnupg", 0o700)
        for step in way.steps:
            begun = time.monotonic()
            subprocess.run(
                ["/bin/bash", "-c", step.typed],
                input=f"{VALUE}\n".encode() if step.values else b"",
                cwd=home,
                env=environment,
                check=True,
                capture_output=True,
            )
            seconds += time.monotonic() - begun
            commands += 1
            keys += len(step.typed) + 1 + step.values * (len(VALUE) + 1)
        subprocess.run(["/usr/bin/gpgconf", "--kill", "all"], env=environment, check=False)
    return commands, keys, seconds


def main() -> None:
    """Prints the table; only in the scratch place, whose store it fills."""
    if Path("/etc/machine-id").read_text().strip() != SCRATCH:
        sys.exit("first_run: error: this is no scratch place\nfirst_run: hint: sudo make first-run")
    print("| | commands | keystrokes | seconds | the key rests on |")
    print("| --- | --- | --- | --- | --- |")
    for name, way in WAYS.items():
        if all(map(shutil.which, way.needs)):
            commands, keys, seconds = measure(way)
            print(f"| {name} | {commands} | {keys} | {seconds:.2f} | {way.rests_on} |")
        else:
            print(f"{name}: not installed", file=sys.stderr)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Runs command lines by Python and by the runner, and tells where what they did is not the same.

By the Python whose command lines they are: standard library only. Standard input is JSON: FILES to
write into the working directory, INPUT for each, and COMMANDS by name, each of what follows
``python3``. Standard output is JSON: of each name, what Python did and what the runner did.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"}
TIME_LIMIT_SECONDS = 60


def main() -> None:
    """Runs all of them."""
    told = json.load(sys.stdin)
    os.umask(0o022)
    for name, text in told["files"].items():
        Path(name).write_bytes(text.encode("utf-8", "surrogateescape"))

    def run(words: list[str]) -> list[object]:
        environment = ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1"}
        finished = subprocess.run(
            words,
            input=told["input"].encode(),
            capture_output=True,
            env=environment,
            check=False,
            timeout=TIME_LIMIT_SECONDS,
        )
        output = (finished.stdout, finished.stderr)
        return [finished.returncode, *(text.decode(errors="backslashreplace") for text in output)]

    def both(words: list[str]) -> list[list[object]]:
        runner = ["/usr/bin/credhelper-decrypt-run", "-c", "my_api_key"]
        command = [*runner, *(words if words[0][0] != "-" else ["--", "/usr/bin/python3", *words])]
        return [run(["/usr/bin/python3", *words]), run(command)]

    with ThreadPoolExecutor(2) as pool:
        done = {name: pool.submit(both, words) for name, words in told["commands"].items()}
    json.dump({name: outcome.result() for name, outcome in done.items()}, sys.stdout)


if __name__ == "__main__":
    main()

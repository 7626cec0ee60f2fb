# SPDX-License-Identifier: MIT
"""Runs inside the virtual machine: takes commands from a virtio serial port, answers with results.

One JSON object a line. A request has argv, input (base64), environment and timeout (s);
the answer has status, stdout and stderr (base64), or error. Standard library only: the file is
copied into the machine as it stands.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

NAME = "machine-agent"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Runs one command; as root, from /."""
    try:
        process = subprocess.run(
            request["argv"],
            input=base64.b64decode(request["input"]),
            capture_output=True,
            env=request["environment"],
            timeout=request["timeout"],
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": "timeout"}
    except OSError as error:
        return {"error": str(error)}
    return {
        "status": process.returncode,
        "stdout": base64.b64encode(process.stdout).decode(),
        "stderr": base64.b64encode(process.stderr).decode(),
    }


def port() -> str:
    """The device of the port that the virtual machine has for this program."""
    for name in Path("/sys/class/virtio-ports").glob("*/name"):
        if name.read_text().strip() == NAME:
            return f"/dev/{name.parent.name}"
    raise FileNotFoundError(NAME)


def ready() -> None:
    """Tells systemd that the agent serves."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(os.environ["NOTIFY_SOCKET"])
        notify.send(b"READY=1")


def main() -> None:
    """Serves until the machine goes down."""
    with open(port(), "r+b", buffering=0) as channel:
        ready()
        channel.write(b'{"ready": true}\n')
        pending = b""
        while True:
            pending += channel.read(65536) or b""
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                reply = json.dumps(answer(json.loads(line))).encode() + b"\n"
                view = memoryview(reply)
                while view:
                    view = view[channel.write(view) :]


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What libraries start on a script's behalf, each asked for a credential: a script of a run.

Prints a line for each that does not see what the script sees.
"""

from __future__ import annotations

import asyncio
import http.client
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PATH = f"{os.environ.get('CREDENTIALS_DIRECTORY')}/my_api_key"
CAT = ["/bin/cat", PATH]
APPLICATION = """
import os
async def app(scope, receive, send):
    if scope["type"] == "http":
        path = os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": open(path, "rb").read()})
"""
DAEMON = """
import daemon, os, sys
with daemon.DaemonContext():
    with open(os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key") as file:
        value = file.read()
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(value)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
"""


def read() -> str:
    """What a worker sees."""
    return Path(PATH).read_text()


def worker(queue: multiprocessing.SimpleQueue[str]) -> None:
    queue.put(read())


def started(method: str) -> str:
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=worker, args=[queue])
    process.start()
    process.join(30)
    return str(queue.get())


async def asynchronous() -> str:
    process = await asyncio.create_subprocess_exec(*CAT, stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode()


def posix_spawn() -> str:
    source, sink = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, sink, 1)]
    os.waitpid(os.posix_spawn(CAT[0], CAT, os.environ, file_actions=actions), 0)
    os.close(sink)
    with open(source) as file:
        return file.read()


def loky() -> str:
    from loky import get_reusable_executor

    return str(get_reusable_executor(max_workers=1).submit(read).result(60))


def dask() -> str:
    from dask import compute, delayed

    return str(compute(delayed(read)(), scheduler="processes", num_workers=1)[0])


def xdist() -> str:
    test = "import os\ndef test_it():\n open('seen', 'w').write(open(os.environ['P']).read())\n"
    Path("test_it.py").write_text(test)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "1",
        "-p",
        "no:cacheprovider",
        "--basetemp=own",
        "test_it.py",
    ]
    subprocess.run(argv, env=os.environ | {"P": PATH}, check=True, capture_output=True)
    return Path("seen").read_text()


def uvicorn() -> str:
    Path("application.py").write_text(APPLICATION)
    argv = [sys.executable, "-m", "uvicorn", "--workers", "2", "--uds", "socket", "application:app"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            connection = http.client.HTTPConnection("localhost")
            deadline = time.monotonic() + 120
            while connection.sock is None and time.monotonic() < deadline:
                client = socket.socket(socket.AF_UNIX)
                try:
                    client.connect("socket")
                    connection.sock = client
                except OSError:
                    time.sleep(0.02)
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        finally:
            server.terminate()


def ansible() -> str:
    tool = f"{Path(sys.executable).parent}/ansible"
    where = os.environ | {"ANSIBLE_LOCAL_TEMP": os.getcwd(), "ANSIBLE_REMOTE_TMP": os.getcwd()}
    argv = [tool, "localhost", "-o", "-m", "ansible.builtin.command", "-a", f"cat {PATH}"]
    shown = subprocess.run(argv, env=where, capture_output=True, text=True, check=True).stdout
    return shown.rpartition("(stdout) ")[2].strip()


def fabric() -> str:
    from fabric import Connection

    return str(Connection("localhost").local(f"cat {PATH}", hide=True).stdout)


def sh() -> str:
    import sh as shell

    return str(shell.cat(PATH))


def plumbum() -> str:
    from plumbum import local

    return str(local["cat"](PATH))


def pexpect() -> str:
    import pexpect as expect

    return str(expect.run(f"cat {PATH}", encoding="utf-8"))


def python_daemon() -> str:
    seen = Path("of-the-daemon").absolute()
    subprocess.run([sys.executable, "-c", DAEMON, str(seen)], check=True)
    deadline = time.monotonic() + 120
    while not seen.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen.read_text()


def pydantic_settings() -> str:
    from pydantic_settings import BaseSettings, NestedSecretsSettingsSource, SettingsConfigDict

    class Settings(BaseSettings):
        my_api_key: str
        model_config = SettingsConfigDict(secrets_dir=os.environ["CREDENTIALS_DIRECTORY"])

        @classmethod
        def settings_customise_sources(cls, *_: object, **sources: object) -> tuple[object, ...]:
            return (NestedSecretsSettingsSource(sources["file_secret_settings"]),)

    return Settings().my_api_key


CASES: dict[str, Callable[[], str]] = {
    "multiprocessing spawn": lambda: started("spawn"),
    "multiprocessing forkserver": lambda: started("forkserver"),
    "subprocess": lambda: subprocess.run(CAT, capture_output=True, text=True, check=True).stdout,
    "asyncio": lambda: asyncio.run(asynchronous()),
    "posix_spawn": posix_spawn,
    "loky": loky,
    "dask": dask,
    "xdist": xdist,
    "uvicorn": uvicorn,
    "ansible": ansible,
    "fabric": fabric,
    "sh": sh,
    "plumbum": plumbum,
    "pexpect": pexpect,
    "python-daemon": python_daemon,
    "pydantic-settings": pydantic_settings,
}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for name, case in CASES.items():
            try:
                seen = case()
            except Exception as error:
                seen = f"{type(error).__name__}: {error}"
            print(name if seen == read() else f"{name} fails: {seen}", flush=True)
        os.chdir("/")

# SPDX-License-Identifier: MIT
"""The recipes of credhelper-recipes(7), as they stand there, with the real programs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.real.conftest import ROOT, STORE, Runs, unseal
from tests.real.running import Writes
from tests.real.servers import Asked

pytest_plugins = ("tests.real.runner_fixtures",)
VALUE = "dummy-0123456789abcdef"


def recipe(heading: str) -> str:
    """The text to paste under ``heading``, as man(1) shows it."""
    page = (ROOT / "man/credhelper-recipes.7").read_text()
    found = re.search(
        rf"^\.Ss {heading}$.*?^\.Bd -literal\n(.*?)^\.Ed$", page, re.DOTALL | re.MULTILINE
    )
    assert found, heading
    return found[1].replace("\\e", "\\").replace("\\&", "")


def test_curl(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, server: Asked) -> None:
    sealed("my_api_key", VALUE)
    script = write(recipe("curl").replace("https://api.example.com", server.url), "curl.sh")
    finished = decrypt_run(str(script))
    assert (finished.status, finished.out) == (0, "")
    assert "note: what sh writes is not masked" in finished.err
    assert VALUE not in finished.err
    assert server.headers == [f"Bearer {VALUE}"]


def test_git(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, server: Asked) -> None:
    sealed("git_token", VALUE)
    script = write(recipe("git").replace("https://git.example.com", server.url), "git.sh")
    finished = decrypt_run(str(script))
    assert VALUE not in finished.out + finished.err
    basic = base64.b64encode(f"token:{VALUE}".encode()).decode()
    assert server.headers[:2] == ["", f"Basic {basic}"]


def test_ssh(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, scratch: Path) -> None:
    key = scratch / "key"
    made = ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", str(key)]
    subprocess.run(made, check=True)
    sealed("deploy_key", key.read_bytes())
    key.unlink()
    listing = re.sub(r"^ssh deploy@.*$", "ssh-add -l", recipe("ssh"), flags=re.MULTILINE)
    finished = decrypt_run(str(write(listing, "ssh.sh")))
    assert finished.status == 0, finished.err
    assert " deploy (ED25519)" in finished.out


def test_gpg(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, scratch: Path) -> None:
    sealed("backup_passphrase", VALUE)
    (scratch / "backup.tar").write_bytes(b"what is backed up")
    finished = decrypt_run(str(write(recipe("gpg"), "gpg.sh")), cwd=scratch)
    assert finished.status == 0, finished.err
    gpg = ["/usr/bin/gpg", "--batch", "--quiet", "--pinentry-mode", "loopback"]
    given = [*gpg, "--passphrase", VALUE, "--decrypt", str(scratch / "backup.tar.gpg")]
    opened = subprocess.run(given, check=True, capture_output=True)
    subprocess.run(["/usr/bin/gpgconf", "--kill", "gpg-agent"], check=True)
    assert opened.stdout == b"what is backed up"


class _Database(threading.Thread):
    """As much of a PostgreSQL server as asks for a password in the clear: what it was told."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.password = b""

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            while True:
                (size,) = struct.unpack("!i", connection.recv(4, socket.MSG_WAITALL))
                body = connection.recv(size - 4, socket.MSG_WAITALL)
                if body[:2] == b"\0\3":  # protocol 3: all else asks for encryption
                    break
                connection.sendall(b"N")
            connection.sendall(b"R" + struct.pack("!ii", 8, 3))
            kind, size = struct.unpack("!ci", connection.recv(5, socket.MSG_WAITALL))
            assert kind == b"p"
            self.password = connection.recv(size - 4, socket.MSG_WAITALL).rstrip(b"\0")


def test_psql(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs) -> None:
    database = _Database()
    port = str(database.listener.getsockname()[1])
    sealed("pgpass", f"127.0.0.1:{port}:app:reader:{VALUE}\n")
    text = recipe("psql").replace("db.example.com", "127.0.0.1").replace("5432", port)
    database.start()
    finished = decrypt_run(str(write(text, "psql.sh")))
    database.join()
    database.listener.close()
    assert database.password == VALUE.encode()
    assert VALUE not in finished.out + finished.err


class _MySQL(threading.Thread):
    """As much of a MySQL server as takes a native password: the proof that the client gave."""

    SALT = b"0123456789abcdefghij"

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.told = b""

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            # protocol 10; no TLS, protocol 4.1, secure connection, plugins
            greeting = b"\x0a5.7.0\0" + struct.pack("<I", 1) + self.SALT[:8] + b"\0"
            greeting += struct.pack("<HBHHB", 0x8200, 33, 2, 0x0008, 21) + bytes(10)
            greeting += self.SALT[8:] + b"\0mysql_native_password\0"
            connection.sendall(struct.pack("<I", len(greeting)) + greeting)
            size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL)[:3], "little")
            self.told = connection.recv(size, socket.MSG_WAITALL)

    @property
    def proof(self) -> bytes:
        """What knows VALUE and the salt alone can give."""
        once = hashlib.sha1(VALUE.encode(), usedforsecurity=False).digest()
        twice = hashlib.sha1(once, usedforsecurity=False).digest()
        mask = hashlib.sha1(self.SALT + twice, usedforsecurity=False).digest()
        return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def test_mysql(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs) -> None:
    database = _MySQL()
    port = str(database.listener.getsockname()[1])
    sealed("mysql_client", f"[client]\npassword={VALUE}\n")
    text = recipe("mysql").replace("db.example.com", "127.0.0.1").replace("3306", port)
    database.start()
    finished = decrypt_run(str(write(text, "mysql.sh")))
    database.join(timeout=120)
    database.listener.close()
    assert database.proof in database.told, finished.err
    assert VALUE not in finished.out + finished.err


def test_rclone(
    sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, server: Asked
) -> None:
    remote = f"[files]\ntype = webdav\nurl = {server.url}\nvendor = other\n"
    sealed("rclone_conf", f"{remote}bearer_token = {VALUE}\n")
    text = recipe("rclone").replace("rclone --", "rclone --retries=1 --low-level-retries=1 --")
    finished = decrypt_run(str(write(text, "rclone.sh")))
    assert set(server.headers) == {f"Bearer {VALUE}"}, finished.err
    assert VALUE not in finished.out + finished.err


def test_pip(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, server: Asked) -> None:
    index = server.url.replace("http://", f"http://token:{VALUE}@")
    sealed("pip_conf", f"[global]\nindex-url = {index}/simple\n")
    # the pip of this Python: a bare system has none
    text = recipe("pip").replace("python3 -m", f"{sys.executable} -m")
    finished = decrypt_run(str(write(text, "pip.sh")))
    basic = base64.b64encode(f"token:{VALUE}".encode()).decode()
    assert f"Basic {basic}" in server.headers, finished.err
    assert VALUE not in finished.out + finished.err


def test_skopeo(
    sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, server: Asked
) -> None:
    registry = server.url.removeprefix("http://")
    basic = base64.b64encode(f"token:{VALUE}".encode()).decode()
    sealed("registry_auth", json.dumps({"auths": {registry: {"auth": basic}}}))
    text = recipe("skopeo").replace("registry.example.com", registry)
    text = text.replace("inspect", "inspect --tls-verify=false")
    finished = decrypt_run(str(write(text, "skopeo.sh")))
    assert set(server.headers) == {"", f"Basic {basic}"}, finished.err
    assert VALUE not in finished.out + finished.err


def test_restic(sealed: Callable[..., Path], write: Writes, decrypt_run: Runs) -> None:
    sealed("restic_password", VALUE)
    text = recipe("restic").replace("/srv/backup", "/tmp/scratch/backup")
    made = text.replace("backup /etc/hostname", "init")
    assert decrypt_run(str(write(made, "init.sh"))).status == 0
    finished = decrypt_run(str(write(text, "restic.sh")))
    assert finished.status == 0, finished.err
    assert list(Path("/tmp/scratch/backup/snapshots").iterdir())


def test_ansible_vault(
    sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    sealed("vault_password", VALUE)
    text = recipe("ansible-vault").replace("secrets.yml", str(scratch / "secrets.yml"))
    (scratch / "secrets.yml").write_text("key: value\n")
    sealing = text.replace("ansible-vault view", "ansible-vault encrypt")
    assert decrypt_run(str(write(sealing, "encrypt.sh"))).status == 0
    assert (scratch / "secrets.yml").read_text().startswith("$ANSIBLE_VAULT")
    finished = decrypt_run(str(write(text, "view.sh")))
    assert (finished.status, finished.out) == (0, "key: value\n"), finished.err


def test_a_path_in_an_argument(sealed: Callable[..., Path], decrypt_run: Runs) -> None:
    made = ["/usr/bin/openssl", "genpkey", "-algorithm", "ed25519"]
    key = subprocess.run(made, check=True, capture_output=True).stdout
    sealed("signing_key", key)
    words = shlex.split(recipe("Any program that takes a path"))
    assert words[:2] == ["sudo", "credhelper-decrypt-run"]
    finished = decrypt_run(*words[2:])
    assert finished.status == 0, finished.err
    assert finished.out.startswith("-----BEGIN PUBLIC KEY-----")


def test_from_another_manager(credhelper: Runs) -> None:
    first, second = recipe("From another manager into the store").splitlines()
    assert first.endswith("| sudo credhelper import -")
    assert second.endswith("| sudo credhelper put my_api_key --stdin")
    assert credhelper("import", "-", input=f"API_KEY={VALUE}\n").status == 0
    assert credhelper("put", "my_api_key", "--stdin", input=VALUE).status == 0
    assert {path.name: unseal(path) for path in STORE.iterdir()} == {
        "api_key": VALUE.encode(),
        "my_api_key": VALUE.encode(),
    }

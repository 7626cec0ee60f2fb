# SPDX-License-Identifier: MIT
"""Each verb that writes: what it finds, what it makes of that, and what a fault may leave."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.real.conftest import REPLACED, STORE, SYSTEMD_CREDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EVERY: Final = os.environ.get("CREDHELPER_EVERY_STATE") == "1"  # as make check-crashes has it
# Without coverage's variables: what it writes is not what is tested here.
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
SOURCE: Final = Path("/usr/local/lib/app/source")  # the plaintext that is to be sealed


@dataclass(frozen=True)
class Scenario:
    """A verb; ``before`` is the store as it finds it, None where there is none yet."""

    argv: Sequence[str]
    before: Mapping[str, bytes] | None
    after: Mapping[str, bytes]
    stdin: bytes = b""
    source: bytes = b""  # deleted in the end

    @property
    def values(self) -> set[bytes]:
        """Every plaintext of it."""
        return {*(self.before or {}).values(), *self.after.values()}

    def restore(self) -> None:
        """Has the store and the source as the verb is to find them."""
        before = self.before or {}
        shutil.rmtree(REPLACED, ignore_errors=True)  # a name is taken again only within its second
        STORE.mkdir(0o700, exist_ok=True)
        for path in STORE.iterdir():
            if path.name not in before or path.read_bytes() != blob(path.name, before[path.name]):
                path.unlink()
        for name, value in before.items():
            if not (STORE / name).exists():
                (STORE / name).write_bytes(blob(name, value))
                (STORE / name).chmod(0o600)
        if self.source:
            SOURCE.parent.mkdir(exist_ok=True)
            SOURCE.write_bytes(self.source)

    def found(self) -> dict[str, bytes]:
        """The values in the store, by name; each has to be whole and root's alone."""
        paths = [path for path in STORE.iterdir() if not path.name.startswith(".#")]
        assert all(path.stat().st_mode & 0o7777 == 0o600 for path in paths)
        return {path.name: _unsealed(path.name, path.read_bytes()) for path in paths}

    def lost(self, found: Mapping[str, bytes | None], plain: bytes | None) -> Iterator[str]:
        """What is neither as it was nor as it is to be; None is a value that does not unseal."""
        before = self.before or {}
        for name, value in found.items():
            if value is None or value not in (before.get(name), self.after.get(name)):
                yield f"{name} is damaged" if value is None else f"{name} has a value of no time"
        for name in before.keys() & self.after.keys() - found.keys():
            yield f"{name} is lost"
        if self.source and plain is None and found != self.after:
            yield f"the source is gone, and there are {sorted(found)} alone"
        if plain not in (None, self.source):
            yield "the source is damaged"


@functools.cache
def blob(name: str, value: bytes) -> bytes:
    """The value, sealed with the host key of the tests."""
    argv = [SYSTEMD_CREDS, "encrypt", f"--name={name}", "--with-key=host", "-", "-"]
    return subprocess.run(argv, input=value, check=True, capture_output=True).stdout


@functools.cache
def _unsealed(name: str, sealed: bytes) -> bytes:
    argv = [SYSTEMD_CREDS, "decrypt", "--newline=no", f"--name={name}", "-", "-"]
    return subprocess.run(argv, input=sealed, check=True, capture_output=True).stdout


OLD: Final = {name: f"old-value-of-{name}-4f9a1c77d2e8".encode() for name in "abc"}
NEW: Final = {name: f"new-value-of-{name}-8be3305af61d".encode() for name in "abc"}
# longer than what a filesystem keeps beside the file's metadata, and writes again with that
_PADDING: Final = "# nothing secret\n" * 400
_DOTENV: Final = (_PADDING + "".join(f"{n.upper()}={NEW[n].decode()}\n" for n in "abc")).encode()
_LONG: Final = _PADDING.encode() + NEW["a"]
_FROM_SOURCE: Final = ("--from-file", str(SOURCE), "--delete-source")

SCENARIOS: Final = {
    "add": Scenario(["add", "a", "--with-key=host"], {}, {"a": NEW["a"]}, stdin=NEW["a"]),
    "add-the-first": Scenario(
        ["add", "a", "--with-key=host", *_FROM_SOURCE], None, {"a": _LONG}, source=_LONG
    ),
    "rotate": Scenario(
        ["rotate", "a"], {"a": OLD["a"], "b": OLD["b"]}, {"a": NEW["a"], "b": OLD["b"]},
        stdin=NEW["a"],
    ),
    "rotate-from-file": Scenario(
        ["rotate", "a", *_FROM_SOURCE], {"a": OLD["a"]}, {"a": _LONG}, source=_LONG
    ),
    "put-from-file": Scenario(
        ["put", "a", *_FROM_SOURCE], {"a": OLD["a"]}, {"a": _LONG}, source=_LONG
    ),
    "put-set": Scenario(
        ["put", "--set", "--with-key=host"], {"a": OLD["a"]}, NEW,
        stdin=json.dumps({name: value.decode() for name, value in NEW.items()}).encode(),
    ),
    "remove": Scenario(["remove", "a", "--yes"], {"a": OLD["a"], "b": OLD["b"]}, {"b": OLD["b"]}),
    "reseal": Scenario(["reseal", "--all"], OLD, OLD),
    "import": Scenario(
        ["import", str(SOURCE), "--with-key=host", "--delete-source"], {}, NEW, source=_DOTENV
    ),
    "import-and-rotate": Scenario(
        ["import", str(SOURCE), "--rotate", "--with-key=host", "--delete-source"],
        {"a": OLD["a"], "b": OLD["b"]}, NEW, source=_DOTENV,
    ),
}  # fmt: skip

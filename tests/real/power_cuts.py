# SPDX-License-Identifier: MIT
"""A verb on a real filesystem of its own, whose disk loses its power at every moment."""

from __future__ import annotations

import base64
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.real import block_log
from tests.real.conftest import HOST_KEY, STORE, SYSTEMD_CREDS, launcher
from tests.real.scenarios import ENVIRONMENT, SOURCE, blob
from tests.real.tracing import STRACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.real.block_log import Log, State
    from tests.real.scenarios import Scenario

_MEBIBYTE: Final = 1 << 20
_IN_PLACE: Final = """
mount --bind "$0/etc" /etc
mount --bind "$0/key" /var/lib/systemd
mount --bind "$1" /usr/local/lib/app
shift
exec "$@"
"""


@dataclass(frozen=True)
class Filesystem:
    """How it is made; ``subvolumes`` as Fedora has them: / and /home of one btrfs."""

    size: int
    make: Sequence[str]
    options: str = "loop"
    subvolumes: bool = False


FILESYSTEMS: Final = {
    "ext4": Filesystem(32 * _MEBIBYTE, ["mkfs.ext4", "-q"]),
    "xfs": Filesystem(300 * _MEBIBYTE, ["mkfs.xfs", "-q"]),
    "btrfs": Filesystem(128 * _MEBIBYTE, ["mkfs.btrfs", "-q"]),
    "btrfs-subvolumes": Filesystem(128 * _MEBIBYTE, ["mkfs.btrfs", "-q"], subvolumes=True),
}


@dataclass
class Recording:
    """What became of the disk while the verb ran; ``done`` operations were logged at its end."""

    base: Path
    log: Log
    statuses: list[int]
    done: int
    seen: set[tuple[bytes, bool]] = field(default_factory=set)
    known: dict[tuple[bytes, bytes], bytes | None] = field(default_factory=dict)


@contextmanager
def mounted(image: Path, options: str, place: Path) -> Iterator[None]:
    """Mounts ``image`` at ``place``."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-o", options, str(image), str(place)]
    subprocess.run(mount, check=True, env=ENVIRONMENT, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["/usr/bin/umount", str(place)], check=True, env=ENVIRONMENT)


def record(
    filesystem: Filesystem,
    scenario: Scenario,
    scratch: Path,
    kills: Sequence[str],
    *,
    always: str = "",
) -> Recording:
    """Runs the verb on a new disk: killed at each of ``kills``, then to its end.

    ``kills``, and what is to be so ``always``, are injections of strace(1).
    """
    base, disk = scratch / "base", scratch / "disk"
    with base.open("wb") as file:
        file.truncate(filesystem.size)
    subprocess.run([*filesystem.make, str(base)], check=True, env=ENVIRONMENT)
    place = scratch / "mounted"
    with mounted(base, filesystem.options, place):
        _furnish(place, filesystem, scenario)
    _copy(base, disk)
    SOURCE.parent.mkdir(exist_ok=True)
    with block_log.logged(disk, scratch) as logged:
        with mounted(logged.device, filesystem.options, place):
            statuses = [_run(place, filesystem, scenario, kill) for kill in [*kills, always]]
            done = logged.position()
        log = block_log.read(logged.log)
    return Recording(base, log, statuses, done)


def _top(place: Path, filesystem: Filesystem, subvolume: str) -> Path:
    return place / subvolume if filesystem.subvolumes else place


def _furnish(place: Path, filesystem: Filesystem, scenario: Scenario) -> None:
    if filesystem.subvolumes:
        for name in ("root", "home"):
            create = ["btrfs", "-q", "subvolume", "create", str(place / name)]
            subprocess.run(create, check=True, env=ENVIRONMENT, capture_output=True)
    top = _top(place, filesystem, "root")
    etc, key, app = top / "etc", top / "key", _top(place, filesystem, "home") / "app"
    for directory in (etc, key, app):
        directory.mkdir()
    for name in ("passwd", "group", "nsswitch.conf", "machine-id", "ld.so.cache"):
        shutil.copy2(f"/etc/{name}", etc)
    if scenario.source:
        (app / "source").write_bytes(scenario.source)
    if scenario.before is None:
        return
    shutil.copy2(HOST_KEY, key)
    store = etc / STORE.name
    store.mkdir(0o700)
    for name, value in scenario.before.items():
        (store / name).write_bytes(blob(name, value))
        (store / name).chmod(0o600)


def _copy(image: Path, target: Path) -> None:
    copy = ["cp", "--sparse=always", str(image), str(target)]
    subprocess.run(copy, check=True, env=ENVIRONMENT)


def _run(place: Path, filesystem: Filesystem, scenario: Scenario, kill: str) -> int:
    strace = (
        [STRACE, "-qqq", "-o/dev/null", f"--trace={kill.partition(':')[0]}", f"--inject={kill}"]
        if kill
        else []
    )
    app = _top(place, filesystem, "home") / "app"
    ran = subprocess.run(
        [
            "/usr/bin/unshare", "--mount", "--propagation=private", "--", "sh", "-ec", _IN_PLACE,
            str(_top(place, filesystem, "root")), str(app),
            *strace, *launcher("credhelper"), *scenario.argv,
        ],
        input=scenario.stdin, env=ENVIRONMENT, cwd="/", capture_output=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert b"Traceback" not in ran.stderr, ran.stderr
    return ran.returncode


def examined(
    recording: Recording,
    filesystem: Filesystem,
    scenario: Scenario,
    scratch: Path,
    state: State,
) -> list[str]:
    """What is wrong with the disk in this state; empty where nothing is, or it was seen before."""
    durable = recording.statuses[-1] == 0 and state.flushed >= recording.log.flushed_before(
        recording.done
    )
    content = (state.contents(), durable)
    if content in recording.seen:
        return []
    recording.seen.add(content)
    image, place = scratch / "state", scratch / "examined"
    _copy(recording.base, image)
    with image.open("r+b") as file:
        for write in state.writes:
            file.seek(write.offset)
            file.write(write.data)
    with mounted(image, filesystem.options, place):
        top = _top(place, filesystem, "root")
        found = _credentials(top, recording)
        source = _top(place, filesystem, "home") / "app/source"
        plain = source.read_bytes() if source.exists() else None
        wrong = list(scenario.lost(found, plain))
        if durable:
            if found != scenario.after:
                wrong.append(f"not durable though it ended with 0: {sorted(found)}")
            if plain is not None:
                wrong.append("the source is back though it ended with 0")
        wrong += [
            f"plaintext in {path}"
            for path in place.rglob("*")
            if path != source and path.is_file() and _holds(path.read_bytes(), scenario)
        ]
    return wrong


def _credentials(top: Path, recording: Recording) -> dict[str, bytes | None]:
    """The values of the store, by name; None for what does not unseal with the disk's host key."""
    store, key = top / "etc" / STORE.name, top / "key" / HOST_KEY.name
    found = {}
    for path in store.iterdir() if store.is_dir() else ():
        if path.name.startswith(".#"):
            continue  # what the next command sweeps
        with_key = key.read_bytes() if key.exists() else b""
        known = (path.name.encode() + path.read_bytes(), with_key)
        if known not in recording.known:
            recording.known[known] = _unsealed(path, key)
        found[path.name] = recording.known[known]
    return found


def _unsealed(path: Path, key: Path) -> bytes | None:
    argv = [SYSTEMD_CREDS, "decrypt", "--newline=no", f"--name={path.name}", str(path), "-"]
    ran = subprocess.run(
        argv,
        env=ENVIRONMENT | {"SYSTEMD_CREDENTIAL_SECRET": str(key)},
        capture_output=True,
        check=False,
    )
    return ran.stdout if ran.returncode == 0 else None


def _holds(data: bytes, scenario: Scenario) -> bool:
    needles = [
        base64.b64encode(bytes(n) + value)[4:-4] for value in scenario.values for n in range(3)
    ]
    return any(needle in data for needle in [*scenario.values, *needles])


def written_plain(recording: Recording, scenario: Scenario) -> bool:
    """Whether a plaintext was ever among what was written to the disk."""
    return any(write and _holds(write.data, scenario) for write in recording.log.operations)

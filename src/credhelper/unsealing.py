# SPDX-License-Identifier: MIT
"""Unsealing, and running systemd-creds(1) for it: nothing else starts that program.

A value goes in and comes out through a pipe, never through a file or an argument. What systemd
refuses becomes a typed error (see ``refusals``).
"""

from __future__ import annotations

import errno
import posix

from credhelper import envelope, hostkey
from credhelper.errors import (
    CredentialError,
    DamagedCredential,
    DecryptionFailed,
    HostKeyMissing,
    SealingTimeout,
    StoreFailed,
    SystemdMissing,
)
from credhelper.process import Process, wait_any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Final

SYSTEMD_CREDS: Final = "/usr/bin/systemd-creds"
MAXIMUM_VALUE_BYTES: Final = 1 << 20  # systemd's CREDENTIAL_SIZE_MAX
# CREDENTIAL_ENCRYPTED_SIZE_MAX; systemd holds the base64 text to it, so that it unseals less
# than it seals: about 870,000 bytes
MAXIMUM_BLOB_BYTES: Final = MAXIMUM_VALUE_BYTES + (128 << 10)
TIME_LIMIT_SECONDS: Final = 90.0  # for one credential: slow TPMs take seconds, a stuck one forever

# Nothing of the caller's: SYSTEMD_CREDENTIAL_* changes what is checked, LC_* the wording.
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}
_FORBIDDEN: Final = (errno.EPERM, errno.EACCES, errno.ENOSYS, -1)  # -1: sudo's noexec
_SIDE_BY_SIDE: Final = 16
_PLENTY_OF_DESCRIPTORS: Final = 1024


class Unsealing:
    """Sealed credentials on their way to being unsealed, while the caller does something else.

    Those that need a TPM wait for one another, for a TPM does one thing at a time. The null key
    is refused by the header unless ``allow_null``: what was looked at is what systemd gets. What
    needs a host key of another machine id is refused too: systemd would delete the key.
    """

    def __init__(
        self,
        blobs: Mapping[str, bytes] | None = None,
        *,
        allow_null: bool = False,
        tpm2_device: str = "",
        tpm2_signature: str = "",
        timestamp: str = "",
        under: str = "",
    ) -> None:
        """Starts as many as may run side by side; ``under`` replaces each one's own name."""
        self._under = under
        self._allow_null = allow_null
        self._results: dict[str, bytes | CredentialError] = {}
        self._expecting: dict[str, Process] = {}
        self._running: dict[Process, str] = {}
        self._lanes = (_Lane(_SIDE_BY_SIDE), _Lane(1))
        self._order: list[str] = []
        self._argv = ["decrypt", "--newline=no"]
        self._argv += [f"--tpm2-device={tpm2_device}"] if tpm2_device else []
        self._argv += [f"--tpm2-signature={tpm2_signature}"] if tpm2_signature else []
        self._argv += [f"--timestamp={timestamp}"] if timestamp else []
        if blobs:
            self.unseal(blobs)

    def expect(self, names: Iterable[str]) -> None:
        """Starts systemd-creds for some of ``names``, to wait for what there is to unseal.

        Its own start takes it longer than the rest. It gets nothing but the name.
        """
        if posix.sysconf("SC_OPEN_MAX") < _PLENTY_OF_DESCRIPTORS:
            return
        try:
            for name in names:
                if len(self._expecting) < _SIDE_BY_SIDE and name not in self._expecting:
                    self._expecting[name] = start(self._words(name), None)
        except CredentialError:  # to be told once there is something to unseal
            self._expect_none()

    def unseal(self, blobs: Mapping[str, bytes]) -> None:
        """Has ``blobs`` unsealed, once."""
        self._order = list(blobs)
        host_key_is_foreign: bool | None = None
        for name, blob in blobs.items():
            try:
                bound = envelope.binding(blob)
            except DamagedCredential as error:
                from credhelper import refusals

                self._results[name] = refusals.damaged(error, name)
                continue
            if bound is envelope.NULL:
                if not self._allow_null:
                    self._results[name] = refusal(
                        "null key, but that's not allowed", name, DecryptionFailed
                    )
                    continue
                if "--allow-null" not in self._argv and version() >= 256:
                    self._argv.append("--allow-null")
                    self._expect_none()
            elif bound.uses_host_key:
                if host_key_is_foreign is None:
                    host_key_is_foreign = hostkey.is_foreign()
                if host_key_is_foreign:
                    self._results[name] = hostkey.foreign(name)
                    continue
            self._lanes[bound.uses_tpm2].waiting.append((name, blob))
        self._start()

    def results(
        self, progress: Callable[[int, int], None] | None = None
    ) -> dict[str, bytes | CredentialError]:
        """Waits for all; the value or the error of each, in the order in which they were given.

        ``progress`` is told how many are done, of how many.
        """
        try:
            while self._running:
                for process in wait_any(self._running):
                    name = self._running.pop(process)
                    try:
                        self._results[name] = outcome(process, name, DecryptionFailed)
                    except CredentialError as error:
                        self._results[name] = error
                    for lane in self._lanes:
                        lane.running.discard(process)
                if progress:
                    progress(len(self._results), len(self._order))
                self._start()
        finally:
            self.cancel()
        return {name: self._results[name] for name in self._order}

    def cancel(self) -> None:
        """Ends what is still running."""
        for process in self._running:
            process.kill()
        self._running.clear()
        self._expect_none()

    def _expect_none(self) -> None:
        for process in self._expecting.values():
            process.kill()
        self._expecting.clear()

    def _words(self, name: str) -> list[str]:
        return [*self._argv, f"--name={self._under or name}", "-", "-"]

    def _start(self) -> None:
        for lane in self._lanes:
            while lane.waiting and len(lane.running) < lane.width:
                name, blob = lane.waiting.pop(0)
                try:
                    process = self._expecting.pop(name, None) or start(self._words(name), None)
                except CredentialError as error:
                    if self._running:  # few descriptors or processes: one after the other then
                        lane.waiting.insert(0, (name, blob))
                        return
                    self._results[name] = error
                else:
                    process.give(blob)
                    lane.running.add(process)
                    self._running[process] = name


class _Lane:
    """What waits and what runs of those that share a bound on how many run side by side."""

    __slots__ = ("running", "waiting", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.waiting: list[tuple[str, bytes]] = []
        self.running: set[Process] = set()


def version() -> int:
    """The version of systemd-creds. Raises :class:`SystemdMissing` where there is none."""
    process = start(["--version"], b"")
    wait_any([process])
    words = process.stdout.split()
    if len(words) < 2 or not words[1].isdigit():
        raise SystemdMissing("systemd-creds does not tell its version", "update systemd")
    return int(words[1])


def start(argv: list[str], stdin: bytes | None) -> Process:
    """systemd-creds with ``argv``; without ``stdin``, it waits for that (see ``process``).

    Raises :class:`SystemdMissing` or :class:`StoreFailed`.
    """
    try:
        return Process([SYSTEMD_CREDS, *argv], stdin, _ENVIRONMENT, TIME_LIMIT_SECONDS)
    except FileNotFoundError:
        raise SystemdMissing(
            f"{SYSTEMD_CREDS} is missing", "install systemd 250 or newer (package systemd)"
        ) from None
    except OSError as error:
        reason = error.strerror
        way_out = "free memory, processes or descriptors (ulimit -a), then try again"
        if error.errno in _FORBIDDEN:
            reason = "it may not be executed"
            way_out = (
                "look for noexec and intercept in sudoers(5), which a line exempts from, "
                "Defaults!/usr/bin/credhelper-decrypt-run !noexec, !intercept; and for "
                "NoExecPaths= and SystemCallFilter= in the unit, or a container's seccomp filter"
            )
        raise StoreFailed(f"systemd-creds cannot be started: {reason}", way_out) from None


def outcome(process: Process, name: str, failure: type[CredentialError]) -> bytes:
    """What it wrote; raises what kept it from that, ``failure`` where nothing fits better."""
    if process.timed_out:
        raise SealingTimeout(
            f"systemd-creds gave no answer for {name} within {TIME_LIMIT_SECONDS:.0f} seconds",
            "mostly a TPM that hangs: look at journalctl -k and systemd-creds has-tpm2, "
            "then try again",
        )
    if process.status is None:
        raise failure(
            f"whether systemd-creds succeeded for {name} is not known",
            "the calling program ignores SIGCHLD or waits for every child: let it leave "
            "SIGCHLD at its default",
        )
    if process.status:
        text = process.stderr.decode("utf-8", "replace")
        if process.status < 0:
            text = f"systemd-creds was ended by signal {-process.status}"
        raise refusal(text, name, failure)
    return bytes(process.stdout)


def refusal(text: str, name: str, failure: type[CredentialError]) -> CredentialError:
    """What to say of ``text``, which systemd-creds wrote about ``name``."""
    from credhelper import refusals  # seldom needed: it stays out of the way of a run

    error = refusals.error(text, name, failure)
    if isinstance(error, HostKeyMissing) and hostkey.machine_id() is None:
        return hostkey.without_machine_id(name)
    return error

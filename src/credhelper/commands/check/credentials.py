# SPDX-License-Identifier: MIT
"""The credentials themselves: does each unseal, under its name, for how long, with which key."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from credhelper import envelope, hostkey, store
from credhelper.commands import expiry, inventory, sealing
from credhelper.commands.check.finding import Area, Finding, Severity, command, install, look
from credhelper.errors import (
    CredentialError,
    CredentialExpired,
    DamagedCredential,
    NameMismatch,
    NullKeyRefused,
)
from credhelper.name import FORBIDDEN_ENDINGS, NewName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from credhelper.store import Sealed

SOON_DAYS: Final = 14
_finding: Final = partial(Finding, Area.CREDENTIALS)
# takes away what systemd-creds encrypt --pretty adds: the setting, the name and the backslashes
_UNPRETTY: Final = ("-e", "s/^SetCredentialEncrypted=[^:]*://", "-e", "s/[\\\\]$//")
_DAY_SECONDS: Final = 86400
_NOTICED_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Unsealed:
    """What came of unsealing: the values and the errors, by name. In neither is what was not tried.

    ``tpm2_seconds`` is about what those took that need a TPM2.
    """

    values: dict[str, bytes] = field(repr=False)
    errors: dict[str, CredentialError]
    expiring: frozenset[str]
    nameless: frozenset[str]
    tpm2_seconds: float = 0.0


def unseal(
    places: Sequence[Sealed],
    *,
    allow_null: bool,
    host_key_usable: bool = True,
    valid_at: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Unsealed:
    """Unseals all that can be; with a host key that systemd would delete, none bound to it.

    What is not valid any more at ``valid_at`` (systemd.time(7), soon by default) is ``expiring``.
    """
    blobs = {place.name: place.blob for place in places if place.blob}
    if not host_key_usable:
        blobs = {name: blob for name, blob in blobs.items() if not _needs(blob, tpm2=False)}
    # most expire never: valid in two weeks is valid now, and one unsealing tells both
    soon = f"@{int(time.time()) + SOON_DAYS * _DAY_SECONDS}"
    started = time.monotonic()
    results = sealing.unseal_many(
        blobs, allow_null=allow_null, timestamp=valid_at or soon, progress=progress
    )
    took = time.monotonic() - started  # the TPM's own line: the others run beside it
    again = {name: blobs[name] for name, r in results.items() if isinstance(r, CredentialExpired)}
    now = sealing.unseal_many(again, allow_null=allow_null)
    results |= now
    values = {name: r for name, r in results.items() if isinstance(r, bytes)}
    opened = {name: blobs[name] for name in values}
    return Unsealed(
        values=values,
        errors={name: r for name, r in results.items() if isinstance(r, CredentialError)},
        expiring=frozenset(name for name, r in now.items() if isinstance(r, bytes)),
        nameless=frozenset(sealing.nameless(opened, allow_null=allow_null)),
        tpm2_seconds=took if any(_needs(blob, tpm2=True) for blob in opened.values()) else 0.0,
    )


def findings(
    places: Sequence[Sealed],
    unsealed: Unsealed,
    *,
    max_age_days: float | None,
    tpm2_there: bool,
    systemd: int,
) -> Iterator[Finding]:
    """What is wrong with each credential; ``systemd`` is the version of it."""
    for place in places:
        if not place.blob and not store.file_danger(place.status):
            if place.status.st_size:
                what, fix = "is larger than any credential", look(place.path)
            else:
                what, fix = "is empty", _rotate(place)
            yield _finding(Severity.FAILURE, "damaged", place.path, what, fix)
        if error := unsealed.errors.get(place.name):
            yield _of_error(place, error, systemd)
        if place.name in unsealed.expiring:
            yield _expiring(place)
        if place.name in unsealed.nameless:
            yield _nameless(place)
        if place.name in unsealed.values:
            if name := _name(place):
                yield name
            yield from _kept(place, max_age_days, tpm2_there=tpm2_there, systemd=systemd)
    slow = [p for p in places if p.name in unsealed.values and _needs(p.blob, tpm2=True)]
    if len(slow) > 1 and unsealed.tpm2_seconds >= _NOTICED_SECONDS:
        yield _finding(
            Severity.NOTE,
            "tpm2-slow",
            os.path.commonpath([place.directory for place in slow]),
            f"{len(slow)} credentials need the TPM2, which unseals one after the other: a script "
            f"that declares them all waits {unsealed.tpm2_seconds:.0f} s for them",
            command("credhelper", "list"),
        )


def facts(places: Sequence[Sealed]) -> list[str]:
    """How many there are, and how they are bound."""
    counts: dict[str, int] = {}
    for place in places:
        label = inventory.binding(place).label
        counts[label] = counts.get(label, 0) + 1
    bound = ", ".join(f"{count} bound to {label}" for label, count in sorted(counts.items()))
    return [f"{len(places)} credentials: {bound}" if places else "no credentials yet"]


def _needs(blob: bytes, *, tpm2: bool) -> bool:
    """Whether it needs a TPM2, else: the host key."""
    try:
        bound = envelope.binding(blob)
    except DamagedCredential:
        return False
    return bound.uses_tpm2 if tpm2 else bound.uses_host_key


def _of_error(place: Sealed, error: CredentialError, systemd: int) -> Finding:
    """The finding that an error of unsealing is, with the command that fits it.

    A new value is advised only where the old one is dead for certain: another TPM, other PCRs or
    another host key may be back at the next boot.
    """
    evidence = error.reason
    rule = "does-not-unseal"
    fix = command("credhelper", "check", place.name)
    if systemd < envelope.FIRST_PINNING and inventory.binding(place).is_pinned:
        rule = "newer-systemd"
        evidence = (
            f"was sealed by systemd {envelope.FIRST_PINNING} or newer with the TPM's storage key "
            f"pinned, which {systemd} cannot open: nothing is lost, it opens after an update"
        )
        fix = install("systemd", verb="upgrade")
    elif isinstance(error, NameMismatch):
        rule = "embedded-name"
        evidence = f"was sealed under the name {error.embedded}"
        fix = look(place.path)
        there = os.path.lexists(f"{store.WRITTEN}/{error.embedded}")
        if error.embedded and error.embedded == fitting_name(error.embedded) and not there:
            fix = _copying(place, embedded=error.embedded, name=error.embedded)
    elif isinstance(error, CredentialExpired):
        rule, fix = "expired", _rotate(place)
        if end := _end(place):
            evidence += f", on {expiry.shown(end)}"
    elif isinstance(error, DamagedCredential) and error.pretty:
        rule, fix = "unit-text", command("sed", "-i", *_UNPRETTY, "--", place.path)
    elif isinstance(error, DamagedCredential):
        fix = _rotate(place)
    elif isinstance(error, NullKeyRefused):
        rule, fix = "null-key", command("credhelper", "reseal", place.name)
    elif error.hint:
        evidence += f" ({error.hint})"
    return _finding(Severity.FAILURE, rule, place.path, evidence, fix)


def _nameless(place: Sealed) -> Finding:
    evidence = "has no embedded name, and unseals in the place of any other credential"
    fix = look(place.path)
    if place.is_written:  # resealing gives it the file's name
        fix = command("credhelper", "reseal", place.name)
    return _finding(Severity.WARNING, "no-embedded-name", place.path, evidence, fix)


def _end(place: Sealed) -> int | None:
    """When it expires; None where that cannot be found out any more."""
    try:
        return expiry.last_valid_second(place.name, place.blob, allow_null=True)
    except CredentialError:  # it did unseal, but its TPM has had enough
        return None


def _expiring(place: Sealed) -> Finding:
    when = f"within {SOON_DAYS} days"
    if end := _end(place):
        when = f"on {expiry.shown(end)}, in {(end - time.time()) / _DAY_SECONDS:.0f} days"
    evidence = f"expires {when}"
    return _finding(Severity.WARNING, "expires-soon", place.path, evidence, _rotate(place))


def _kept(
    place: Sealed, max_age_days: float | None, *, tpm2_there: bool, systemd: int
) -> Iterator[Finding]:
    """What is wrong with one that unseals: its age, and a key that could be a better one."""
    age_days = (time.time() - place.status.st_mtime) / _DAY_SECONDS
    if max_age_days is not None and age_days > max_age_days:
        evidence = f"has had its value for {int(age_days)} days"
        yield _finding(Severity.FAILURE, "age", place.path, evidence, _rotate(place))
    bound = inventory.binding(place)
    pins = systemd >= envelope.FIRST_PINNING
    if pins and place.is_written and bound.uses_tpm2 and not bound.is_pinned:
        yield _finding(
            Severity.NOTE,
            "tpm2-not-pinned",
            place.path,
            f"was sealed before systemd {envelope.FIRST_PINNING}, which also pins the TPM's "
            "storage key: nothing in between can pass for the TPM then. After that, no older "
            "systemd opens it",
            command("credhelper", "reseal", place.name),
        )
    if tpm2_there and place.is_written and bound is envelope.HOST:
        yield _finding(
            Severity.NOTE,
            "host-key-alone",
            place.path,
            f"is bound to {hostkey.PATH} alone, which a copy of the disk holds too; "
            "there is a TPM2 here",
            command("credhelper", "reseal", place.name, "--with-key=host+tpm2"),
        )


def _rotate(place: Sealed) -> str:
    verb = "rotate" if place.is_written else "add"  # into /etc, where it hides the other
    return command("credhelper", verb, place.name)


def _name(place: Sealed) -> Finding | None:
    """What is wrong with the name of a credential that unseals."""
    try:
        NewName(place.name)
    except CredentialError as error:
        severity, rule = Severity.WARNING, "name"
        evidence = error.reason
    else:
        if place.name == place.name.lower():
            return None
        severity, rule, evidence = Severity.NOTE, "name-capitals", "has capitals"
    better = fitting_name(place.name)
    if not better:
        return None
    evidence += f"; {better} is the recommended form"
    fix = _copying(place, embedded=place.name, name=better)
    return _finding(severity, rule, place.path, evidence, fix)


def _copying(place: Sealed, *, embedded: str, name: str) -> str:
    """The command that seals the value again as ``name``; it goes through a pipe alone."""
    decrypt = command(
        "systemd-creds", "decrypt", "--newline=no", f"--name={embedded}", place.path, "-"
    )
    return f"{decrypt} | {command('credhelper', 'add', name, '--stdin', '--exact')}"


def fitting_name(text: str) -> str:
    """A name in the recommended form, as near to ``text`` as can be; empty where there is none."""
    name = text.lower()
    while ending := next((e for e in FORBIDDEN_ENDINGS if name.endswith(e)), ""):
        name = name.removesuffix(ending)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-@") else "_" for c in name)
    name = name.lstrip(".-")
    try:
        return NewName(name)
    except CredentialError:
        return ""

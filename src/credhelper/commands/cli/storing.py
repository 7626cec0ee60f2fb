# SPDX-License-Identifier: MIT
"""Values on their way into the store: sealed, verified as the disk gives them back, all or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from credhelper import store
from credhelper.commands import audit, installing, retired, sealing
from credhelper.errors import CredentialError, EncryptionFailed, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from credhelper.commands.cli.binding import Bound
    from credhelper.commands.directory import Change
    from credhelper.name import CredentialName


@dataclass(frozen=True)
class Item:
    """A value to be stored, and how; ``operation`` is what is recorded of it, empty for nothing.

    What ``replaces`` another has to be there; ``expected`` is what it has to be still, where that
    matters, and ``retired`` what is kept of it for leaks. ``modified_ns`` is the file's time, None
    for now.
    """

    name: CredentialName
    secret: bytes
    bound: Bound
    operation: str
    replaces: bool = False
    expected: bytes = b""
    retired: bytes = b""
    modified_ns: int | None = None


def put(items: Sequence[Item], change: Change | None = None) -> dict[str, bytes]:
    """Stores ``items``, all or none; the sealed credentials by name.

    Raises what sealing, unsealing and :func:`installing.install_many` do, and
    :class:`StoreFailed` where one is not what was ``expected``.
    """
    blobs: dict[str, bytes] = {item.name: item.bound.seal(item.name, item.secret) for item in items}

    def verify(read_back: Mapping[str, bytes]) -> None:
        for item in items:
            if item.expected and store.read_written(item.name).blob != item.expected:
                raise StoreFailed(
                    f"credential {item.name} was changed meanwhile, and keeps that", "run it again"
                )
        unsealed = sealing.unseal_many(
            read_back,
            allow_null=any(item.bound.with_key == "null" for item in items),
            tpm2_device=items[0].bound.tpm2_device,
            tpm2_signature=items[0].bound.tpm2_signature,
        )
        for item in items:
            value = unsealed[item.name]
            if isinstance(value, CredentialError):
                raise value
            if value != item.secret:
                raise EncryptionFailed(
                    f"credential {item.name} does not unseal to the value that was given",
                    "nothing has changed; look at the disk and the TPM, then try again",
                )

    with retired.kept({item.name: item.retired for item in items if item.retired}):
        installing.install_many(
            blobs,
            verify,
            [item.name for item in items if item.replaces],
            modified_ns={i.name: i.modified_ns for i in items if i.modified_ns is not None},
            change=change,
        )
    for operation in sorted({item.operation for item in items} - {""}):
        audit.store_changed(operation, [i.name for i in items if i.operation == operation])
    return blobs

# SPDX-License-Identifier: MIT
"""When a sealed credential expires.

That is in its encrypted part, and systemd-creds does not show it. But it takes any time for
now (``--timestamp=``), so that asking often enough finds the last second in which it is valid.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from credhelper.commands import sealing
from credhelper.errors import CredentialExpired

_DAY_SECONDS: Final = 86400
_FAR_DAYS: Final = 365 * 1000


def unseal(
    name: str, blob: bytes, *, allow_null: bool = False, **tpm2: str
) -> tuple[bytes, int | None]:
    """The value in ``blob``, and the last second (since the epoch) in which it is valid, if any.

    One unsealing where it never expires, else about 30. ``tpm2`` is what :func:`sealing.unseal`
    takes of it. Raises as that does.
    """
    try:
        value = sealing.unseal(name, blob, allow_null=allow_null, timestamp=far(), **tpm2)
    except CredentialExpired:
        value = sealing.unseal(name, blob, allow_null=allow_null, **tpm2)
        return value, last_valid_second(name, blob, allow_null=allow_null, **tpm2)
    return value, None


def far() -> str:
    """A time (systemd.time(7)) at which only what never expires is valid."""
    return f"@{int(time.time()) + _FAR_DAYS * _DAY_SECONDS}"


def last_valid_second(name: str, blob: bytes, *, allow_null: bool = False, **tpm2: str) -> int:
    """When ``blob``, which expires or has expired, does so: in seconds since the epoch.

    Raises as :func:`sealing.unseal` does, but not for one that has expired.
    """

    def valid(when: int) -> bool:
        try:
            sealing.unseal(name, blob, allow_null=allow_null, timestamp=f"@{when}", **tpm2)
        except CredentialExpired:
            return False
        return True

    good = bad = int(time.time())
    step = _DAY_SECONDS
    if valid(good):
        while valid(bad := good + step):
            good, step = bad, step * 2
    else:
        while not valid(good := max(0, bad - step)):
            if good == 0:  # before anything was ever sealed
                return 0
            bad, step = good, step * 2
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if valid(middle) else (good, middle)
    return good


def shown(second: int) -> str:
    """The time ``second`` (since the epoch) for people: in UTC, to the minute."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M} UTC"

"""When a sealed credential expires.

That stands in its encrypted part, and systemd-creds does not show it. But it takes any time for
now (``--timestamp=``), so that asking often enough finds the last second in which it is valid.
"""

from __future__ import annotations

import time
from typing import Final

from credhelper import sealing
from credhelper.errors import CredentialExpired

_DAY_SECONDS: Final = 86400
_FAR_DAYS: Final = 365 * 1000


def not_after(
    name: str, blob: bytes, *, allow_null: bool = False, tpm2_device: str = ""
) -> int | None:
    """The last second (since the epoch) in which ``blob`` unseals as ``name``; None for no end.

    Takes about 30 unsealings where there is one. Raises as :func:`sealing.unseal` does, but not
    for one that has expired.
    """

    def valid(when: int) -> bool:
        try:
            sealing.unseal(
                name, blob, allow_null=allow_null, tpm2_device=tpm2_device, timestamp=f"@{when}"
            )
        except CredentialExpired:
            return False
        return True

    now = int(time.time())
    if valid(now + _FAR_DAYS * _DAY_SECONDS):
        return None
    step = _DAY_SECONDS
    if valid(now):
        good, bad = now, now + step
        while valid(bad):
            good, step = bad, step * 2
            bad += step
    else:
        good, bad = now - step, now
        while not valid(good):
            if good <= 0:  # earlier than anything was sealed
                return 0
            bad, step = good, step * 2
            good = max(0, good - step)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if valid(middle) else (good, middle)
    return good

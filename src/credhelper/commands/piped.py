# SPDX-License-Identifier: MIT
"""All that comes through a descriptor, which whoever calls may have set not to block (fcntl(2))."""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

STDIN: Final = 0
_CHUNK_BYTES: Final = 1 << 16


def read(descriptor: int, most: int | None = None, seconds: float | None = None) -> bytes:
    """What comes up to the end, of which ``most`` bytes are enough.

    Python's own streams take a pipe that is empty for the moment for one that has ended. Raises
    ``TimeoutError`` where the end does not come within ``seconds``, and ``OSError``.
    """
    end = None if seconds is None else time.monotonic() + seconds
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    data = bytearray()
    while most is None or len(data) < most:
        if not poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError
        try:
            chunk = os.read(descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            continue
        if not chunk:
            break
        data += chunk
    return bytes(data if most is None else data[:most])

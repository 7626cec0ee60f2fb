# SPDX-License-Identifier: MIT
"""Vectorscan, or Hyperscan, where it is installed: thousands of literals at gigabytes a second.

Both are one library with the same interface, ``libhs.so.5``, which the loader finds in the
system's directories. Without it, ``literals`` finds the same, more slowly.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from credhelper.commands.literals import Place

_LIBRARY: Final = "libhs.so.5"
_BLOCK: Final = 1  # HS_MODE_BLOCK
_FOUND: Final = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.c_ulonglong,
    ctypes.c_ulonglong,
    ctypes.c_uint,
    ctypes.c_void_p,
)


class Vectorscan:
    """Literals compiled for the search. Never shows them.

    Raises OSError where the library is not there, or not for this processor.
    """

    def __init__(self, literals: Collection[bytes]) -> None:
        self._library = ctypes.CDLL(_LIBRARY)
        if self._library.hs_valid_platform() != 0:
            raise OSError(f"{_LIBRARY} is not for this processor")
        self._literals = list(literals)
        sought = [text.lstrip(b"\0") for text in literals]  # it refuses a NUL at the beginning
        self._database = ctypes.c_void_p()
        self._scratch = ctypes.c_void_p()
        count = len(self._literals)
        self._done(
            self._library.hs_compile_lit_multi(
                (ctypes.c_char_p * count)(*sought),
                (ctypes.c_uint * count)(),
                (ctypes.c_uint * count)(*range(count)),
                (ctypes.c_size_t * count)(*map(len, sought)),
                ctypes.c_uint(count),
                ctypes.c_uint(_BLOCK),
                None,
                ctypes.byref(self._database),
                ctypes.byref(ctypes.c_void_p()),
            )
        )
        self._done(self._library.hs_alloc_scratch(self._database, ctypes.byref(self._scratch)))
        self._ends: list[tuple[int, int]] = []
        self._noted = _FOUND(self._note)

    def __repr__(self) -> str:
        return f"Vectorscan({len(self._literals)} literals)"

    def places(self, block: bytes | bytearray) -> list[Place]:
        """Where the literals are in block, as Literals.places() tells it."""
        self._ends.clear()
        data = block
        if isinstance(block, bytearray):
            data = (ctypes.c_char * len(block)).from_buffer(block)  # type: ignore[assignment]
        self._done(
            self._library.hs_scan(
                self._database,
                data,
                ctypes.c_uint(len(block)),
                ctypes.c_uint(0),
                self._scratch,
                self._noted,
                None,
            )
        )
        found = ((end, self._literals[which]) for which, end in self._ends)
        return [
            (end - len(text), text, 0)
            for end, text in found
            if text[0] or (end >= len(text) and block.startswith(text, end - len(text)))
        ]

    def _note(self, which: int, _: int, end: int, __: int, ___: None) -> int:
        self._ends.append((which, end))
        return 0

    @staticmethod
    def _done(status: int) -> None:
        if status != 0:
            raise OSError(f"{_LIBRARY} ended with status {status}")

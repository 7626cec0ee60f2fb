# SPDX-License-Identifier: MIT
"""Vectorscan, or Hyperscan, where it is installed: thousands of literals at gigabytes a second.

Both are one library with the same interface, ``libhs.so.5``, which the loader finds in the
system's directories. Without it, ``literals`` finds the same, more slowly.

It is told the ends of the literals alone, which it compiles in half the time; where such an end is
found, the literal itself is compared.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from credhelper.commands.literals import Place

_LIBRARY: Final = "libhs.so.5"
_BLOCK: Final = 1  # HS_MODE_BLOCK
_END: Final = 16  # bytes of a literal: the fewest that stand nowhere by chance
_FEW: Final = 7  # so many stand everywhere
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
        by_end: dict[bytes, list[bytes]] = {}
        for text in literals:
            end = text[-_END:].lstrip(b"\0")  # it refuses a NUL at the beginning
            by_end.setdefault(end if len(end) >= _FEW else text.lstrip(b"\0"), []).append(text)
        sought = list(by_end)
        self._literals = list(by_end.values())
        self._database = ctypes.c_void_p()
        self._scratch = ctypes.c_void_p()
        count = len(sought)
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
        return f"Vectorscan({sum(map(len, self._literals))} literals)"

    def places(self, block: bytes | bytearray) -> list[Place]:
        """Where the literals are in block, as Literals.places() tells it."""
        self._ends.clear()
        data: object = block
        if isinstance(block, bytearray):
            data = (ctypes.c_char * len(block)).from_buffer(block)
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
        return [
            (end - len(text), text, 0)
            for which, end in self._ends
            for text in self._literals[which]
            if end >= len(text) and block.startswith(text, end - len(text))
        ]

    def _note(self, which: int, _: int, end: int, __: int, ___: None) -> int:
        self._ends.append((which, end))
        return 0

    @staticmethod
    def _done(status: int) -> None:
        if status != 0:
            raise OSError(f"{_LIBRARY} ended with status {status}")

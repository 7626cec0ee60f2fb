# SPDX-License-Identifier: MIT
"""A value that does not show itself."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

_REDACTED: Final = "[redacted]"


class Secret:
    """Holds a value and shows ``[redacted]`` wherever an object is turned into text.

    ``reveal()`` gives the value. Copying and pickling raise ``TypeError``. Two are equal where
    their values are, compared in constant time; they do not hash.
    """

    __slots__ = ("__value",)
    __hash__ = None  # type: ignore[assignment] # a hash would tell equal values apart

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The value itself."""
        return self.__value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # seldom needed, and slow to import

        return compare_digest(self.__value.encode(), other.__value.encode())

    def __repr__(self) -> str:
        return f"Secret({_REDACTED})"

    def __str__(self) -> str:
        return _REDACTED

    def __format__(self, _specification: str) -> str:
        return _REDACTED

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a Secret is not to be copied or pickled: call reveal() where it is used")

# SPDX-License-Identifier: MIT
"""A credential's name.

systemd takes what is a file name and a descriptor name at once (``credential_name_valid``,
systemd-creds(1)): printable ASCII without ``:`` and ``/``, at most 255 bytes. What is there under
such a name can be used; what is made anew gets a narrower one: nothing that a shell, a glob of
``ImportCredential=`` or an option parser would read otherwise.
"""

from __future__ import annotations

from credhelper.errors import InvalidName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Self

MAXIMUM_BYTES: Final = 255
FORBIDDEN_ENDINGS: Final = (".cred", ".key", ".enc")
_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@")


class CredentialName(str):
    """A name that systemd takes for a credential: a ``str`` that was checked.

    Raises :class:`InvalidName` for any other text.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if problem := _problem(text):
            hint = "systemd takes printable ASCII without ':' and '/', 255 bytes at most"
            raise InvalidName(problem, hint, f"credential name {shown(text)}")
        return super().__new__(cls, text)


class NewName(CredentialName):
    """A name that a new credential may have; raises :class:`InvalidName` for any other text."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if problem := _problem_of_new(text):
            raise InvalidName(problem, _way_out(text), f"credential name {shown(text)}")
        return super().__new__(cls, text)

    @property
    def recommended(self) -> str:
        """The lowercase form, which is the recommended one; equal to the name where it is so."""
        return self.lower()


def may_be_new(text: str) -> bool:
    """Whether a new credential may have this name."""
    return not _problem_of_new(text)


def shown(text: str) -> str:
    """``text`` quoted, on one line, in ASCII and cut after 64 characters: fit for a message."""
    return ascii(text if len(text) <= 64 else text[:61] + "...")


def quoted(text: str) -> str:
    """``text`` as one word of a command that a hint gives, whatever a shell would make of it."""
    if text and all(c in _CHARACTERS for c in text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _problem(text: str) -> str:
    if not text:
        return "is empty"
    if len(text) > MAXIMUM_BYTES:
        return f"has {len(text)} characters, more than {MAXIMUM_BYTES}"
    if text in (".", ".."):
        return "is a directory's"
    if strange := next((c for c in text if not " " <= c <= "~" or c in ":/"), None):
        return f"holds {strange!a}"
    return ""


def _problem_of_new(text: str) -> str:
    if text and text[0] in ".-":
        return f"begins with {text[0]!r}"
    if problem := _problem(text):
        return problem
    if strange := next((c for c in text if c not in _CHARACTERS), None):
        return f"holds {strange!a}"
    for ending in FORBIDDEN_ENDINGS:
        if text.lower().endswith(ending):
            return f"ends in {ending}"
    return ""


def _way_out(text: str) -> str:
    for ending in FORBIDDEN_ENDINGS:
        if text.lower().endswith(ending):
            stem = text[: -len(ending)]
            advice = f": {stem}" if stem and not _problem_of_new(stem) else ""
            return (
                "the file name is the embedded name, which scripts and units use: "
                f"leave the ending off{advice}"
            )
    close = "".join(c if c in _CHARACTERS else "_" for c in text).strip("._-")[:64]
    example = close if close and not _problem_of_new(close) else "my_api_key"
    return f"use letters, digits, '.', '_', '-' and '@', such as {example}"

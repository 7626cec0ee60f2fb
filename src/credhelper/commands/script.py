# SPDX-License-Identifier: MIT
"""A script as it was opened: its bytes, and its shebang."""

from __future__ import annotations

import os

from credhelper.commands import trust
from credhelper.errors import RunnerFailed, Untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Final

MAXIMUM_BYTES: Final = 256 << 20
_SHEBANG_BYTES: Final = 255  # what the kernel looks at: BINPRM_BUF_SIZE, less a zero at its end


# the forms that a script may have
SOURCE: Final = "source"
COMPILED: Final = "compiled"  # .pyc
ARCHIVE: Final = "archive"  # a zip file with a __main__
DIRECTORY: Final = "directory"  # one with a __main__.py, which is the source
COMMAND: Final = "command"  # python3 -c
_END_OF_ZIP: Final = b"PK\5\6"
_LONGEST_END_BYTES: Final = 22 + 65535  # with the longest comment


class Script:
    """A script: its ``path`` as given, the ``real`` one without links, its ``source`` and ``form``.

    The source is the file's bytes, whatever the form.
    """

    __slots__ = ("descriptor", "form", "path", "real", "source")

    def __init__(
        self, path: str, real: str, source: bytes, descriptor: int = -1, form: str = ""
    ) -> None:
        self.path = path
        self.real = real
        self.source = source
        self.descriptor = descriptor
        self.form = form or _form(path, source)

    @property
    def text(self) -> bytes:
        """What people wrote: that is where inline metadata is."""
        if self.form == COMPILED:
            return b""
        return _main_of_archive(self.source) if self.form == ARCHIVE else self.source

    def close(self) -> None:
        """Lets go of the file; its bytes stay."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, in hexadecimal."""
        from credhelper.digest import sha256

        return str(sha256(self.source).hexdigest())


def read(path: str, owners: Collection[int]) -> Script:
    """The script at ``path``, if only ``owners`` could have written it.

    Raises :class:`credhelper.errors.Untrusted` or :class:`credhelper.errors.ScriptNotFound`.
    """
    opened = trust.open_file(path, owners)
    if opened.status.st_size > MAXIMUM_BYTES:
        raise Untrusted(f"{path} has {opened.status.st_size} bytes", "give the path of a script")
    try:
        with open(opened.descriptor, "rb", buffering=0, closefd=False) as file:
            return Script(path, opened.path, file.readall(), opened.descriptor)
    except OSError as error:
        raise Untrusted(f"{path} cannot be read: {error.strerror}", "look at the disk") from None


def _form(path: str, source: bytes) -> str:
    if path.endswith(".pyc"):
        return COMPILED
    # from its end, as Python looks for it
    return ARCHIVE if source.rfind(_END_OF_ZIP, -_LONGEST_END_BYTES) >= 0 else SOURCE


def _main_of_archive(source: bytes) -> bytes:
    """The text of the ``__main__.py`` in a zip file, or the file itself where there is none."""
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(source)) as archive:
            if archive.getinfo("__main__.py").file_size <= MAXIMUM_BYTES:
                return archive.read("__main__.py")
    except Exception:  # noqa: S110 # of a broken file nearly any
        pass
    return source


def shebang(source: bytes) -> tuple[str, str] | None:
    """The interpreter that the first line names and the one argument after it, as the kernel
    reads it (execve(2)); None where there is no such line."""
    if not source.startswith(b"#!"):
        return None
    line, newline, _ = source[2:_SHEBANG_BYTES].partition(b"\n")
    line = line.strip(b" \t")
    end = min((at for at in map(line.find, (b" ", b"\t", b"\0")) if at >= 0), default=len(line))
    if not line or (not newline and len(source) > _SHEBANG_BYTES and end == len(line)):
        raise RunnerFailed("the script's first line names no interpreter", "fix the #! line")
    argument = line[end:].lstrip(b" \t").partition(b"\0")[0]  # strings of the kernel end at a zero
    return os.fsdecode(line[:end]), os.fsdecode(argument)

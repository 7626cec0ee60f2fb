# SPDX-License-Identifier: MIT
"""``load()``: a credential's value, decrypted once a process and kept in its memory alone.

First comes ``$CREDENTIALS_DIRECTORY`` (systemd.exec(5)), which a service and the runner set, then
the credential store, which only root can read.
"""

from __future__ import annotations

import _thread
import os

from credhelper import store, unsealing
from credhelper.errors import (
    CredentialError,
    CredentialNotFound,
    InvalidValue,
    NotPermitted,
    StoreFailed,
)
from credhelper.name import CredentialName, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_values: dict[str, bytes] = {}
_lock = _thread.RLock()  # for a fork in a signal handler that interrupts a load
_observers: list[Callable[[str, bytes], None]] = []
_recorded_runs: set[str] = set()  # by an observer
_guards: list[Callable[[str], None]] = []


def load(name: str) -> str:
    """The value of the credential ``name`` as text, without surrounding white space.

    Raises :class:`InvalidValue` where it is not UTF-8, and what :func:`load_bytes` raises.
    """
    try:
        return load_bytes(name).decode().strip()
    except UnicodeDecodeError:
        # from None: the exception holds the value
        pass
    raise InvalidValue(f"credential {name} is not UTF-8 text", "read it with load_bytes()")


def load_bytes(name: str) -> bytes:
    """The value of the credential ``name``, byte for byte: 1 byte to 1 MiB.

    Decrypted once a process, whatever the number of threads that ask. Raises
    :class:`InvalidName`, :class:`CredentialNotFound`, :class:`NotPermitted`,
    :class:`DecryptionFailed` and the other errors under :class:`CredentialError`.
    """
    value = _values.get(name)
    if value is not None:
        return value
    preload((name,))
    return _values[name]


def preload(names: Iterable[str]) -> None:
    """Decrypts all of ``names`` at once, for ``load()`` to find them ready.

    Raises the error of the first that fails; the others are ready then anyway.
    """
    errors = _fetch([CredentialName(name) for name in names])
    if errors:
        # without the frames that it came through: their variables hold other credentials' values
        raise errors[0].with_traceback(None)


def _fetch(wanted: list[CredentialName]) -> list[CredentialError]:
    errors: list[CredentialError] = []
    with _lock:
        blobs: dict[str, bytes] = {}
        for name in wanted:
            if name in _values:
                continue
            try:
                value = _given(name)
                if value is not None:
                    _values[name] = value
                    continue
                for guard in _guards:
                    guard(name)
                value = store.given(name)
                if value is not None:
                    _take(name, value)
                    continue
                blobs[name] = store.read(name).blob
            except CredentialError as error:
                errors.append(_explained(error, name))
        for unsealed, result in unsealing.Unsealing(blobs).results().items() if blobs else ():
            if isinstance(result, CredentialError):
                errors.append(result)
                continue
            _take(unsealed, result)
    return errors


def _take(name: str, value: bytes) -> None:
    """Keeps a value that nobody handed to this process, and tells of it."""
    _values[name] = value
    for observer in _observers:
        observer(name, value)
    _record(name)


def _record(name: str) -> None:
    """Records what a process decrypts that a script of the runner's has started."""
    run = os.environ.get("CREDHELPER_RUN")
    if run and run not in _recorded_runs:
        from credhelper import recording

        recording.loaded_in_child(name, run)


def forget() -> None:
    """Drops what was loaded, so that the next ``load()`` reads again."""
    with _lock:
        _values.clear()


def observe(observer: Callable[[str, bytes], None], records: str = "") -> None:
    """Has ``observer`` told the name and value of whatever is decrypted from the store.

    ``records`` is the run for which it records that.
    """
    _observers.append(observer)
    if records:
        _recorded_runs.add(records)


def guard(check: Callable[[str], None]) -> None:
    """Has ``check`` raise a :class:`CredentialError` for a name that is not to be decrypted."""
    _guards.append(check)


def _given(name: str) -> bytes | None:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    path = f"{directory}/{name}"
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(unsealing.MAXIMUM_VALUE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreFailed(
            f"credential {name} in $CREDENTIALS_DIRECTORY cannot be read: {error.strerror}",
            f"look at the owner and mode of {path}",
        ) from None
    if len(data) > unsealing.MAXIMUM_VALUE_BYTES:
        raise InvalidValue(
            f"credential {name} in $CREDENTIALS_DIRECTORY has more than "
            f"{unsealing.MAXIMUM_VALUE_BYTES} bytes",
            "systemd's limit; keep large data elsewhere, sealed with a key that is a credential",
        )
    return data


def _holds_any(directory: str) -> bool:
    try:
        return bool(os.listdir(directory))
    except OSError:
        return False


def _explained(error: CredentialError, name: str) -> CredentialError:
    """An error of the store, with what a caller that was handed a directory has to know."""
    if not isinstance(error, CredentialNotFound | NotPermitted):
        return error
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory and not _holds_any(directory):
        return CredentialNotFound(
            f"credential {name} cannot be read: nothing is in {directory}, "
            "which $CREDENTIALS_DIRECTORY names",
            "only what the script itself starts sees it: not what systemd, a container engine or "
            "at(1) starts on its behalf",
        )
    if directory:
        return CredentialNotFound(
            f"credential {name} is not in $CREDENTIALS_DIRECTORY",
            f"declare it: credhelper-decrypt-run -c {quoted(name)}, the script's "
            f"inline metadata, or "
            f"LoadCredentialEncrypted={name} in the unit",
        )
    return error


# A fork waits for the loads of other threads: its child would keep the pipes of systemd-creds open,
# and never come by the lock.
os.register_at_fork(
    before=_lock.acquire, after_in_child=_lock.release, after_in_parent=_lock.release
)

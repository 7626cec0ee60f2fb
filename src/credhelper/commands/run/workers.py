# SPDX-License-Identifier: MIT
"""Workers of the script's own pools: what they write is masked as the script's own is.

``multiprocessing`` starts a new Python for each worker ("spawn"), or one that forks them all
("forkserver"); ``concurrent.interpreters`` makes another interpreter in this process. Each begins
with :func:`begin`, and learns the values through memory.

Up to Python 3.13, the server forks for any process of its user, which would be in the run then:
here it has to know the run's key. To be deleted after October 2029, when 3.13 is out of support.
"""

from __future__ import annotations

import errno
import os
import sys

from credhelper import loading
from credhelper.commands.run import masking
from credhelper.process import in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any, Final

    from credhelper.commands.run.masking import Masker

_TRACKER: Final = "from multiprocessing.resource_tracker "  # runs nothing of the script's
_PROLOGUE: Final = (
    "import sys; sys.path.insert(0, {!r}); from credhelper.commands.run import workers; "
    "del sys.path[0]; workers.begin({}, {}); del sys, workers; "
)
_KEY_BYTES: Final = 32
_PATIENCE_SECONDS: Final = 10.0  # with who connects to the server of workers
_maskers: list[Masker] = []
_known: dict[str, bytes] = {}
_key = bytearray()
_script: dict[str, Any] = {}  # of follow_script()
_late: dict[str, bytes] = {}  # decrypted on demand, when a server of workers may be there already


def mask(values: Mapping[str, bytes]) -> None:
    """Masks ``values``, and what is decrypted later; in workers too, as :func:`follow` has it."""
    _maskers.extend(masking.install(values))
    _known.update({str(name): value for name, value in values.items()})
    loading.observe(_learn)


def follow_script(directory: str, guarded: dict[str, str] | None) -> None:
    """Has interpreters begin as the script did, whose arguments are those of ``sys``.

    ``directory`` is where it imports from, empty for none; ``guarded`` the record of its imports,
    if root alone may have written them (see ``imports``).
    """
    _script.update(argv=[*sys.argv], orig_argv=[*sys.orig_argv])
    _script.update(directory=directory, guarded=guarded)


def begin(descriptor: int, interpreter: bool) -> None:
    """The first that a worker does: ``descriptor`` holds the values.

    What ``multiprocessing`` starts takes the arguments and the path from the script itself.
    """
    import marshal

    with open(descriptor, "rb") as file:
        key, masked, values, script = marshal.load(file)  # noqa: S302 # from the script's own process
    _script.update(script)
    if interpreter:
        sys.argv[:], sys.orig_argv[:] = script["argv"], script["orig_argv"]
    if interpreter and script["directory"]:
        sys.path.insert(0, script["directory"])
    if script["directory"] and script["guarded"] is not None:
        from credhelper.commands.run import imports

        imports.become_guarded(script["directory"], script["guarded"])
    if masked:
        mask(values)
    follow(key)


def learn(values: Mapping[str, bytes]) -> None:
    """What the script decrypted after the server of workers began."""
    for name, value in values.items():
        if name not in _known:
            _learn(name, value)


def _learn(name: str, value: bytes) -> None:
    for masker in _maskers:
        masker.add(name, value)
    _known[str(name)] = _late[str(name)] = value  # a CredentialName


def follow(key: bytes = b"") -> None:
    """Has workers begin as this process did; ``key`` is the run's, made where there is none yet.

    Few scripts import ``multiprocessing``, which is slow: it is changed when one does.
    """
    _key[:] = key or os.urandom(_KEY_BYTES)
    for name, patch in _PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, _Patching())


class _Patching:
    """Finds nothing itself, but changes what the other finders find of ``_PATCHES``."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        patch = _PATCHES.get(name)
        if patch is None:
            return None
        found = (f.find_spec(name, path, target) for f in sys.meta_path if f is not self)
        spec = next(filter(None, found), None)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                patch(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign] # this one's
        return spec


def _start_masked(util: Any) -> None:
    """Has ``multiprocessing.util`` start each Python that runs code of the script's masked.

    And has nothing held back when a worker ends: it does that by ``os._exit()``.
    """
    start, flush = util.spawnv_passfds, util._flush_std_streams

    def spawnv_passfds(path: str | bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
        words = list(args)
        at = words.index("-c") + 1 if "-c" in words else 0
        other = os.fsdecode(path) != sys.executable
        if not at or other or words[at].startswith(_TRACKER):
            return int(start(path, args, passfds))
        values = _handed_over()
        try:
            words[at] = _PROLOGUE.format(_place(), values, False) + words[at]
            return int(start(path, words, [*passfds, values]))
        finally:
            os.close(values)

    def flush_all() -> None:
        if sys._getframe(1).f_code.co_name == "_bootstrap":  # of a worker; else it is before a fork
            masking.release()
        flush()

    util.spawnv_passfds, util._flush_std_streams = spawnv_passfds, flush_all


def _tell_what_is_new(spawn: Any) -> None:
    """Has what ``multiprocessing.spawn`` hands to each worker include the values of ``_late``."""
    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = prepare(name)
        return data | {"credhelper": _Lesson()} if _late else data

    spawn.get_preparation_data = get_preparation_data


def _mask_interpreters(interpreters: Any) -> None:
    """Has each interpreter that ``concurrent.interpreters`` makes begin masked."""
    own = interpreters._interpreters
    create = own.create

    def create_masked(*arguments: Any, **options: Any) -> int:
        number = int(create(*arguments, **options))
        own.exec(number, _PROLOGUE.format(_place(), _handed_over(), True))  # which closes it
        return number

    own.create = create_masked


def _ask_for_the_key(forkserver: Any) -> None:
    """Has ``multiprocessing.forkserver`` send the key, and fork for nobody without."""
    if sys.version_info < (3, 14):
        forkserver.reduction = _Keyed(forkserver.reduction)


class _Keyed:
    """``multiprocessing.reduction``, with the key before the descriptors that it sends."""

    def __init__(self, reduction: Any) -> None:
        self._reduction = reduction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reduction, name)

    def sendfds(self, sock: Any, fds: Sequence[int]) -> None:
        """As ``reduction.sendfds``."""
        sock.sendall(_key)
        self._reduction.sendfds(sock, fds)

    def recvfds(self, sock: Any, size: int) -> Any:
        """As ``reduction.recvfds``; the server goes on after ``ECONNABORTED``."""
        from _operator import _compare_digest

        sock.settimeout(_PATIENCE_SECONDS)
        try:
            key = b""
            while len(key) < len(_key) and (more := sock.recv(len(_key) - len(key))):
                key += more
            if not _compare_digest(key, _key):
                raise ConnectionAbortedError(errno.ECONNABORTED, "a stranger")
            return self._reduction.recvfds(sock, size)
        except (EOFError, TimeoutError, RuntimeError):
            raise ConnectionAbortedError(errno.ECONNABORTED, "it sent nothing") from None


class _Lesson:
    """Pickled, a call of :func:`learn`; its ``repr`` shows nothing."""

    def __reduce__(self) -> tuple[Callable[[Mapping[str, bytes]], None], tuple[dict[str, bytes]]]:
        return learn, (_late,)


_PATCHES: Final[dict[str, Callable[[Any], None]]] = {
    "multiprocessing.util": _start_masked,
    "multiprocessing.forkserver": _ask_for_the_key,
    "multiprocessing.spawn": _tell_what_is_new,
    "concurrent.interpreters": _mask_interpreters,
}


def _place() -> str:
    """Where Python finds the package, in a virtual environment too."""
    spec = sys.modules["credhelper"].__spec__
    origin = spec.origin if spec else None
    return os.path.dirname((origin or "").removesuffix("/__init__.py"))


def _handed_over() -> int:
    import marshal

    return in_memory(marshal.dumps((bytes(_key), bool(_maskers), _known, _script)))

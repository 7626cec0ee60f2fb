# SPDX-License-Identifier: MIT
"""Tracers, profilers, debuggers and tracebacks of the script show nothing of the runner's frames.

What a tracer prints is masked: were that traced too, it would not end.
"""

from __future__ import annotations

import sys

from credhelper.commands.run.masking.masker import Masker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any, Final

    from credhelper.commands.run.masking.masker import Sink

    Tracer = Callable[[FrameType, str, Any], Any]

_COMMANDS: Final = __file__.partition("/run/masking/")[0]
_SETTERS: Final = ("settrace", "setprofile", "_settraceallthreads", "_setprofileallthreads")
_BESIDE: Final = "escapers literals ordinary parts spellings".split()
_BELOW: Final = "forms gaps masker nested_writes openings shortened tracers vocabulary".split()
OWN: Final = frozenset(
    (
        __package__,
        *(f"credhelper.commands.{name}" for name in _BESIDE),
        *(f"{__package__}.{name}" for name in _BELOW),
    )
)  # what masks
_stops: dict[str, object] = {}


def prune(traceback: TracebackType | None) -> None:
    """Takes the frames of masking out of a traceback: the plain streams have none."""
    while traceback:
        inner = traceback.tb_next
        if inner and inner.tb_frame.f_globals.get("__name__") in OWN:
            traceback.tb_next = inner.tb_next
        else:
            traceback = inner


def keep_out() -> None:
    """Has tracers, profilers and debuggers that are set from now on see nothing of the runner."""
    for name in _SETTERS:
        _keep_out(name)
    monitoring = getattr(sys, "monitoring", None)
    if monitoring:
        use = monitoring.use_tool_id

        def use_tool_id(number: int, name: str, /) -> None:
            debugger = sys.modules.get("bdb")
            if debugger and debugger.Bdb.stop_here is not _stops.get("instead"):
                _pass_over(debugger.Bdb)
            if not _stops.setdefault("unseen", False):
                _stops["unseen"] = True
                Masker.write = _unseen(Masker.write)  # type: ignore[method-assign]
            use(number, name)

        monitoring.use_tool_id = use_tool_id


def _unseen(write: Callable[..., None]) -> Callable[..., None]:
    """``write`` without events of ``sys.monitoring``: its tools are told of no frame to pass over.

    What prints of each event would print thousands of lines for one.
    """
    import ctypes

    python = ctypes.pythonapi
    this, enter, leave = (
        python.PyThreadState_Get,
        python.PyThreadState_EnterTracing,
        python.PyThreadState_LeaveTracing,
    )
    this.restype, enter.restype, leave.restype = ctypes.c_void_p, None, None
    enter.argtypes = leave.argtypes = [ctypes.c_void_p]

    def unseen(self: Masker, blocks: list[bytes], sink: Sink, *, last: bool = False) -> None:
        thread = this()
        enter(thread)
        try:
            write(self, blocks, sink, last=last)
        finally:
            leave(thread)

    return unseen


def _pass_over(debugger: Any) -> None:
    """Has ``bdb.Bdb`` stop nowhere in the runner: no tracer is set by it from Python 3.14 on."""
    stop_here = debugger.stop_here

    def elsewhere(self: object, frame: FrameType) -> bool:
        return not _is_ours(frame) and bool(stop_here(self, frame))

    debugger.stop_here = _stops["instead"] = elsewhere


def _is_ours(frame: FrameType) -> bool:
    launcher = sys.modules.get("credhelper.commands.run.launcher")
    if launcher and frame.f_globals is launcher.__dict__:
        return True
    return frame.f_code.co_filename.startswith(_COMMANDS)


def _keep_out(name: str) -> None:
    real = getattr(sys, name, None)
    if real is None:
        return

    def set_tracer(function: Tracer | None, /) -> None:
        real(None if function is None else _Outside(function))

    current = getattr(sys, name.replace("set", "get"), None)

    def get_tracer() -> Tracer | None:
        function: Tracer | None = current() if current else None
        return function.function if isinstance(function, _Outside) else function

    setattr(sys, name, set_tracer)
    if current:
        setattr(sys, current.__name__, get_tracer)


class _Outside:
    """A tracer of the script's, for all frames but the runner's."""

    __slots__ = ("function",)

    def __init__(self, function: Tracer) -> None:
        self.function = function

    def __call__(self, frame: FrameType, event: str, argument: object) -> Tracer | None:
        if _is_ours(frame):
            return None
        local: Tracer | None = self.function(frame, event, argument)
        return local

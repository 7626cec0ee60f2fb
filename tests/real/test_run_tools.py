# SPDX-License-Identifier: MIT
"""Python's tools inside a run: tracers, profilers and debuggers see the script, not the runner."""

from __future__ import annotations

import pytest

from tests.real.running import Same, Writes

pytest_plugins = ("tests.real.runner_fixtures",)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Without coverage, which sets a tracer itself."""
    return {name: value for name, value in environment.items() if "COVERAGE" not in name}


SET = """
import sys
def tell(frame, event, argument):
    print(event, frame.f_code.co_name, frame.f_lineno, flush=True)
    return tell
def f():
    print('in f', flush=True)
"""
SCRIPTS = {
    "settrace": f"{SET}\nsys.settrace(tell)\nf()\nprint(sys.gettrace() is tell)\n"
    "sys.settrace(None)",
    "setprofile": f"{SET}\nsys.setprofile(tell)\nf()\nimport os\nos._exit(3)",
    "settrace of threads": f"{SET}\nimport threading\nthreading.settrace(tell)\n"
    "t = threading.Thread(target=f)\nt.start()\nt.join()\nthreading.settrace(None)\n",
    "trace": f"{SET}\nimport trace\ntrace.Trace(trace=1, count=0).runfunc(f)",
    "wrapper of the buffer": """
import io, sys
def f():
    io.TextIOWrapper(sys.stdout.buffer, 'utf-8').write('hello')
f()
try:
    print('after')
except ValueError as e:
    sys.stderr.write(repr(e))
""",
    "first frame": """
import inspect
def f():
    last = inspect.stack()[-1]
    print(last.filename, last.frame.f_globals['__file__'], last.frame.f_globals['__name__'])
f()
""",
}
DEBUGGED = """
def f(x):
    print('in f', x, flush=True)
    return 2
import pdb
pdb.Pdb(readrc=False).set_trace()
f(1)
print('end', flush=True)
"""


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_tools_see(name: str, same: Same, write: Writes) -> None:
    write(SCRIPTS[name])
    assert same("script.py").stdout


@pytest.mark.parametrize("keys", ["sssssssssssss", "nnnnnnnnnnnnn", "snsrc", "sssunnnnnn"])
def test_steps_of_a_debugger(keys: str, same: Same, write: Writes) -> None:
    write(DEBUGGED)
    assert b"in f 1" in same("script.py", input="\n".join([*keys, ""]).encode()).stdout


def test_a_module_that_traces_a_script(same: Same, write: Writes) -> None:
    write(SET + "f()\n")
    assert b"in f" in same("-m", "trace", "--trace", "script.py").stdout

# SPDX-License-Identifier: MIT
"""A Python script runs as ``python3 SCRIPT`` runs it: compared with what that does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.conftest import Runs
from tests.real.running import Same, Writes

pytest_plugins = ("tests.real.runner_fixtures",)


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """Without coverage where two processes are compared: that is seen in them."""
    if "same" in request.fixturenames or "number" in request.fixturenames:
        return {name: value for name, value in environment.items() if "COVERAGE" not in name}
    return environment


SCRIPTS = {
    "nothing": "",
    "argv": "import sys; print(sys.argv, sys.orig_argv[1:])",
    "names": "print(__name__, __file__, __spec__, __package__, __doc__, sorted(globals()))",
    "doc": "'''Says what it is.'''\nprint(__doc__)",
    "builtins": "print(type(__builtins__), type(__loader__))",
    "path": "import sys; print(sys.path[0])",
    "module": "import __main__; print(__main__.__file__, __main__.value if 0 else dir(__main__))",
    "environment": "import os; print(os.getcwd(), os.path.exists(__file__))",
    "import beside": "import beside; print(beside.__file__, beside.__name__)",
    "exit 0": "raise SystemExit",
    "exit none": "import sys; sys.exit(None)",
    "exit 3": "import sys; sys.exit(3)",
    "exit 256": "import sys; sys.exit(256)",
    "exit 259": "import sys; sys.exit(259)",
    "exit -1": "import sys; sys.exit(-1)",
    "exit true": "import sys; sys.exit(True)",
    "exit text": "import sys; sys.exit('nothing to do: \\u00e4')",
    "exit tuple": "import sys; sys.exit((1, 2))",
    "exit in a function": "def f():\n    raise SystemExit(7)\nf()",
    "_exit": "import os; print('lost'); os._exit(9)",
    "error": "def f():\n    return 1 / 0\n\nf()\n",
    "error with a cause": "try:\n    {}[1]\nexcept KeyError as e:\n    raise ValueError from e",
    "error in an except": "try:\n    {}['x']\nexcept KeyError:\n    raise ValueError('y')",
    "error with a note": "e = ValueError('x')\ne.add_note('see there')\nraise e",
    "errors in a group": "raise ExceptionGroup('all', [ValueError(1), TypeError(2)])",
    "error in an import": "import broken",
    "error in another thread": (
        "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\n"
        "t.start()\nt.join()\nprint('goes on')"
    ),
    "error of its own class": "class E(Exception): pass\nraise E('x')",
    "error with a bad str": "class E(Exception):\n    def __str__(self): 1/0\nraise E",
    "not implemented": "raise NotImplementedError",
    "own excepthook": "import sys\nsys.excepthook = lambda *e: print(e[0], bool(e[2]))\n1 / 0",
    "hook sees the script alone": (
        "import sys, traceback\n"
        "def hook(kind, error, trace): print(len(traceback.extract_tb(trace)))\n"
        "sys.excepthook = hook\n1 / 0"
    ),
    "hook and keyboard": (
        "import sys\nsys.excepthook = lambda *e: print('x')\nraise KeyboardInterrupt"
    ),
    "keyboard": "def f():\n    raise KeyboardInterrupt\nf()",
    "sigint": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(9**9): pass",
    "sigterm": "import os, signal; os.kill(os.getpid(), signal.SIGTERM); signal.pause()",
    "sigpipe ignored": "import signal; print(signal.getsignal(signal.SIGPIPE))",
    "syntax": "def f():\n    return (1,\nprint()\n",
    "syntax, first line": "x = = 1",
    "indentation": "  x = 1\n",
    "tabs": "if 1:\n\tx = 1\n        y = 2\n",
    "future": "from __future__ import annotations\nx: nothing = 1\nprint(__annotations__)",
    "no future": "def f(x: int | None) -> list[str]: ...\nprint(f.__annotations__)",
    "annotations": "x: int = 1\ny: 'str'\nprint(__annotations__)",
    "hints": (
        "import dataclasses, typing\n@dataclasses.dataclass\nclass A:\n    x: 'B | None'\n"
        "    y: int = dataclasses.field(default=2)\nclass B: pass\n"
        "print(typing.get_type_hints(A), A(B()) == A(None), A.__module__)"
    ),
    "pickle": (
        "import pickle\nclass A:\n    def __init__(self): self.x = 1\n"
        "data = pickle.dumps(A())\nprint(data, pickle.loads(data).x)"
    ),
    "enum": "import enum\nclass E(enum.Enum):\n    A = 1\nprint(repr(E.A), E.__module__)",
    "source": (
        "import inspect\ndef f():\n    return 'this'\n"
        "print(inspect.getsource(f), inspect.getfile(f), inspect.getmodule(f))"
    ),
    "doctest": (
        "'''\n>>> 1 + 1\n3\n'''\nimport doctest\nif __name__ == '__main__':\n"
        "    print(doctest.testmod())"
    ),
    "unittest": (
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.fail('x')\n"
        "import io; r = unittest.TextTestRunner(io.StringIO()).run("
        "unittest.defaultTestLoader.loadTestsFromModule(__import__('__main__')))\n"
        "print(r.failures[0][1])"
    ),
    "atexit": "import atexit\natexit.register(print, 'after')\nprint('before')",
    "atexit and error": "import atexit\natexit.register(print, 'after')\n1 / 0",
    "atexit sees main": (
        "import atexit\nclass A:\n    pass\ndef f(): print(A, __name__)\natexit.register(f)"
    ),
    "del at the end": "class A:\n    def __del__(self): print('gone', A)\na = A()",
    "threads at the end": (
        "import threading, time\ndef f():\n    time.sleep(.05)\n    print(__name__, value)\n"
        "threading.Thread(target=f).start()\nvalue = 3"
    ),
    "daemon thread at the end": (
        "import threading as t, time\nt.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    ),
    "warnings": (
        "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.warn('mind')\n"
        "def f():\n    warnings.warn('up', stacklevel=2)\nf()\nprint(warnings.filters)"
    ),
    "syntax warning": "x = 1\nif x is 1: print('one')",
    "stdin": "import sys; print(repr(sys.stdin.read()), sys.stdin.isatty())",
    "stdin lines": "for line in open(0): print(line.strip()[::-1])",
    "input": "print(input('name? '), input())\ninput('and? ')",
    "stdout bytes": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    "both": "import sys\nfor i in range(3): print(i); print(-i, file=sys.stderr)",
    "streams": (
        "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.fileno())"
    ),
    "logging": "import logging\nlogging.basicConfig(level=10)\nlogging.info('x')",
    "child": "import subprocess; subprocess.run(['/bin/echo', 'hello'], check=True)",
    "fork": "import os\nif os.fork() == 0: print('child'); os._exit(0)\nos.wait(); print('parent')",
    "main is guarded": "def main(): return 4\nif __name__ == '__main__': raise SystemExit(main())",
    "exec": "exec(compile('print(__name__)', '<x>', 'exec'))",
    "runpy": "import runpy; print(runpy.run_module('beside')['__name__'])",
    "asyncio": "import asyncio\nasync def f(): return 5\nprint(asyncio.run(f()))",
    "recursion limit": "import sys; print(sys.getrecursionlimit())",
    "trace": "import sys; print(sys.gettrace(), sys.getprofile())",
    "globals of a lambda": "x = 1\nprint((lambda: x)(), [x for _ in range(2)])",
    "crlf": "print(1)\r\nprint(2)\r\n",
    "form feed": "\x0cprint(1)\n",
    "no newline at the end": "if 1:\n    print(1)",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_does_what_python_does(name: str, write: Writes, same: Same) -> None:
    write("value = 1\n", "beside.py")
    write("def f():\n    raise OSError(2, 'no such thing')\nf()\n", "broken.py")
    write(SCRIPTS[name].encode())
    same("script.py", "one", "--two", "-c", "", input=b"first\nsecond")


BYTES = {
    "utf-8": "print('ä')".encode(),
    "byte order mark": b"\xef\xbb\xbfprint('bom')\n",
    "latin-1": b"# -*- coding: latin-1 -*-\nprint('\xe4')\n",
    "second line": b"#!/usr/bin/python3\n# vim: set fileencoding=latin-1 :\nprint('\xe4')\n",
    "not utf-8": b"print(1)\nprint('\xff')\n",
    "not utf-8, in a comment": b"# \xff\nprint(1)\n",
    "not utf-8, though declared": b"# coding: utf-8\nprint('\xff')\n",
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_of_every_kind(name: str, write: Writes, same: Same) -> None:
    write(BYTES[name])
    same("script.py")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (b"print(1)\nx = 1\0\n", "line 2"),  # Python before 3.12 reads on after the zero byte
        (b"# coding: nonsense\n", "nonsense"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "encoding problem: iso-8859-1 with BOM"),
        (b"PK\x03\x04\0\0", "null bytes"),
        (b"print(1)\n# \xff\n", "Non-UTF-8 code starting with '\\xff' in file"),
        (b"# coding: utf-8\nprint('\xff')\n", "can't decode byte 0xff"),
    ],
)
def test_bytes_that_are_no_python(
    source: bytes, shown: str, write: Writes, decrypt_run: Runs
) -> None:
    finished = decrypt_run(str(write(source)))
    assert (finished.status, finished.stdout) == (1, b"")
    assert "SyntaxError" in finished.err
    assert shown in finished.err
    assert "credhelper" not in finished.err


PATHS = ("script.py", "./script.py", "../scratch/script.py", "deep/../script.py", "link.py")


@pytest.mark.parametrize(
    "path", [*PATHS, "deep/link.py", "/tmp/scratch/./script.py", "again/script.py"]
)
def test_however_its_path_is_written(path: str, write: Writes, same: Same, scratch: Path) -> None:
    write("import sys; print(sys.argv, __file__, sys.path[0]); import beside; 1 / 0")
    write("", "beside.py")
    write("", "deep/other.py")
    (scratch / "link.py").symlink_to("script.py")
    (scratch / "deep/link.py").symlink_to("/tmp/scratch/link.py")
    (scratch / "again").symlink_to("/tmp/scratch")
    assert same(path).status == 1


def test_in_a_directory_that_is_gone(write: Writes, decrypt_run: Runs) -> None:
    write("import sys; print(__file__, sys.argv)")
    finished = decrypt_run(
        "/tmp/scratch/script.py",
        before=[
            "/bin/sh",
            "-c",
            ('mkdir /tmp/scratch/gone; cd /tmp/scratch/gone; rmdir /tmp/scratch/gone; exec "$@"'),
            "sh",
        ],
    )
    assert finished.out == "/tmp/scratch/script.py ['/tmp/scratch/script.py']\n"
    assert finished.err == ""


def test_from_standard_input(same: Same) -> None:
    finished = same("-", "a", "-b", input=b"import sys\nprint(sys.argv, __name__)\n1 / 0\n")
    assert finished.status == 1
    assert "['-', 'a', '-b'] __main__" in finished.out


METHODS = ("spawn", "fork", "forkserver")


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing(method: str, write: Writes, same: Same) -> None:
    write(
        f"""\
        import multiprocessing, sys

        class Job:
            def __init__(self, number): self.number = number
            def __call__(self): return self.number * 2

        def work(job):
            return job(), __name__ in ("__main__", "__mp_main__")

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with context.Pool(2) as pool:
                print(pool.map(work, [Job(1), Job(2)]))
            queue = context.Queue()
            process = context.Process(target=queue.put, args=(sys.argv,))
            process.start()
            print(queue.get())
            process.join()
            print(process.exitcode)
        """
    )
    finished = same("script.py", "word")
    assert finished.out == "[(2, True), (4, True)]\n['script.py', 'word']\n0\n"


@pytest.mark.parametrize("argv", [["json.tool", "--compact"], ["this"], ["json.tool", "--bogus"]])
def test_a_module(argv: list[str], decrypt_run: Runs, environment: dict[str, str]) -> None:
    data = b'{"a": [1, 2]}'
    plain = subprocess.run(
        [sys.executable, "-I", "-m", *argv],
        input=data, capture_output=True, env=environment, cwd="/", check=False,
    )  # fmt: skip
    runner = decrypt_run("-m", *argv, input=data, cwd="/")
    assert (runner.status, runner.stdout) == (plain.returncode, plain.stdout)
    assert runner.stderr == plain.stderr


def test_a_module_that_fails(decrypt_run: Runs, environment: dict[str, str]) -> None:
    """Its traceback begins where that of ``python3 -m`` does."""
    site = Path(next(path for path in sys.path if path.startswith("/usr/local/lib/")))
    module = site / "failing.py"
    module.write_text("import sys\nprint(sys.argv, __spec__.name, sys.orig_argv[1:])\n1 / 0\n")
    module.chmod(0o644)
    site.chmod(0o755)
    plain = subprocess.run(
        [sys.executable, "-I", "-B", "-m", "failing", "x"],
        capture_output=True, env=environment, cwd="/", check=False,
    )  # fmt: skip
    runner = decrypt_run("-m", "failing", "x", cwd="/")
    assert runner.status == plain.returncode == 1
    assert runner.stderr == plain.stderr
    assert runner.out == plain.stdout.decode().replace("'-I', '-B', ", "")
    module.unlink()


def test_the_working_directory_is_not_searched_for_modules(
    decrypt_run: Runs, write: Writes, scratch: Path
) -> None:
    write("print('wrong')", "mine.py")
    write("print('wrong')", "json/tool.py")
    finished = decrypt_run("-m", "mine", cwd=scratch)
    assert finished.status == 127
    assert finished.err.startswith("credhelper-decrypt-run: error: there is no module mine")
    assert decrypt_run("-m", "json.tool", input="1", cwd=scratch).out == "1\n"


def test_nothing_compiled_is_left_beside_the_script(
    write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    write("import beside, package.part", "script.py")
    write("", "beside.py")
    write("", "package/part.py")
    assert decrypt_run("script.py", cwd=scratch).status == 0
    assert list(scratch.rglob("*.pyc")) == []


def test_no_descriptor_of_the_runner_stays_open(write: Writes, decrypt_run: Runs) -> None:
    write("""\
        import os
        for number in os.listdir("/proc/self/fd"):
            if os.path.exists(f"/proc/self/fd/{number}") and int(number) > 2:
                print(os.readlink(f"/proc/self/fd/{number}").partition("[")[0])
        """)
    left = decrypt_run("/tmp/scratch/script.py").out.split()
    assert [line for line in left if "libffi" not in line] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_it_as_it_ends_python(
    number: signal.Signals, write: Writes, environment: dict[str, str]
) -> None:
    path = str(write("import signal; print('ready', flush=True); signal.pause()"))
    outcomes = []
    launcher = [sys.executable, "-I", str(Path(__file__).parents[2] / "bin/credhelper-decrypt-run")]
    for argv in ([sys.executable, path], [*launcher, path]):
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            os.kill(process.pid, number)
            # the mark in the line tells how far it had come
            error = re.sub(rb" *\^+\n", b"", process.communicate(timeout=120)[1])
            outcomes.append((process.returncode, error))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == -number

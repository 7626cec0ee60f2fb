# SPDX-License-Identifier: MIT
"""Scripts that a run does what Python does with: the same output, the same exit status."""

from __future__ import annotations

from typing import Final

ARGUMENTS: Final = ("one", "--two", "-c", "")
INPUT: Final = b"first\nsecond"
BESIDE: Final = {
    "beside.py": (
        "import sys\nvalue = 1\n"
        "def where(): return __name__, sys.argv, sys.orig_argv[-len(sys.argv):], sys.path[0]\n"
    ),
    "warning.py": "x = 1\nif x is 1: print('one')\n",
    "broken.py": "def f():\n    raise OSError(2, 'no such thing')\nf()\n",
}

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
    "syntax, open at the end": "if 1:\n",
    "syntax, a warning before": "x = 1\nx is 1\nif x:\n",
    "syntax, a backslash at the end": "\\",
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
    "del and error": "class A:\n    def __del__(self): print('gone', A)\na = A()\n1 / 0",
    "del and error in a function": (
        "class A:\n    def __del__(self): print('gone')\ndef f(a): 1 / 0\nf(A())"
    ),
    "last traceback": (
        "import atexit, sys, traceback\n"
        "def last(): print(traceback.format_tb(sys.last_traceback), sys.last_value)\n"
        "atexit.register(last)\ndef f(): 1 / 0\nf()"
    ),
    "del and exit": (
        "class A:\n    def __del__(self): print('gone')\ndef f(a): raise SystemExit(3)\nf(A())"
    ),
    "del and own excepthook": (
        "import atexit, sys\nclass A:\n    def __del__(self): print('gone')\na = A()\n"
        "def hook(*error): print(error[0])\nsys.excepthook = hook\n"
        "atexit.register(lambda: print(sys.excepthook is hook))\n1 / 0"
    ),
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

# from Python 3.14 on
NEWER: Final = {
    "template string": (
        "name = 'x'\nt = t'a {name!r:>9} {1 + 1}'\n"
        "print(t, [(i.value, i.expression, i.conversion) for i in t.interpolations])"
    ),
    "annotations of what comes later": (
        "import annotationlib, typing, __main__\nx: int = 1\ny: Later = None\nclass Later: pass\n"
        "def f(a: Nowhere) -> Later: ...\nSTRING = annotationlib.Format.STRING\n"
        "print(annotationlib.get_annotations(f, format=STRING), typing.get_type_hints(__main__))\n"
        "print(__annotations__, sorted(globals()))"
    ),
    "no annotations": "import __main__\nprint(hasattr(__main__, '__annotations__'), dir(__main__))",
    "interpreters": (
        "from concurrent import interpreters\ni = interpreters.create()\n"
        "i.exec('import beside; print(beside.where())')\n"
        "i.prepare_main(x=2)\ni.exec('print(x, __name__)')\nprint(i.call(len, 'four'))\n"
        "try: i.exec('1 / 0')\nexcept interpreters.ExecutionFailed as e: print(e)\n"
        "i.close()"
    ),
    "interpreter in an interpreter": (
        "from concurrent import interpreters\ni = interpreters.create()\n"
        "i.exec('from concurrent import interpreters; i = interpreters.create(); '\n"
        "       'i.exec(\"import beside; print(beside.where())\"); i.close()')\ni.close()"
    ),
    "pool of interpreters": (
        "import beside\nfrom concurrent.futures import InterpreterPoolExecutor\n"
        "def own(x): return x * 2\nif __name__ == '__main__':\n"
        "    with InterpreterPoolExecutor(1) as pool:\n"
        "        print(pool.submit(beside.where).result(), pool.submit(own, 3).result())"
    ),
    "finally that returns": "def f():\n    try: return 1\n    finally: return 2\nprint(f())",
    "except without brackets": "try: 1 / 0\nexcept ValueError, ZeroDivisionError: print('x')",
    "compressed": "from compression import zstd\nprint(zstd.decompress(zstd.compress(b'x')))",
    "type alias": (
        "import pickle\ntype X[T] = list[T]\ndef f[T: int](x: T) -> T: ...\n"
        "print(X.__value__, f.__type_params__, pickle.dumps(X))"
    ),
    "task group": (
        "import asyncio\nasync def lost(): raise ValueError\nasync def main():\n"
        "    async with asyncio.TaskGroup() as group: group.create_task(lost(), name='l')\n"
        "asyncio.run(main())"
    ),
}

# what comes after python3, of any version
COMMANDS: Final = {
    "indented": ["-c", "\n  print(1)\n  if 1:\n      print(2)\n"],
    "indented otherwise": ["-c", "  \n\tprint(1)\n        print(2)"],
    "indented text": ["-c", '  x = """a\n   \n  b"""\n  print(repr(x))\n      \n'],
    "blanks in text": ["-c", 'x = """a\n   \nb"""\nprint(repr(x))'],
    "error": ["-c", "def f():\n  return 1 / 0\nf()"],
    "syntax": ["-c", "if 1:\n"],
    "source": ["-c", "import inspect\ndef f(): ...\nprint(inspect.getsource(f))"],
    "arguments": ["-c", "import sys; print(sys.argv, sys.orig_argv[-3:])", "a", "-b"],
    "nothing": ["-c", ""],
    "warnings of the script's own": ["-Werror", "-Walways:::__main__", "warning.py"],
    "module": ["-m", "calendar", "2026", "11"],
}

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

from tests.cpython.scripts import ARGUMENTS, BESIDE, INPUT, SCRIPTS
from tests.real.conftest import Runs
from tests.real.running import Same, Writes

pytest_plugins = ("tests.real.runner_fixtures",)


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """Without coverage where two processes are compared: that is seen in them."""
    if "same" in request.fixturenames or "number" in request.fixturenames:
        return {name: value for name, value in environment.items() if "COVERAGE" not in name}
    return environment


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_does_what_python_does(name: str, write: Writes, same: Same) -> None:
    for file, text in BESIDE.items():
        write(text, file)
    write(SCRIPTS[name].encode())
    same("script.py", *ARGUMENTS, input=INPUT)


BYTES = {
    "utf-8": "print('ä')".encode(),
    "byte order mark": b"\xef\xbb\xbfprint('bom')\n",
    "latin-1": b"# -*- coding: latin-1 -*-\nprint('\xe4')\n",
    "second line": b"#!/usr/bin/python3\n# vim: set fileencoding=latin-1 :\nprint('\xe4')\n",
    "not utf-8": b"print(1)\nprint('\xff')\n",
    "not utf-8, in a comment": b"# \xff\nprint(1)\n",
    "not utf-8, nowhere declared": b"x = 1\nprint('\xff')\nif x:\n",
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


def test_one_frame_alone_is_below_the_script(write: Writes, decrypt_run: Runs) -> None:
    script = write(
        "import traceback\ndef f(): print([s.filename for s in traceback.extract_stack()])\nf()"
    )
    finished = decrypt_run(str(script))
    assert finished.out == f"{[str(script)] * 3}\n"


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

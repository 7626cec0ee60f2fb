# SPDX-License-Identifier: MIT
"""Scripts of every kind: each with the interpreter that its first line names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credhelper.commands.run.delivery import PLACE
from tests.real.conftest import ROOT, Record, Runs, launcher
from tests.real.running import ALICE, VALUE, Writes

pytest_plugins = ("tests.real.runner_fixtures",)

Sealed = Callable[..., Path]

LOADS = f"""
import os, sys
from credhelper import load
value = load("my_api_key")
print(value == {VALUE!r}, value, os.environ.get("K") == value)
print("isolated", sys.flags.isolated, sys.argv[1:], sys.path[0], os.path.basename(__file__))
"""


@pytest.mark.parametrize(
    "first",
    [
        "",
        "#!/usr/bin/python3",
        "#! /usr/bin/python3 ",
        "#!/usr/bin/env python3",
        "#!/bin/env python3",
        "#!/usr/bin/env -S python3",
    ],
)
def test_the_system_python_is_the_process_that_is_there(
    first: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write(f"{first}\n{LOADS}\nprint('credhelper.commands.run' in sys.modules)")
    finished = decrypt_run("-c", "my_api_key", "-e", "K=my_api_key", str(script), "-x", "{y}")
    assert finished.err == ""
    assert finished.out == (
        "True [credential my_api_key] True\nisolated 1 ['-x', '{y}'] /tmp/scratch script.py\nTrue\n"
    )


@pytest.mark.parametrize(
    ("line", "expression", "shown"),
    [
        ("/usr/bin/python3 -u", "sys.stdout.write_through", "True"),
        ("/usr/bin/python3 -Werror", "sys.warnoptions", "['error']"),
        ("/usr/bin/python3 -O", "__debug__", "False"),
        ("/usr/bin/python3 -Xdev", "sys.flags.dev_mode", "True"),
        ("/usr/bin/env -S python3 -O -u", "__debug__, sys.stdout.write_through", "False True"),
        ("/usr/bin/python3 -s", "sys.path[0]", "/tmp/scratch"),
        ("/usr/bin/python3 -W ignore::ImportWarning", "sys.path[0]", "/tmp/scratch"),
        # they say not to import from where the script is
        ("/usr/bin/python3 -sP", "'/tmp/scratch' in sys.path", "False"),
        ("/usr/bin/python3 -I", "'/tmp/scratch' in sys.path", "False"),
        ("/usr/bin/env -S python3 -u -P", "'/tmp/scratch' in sys.path", "False"),
    ],
)
def test_options_of_python(
    line: str, expression: str, shown: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write(f"#!{line}\n{LOADS}\nprint({expression})\n")
    finished = decrypt_run("-c", "my_api_key", "-e", "K=my_api_key", str(script), "-x")
    assert finished.err == ""
    lines = finished.out.splitlines()
    assert lines[0] == "True [credential my_api_key] True"
    assert lines[1].startswith("isolated 1 ['-x']")
    assert lines[2] == shown


def package_files() -> set[Path]:
    """All that is in the package's own tree, except for what belongs to this Python."""
    tree = ROOT / "src/credhelper"
    own = f"__pycache__/*.{sys.implementation.cache_tag}.pyc"
    return {path for path in tree.rglob("*") if not path.match(own)}


def test_a_virtual_environment(
    sealed: Sealed,
    write: Writes,
    decrypt_run: Runs,
    environment_of_venv: Path,
    journal: Callable[[int], list[Record]],
) -> None:
    """Masked, with ``import credhelper``, with nothing written into it or into the package."""
    sealed("my_api_key", VALUE)
    sealed("other", "other-value-12345")
    python = environment_of_venv / "bin/python3"
    script = write(
        f"#!{python}\n{LOADS}\n"
        "import beside\n"
        "print(sys.prefix, load('other'), 'rich' in sys.modules)\n"
        "try:\n    import rich\nexcept ImportError:\n    print('alone')\n"
        "print('to stderr', value, file=sys.stderr)\n"
        "print(open('/proc/self/environ').read().count('=' + value))\n"
        "raise ValueError(value)\n"
    )
    write("", "beside.py")
    venv_before = set(environment_of_venv.rglob("*"))
    package_before = package_files()
    journal(2).clear()
    finished = decrypt_run("-c", "my_api_key", "-e", "K=my_api_key", str(script), "a", "-b")
    assert finished.status == 1
    assert finished.out.splitlines() == [
        "True [credential my_api_key] True",
        "isolated 1 ['a', '-b'] /tmp/scratch script.py",
        f"{environment_of_venv} [credential other] False",
        "alone",
        "0",
    ]
    assert finished.err == (
        "to stderr [credential my_api_key]\n"
        "Traceback (most recent call last):\n"
        f'  File "{script}", line 17, in <module>\n'
        "    raise ValueError(value)\n"
        "ValueError: [credential my_api_key]\n"
    )
    assert set(environment_of_venv.rglob("*")) == venv_before
    assert package_files() == package_before
    assert list(Path("/tmp/scratch").glob("**/beside*.pyc")) == []
    run, demand = journal(2)
    assert run["CREDHELPER_INTERPRETER"] == str(python)
    assert (demand["CREDHELPER_CREDENTIALS"], demand["CREDHELPER_SCRIPT"]) == ("other", str(script))


def test_a_script_in_a_virtual_environment_that_starts_itself_anew(
    write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    """As the reloaders of web servers do."""
    script = write(f"""\
        #!{environment_of_venv}/bin/python3
        import os, sys
        from credhelper import load
        if sys.argv[1:] == ["again"]:
            raise SystemExit(f"{{load.__module__}}")
        os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
        """)
    assert decrypt_run(str(script)).err == "credhelper.loading\n"


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_in_a_virtual_environment(
    method: str, write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    """Its processes import the script, and so ``credhelper``, again."""
    script = write(
        f"""\
        #!{environment_of_venv}/bin/python3
        import multiprocessing
        from credhelper import CredentialError

        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                print(pool.map(len, ["four"]))
        """
    )
    before = package_files()
    finished = decrypt_run(str(script))
    assert (finished.out, finished.err) == ("[4]\n", "")
    assert package_files() == before


def test_a_chosen_python(
    sealed: Sealed, write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    sealed("my_api_key", VALUE)
    python = f"--python={environment_of_venv}/bin/python3"
    script = write(f"#!/bin/false\n{LOADS}\nprint(sys.prefix)")
    for target, data in ((str(script), ""), ("-", LOADS.replace("__file__", "'-'"))):
        finished = decrypt_run(python, "-e", "K=my_api_key", target, "x", input=data)
        assert finished.err == ""
        assert finished.out.startswith("True [credential my_api_key] True\n")
    module = decrypt_run(python, "-m", "json.tool", "--compact", input='{"a": 1}')
    assert (module.out, module.err) == ('{"a":1}\n', "")
    absent = decrypt_run(python, "-m", "absent")
    assert absent.status == 1
    assert absent.err == f"{environment_of_venv}/bin/python3: No module named absent\n"


def test_the_same_python_by_name(sealed: Sealed, write: Writes, decrypt_run: Runs) -> None:
    """What starts it is measured with the rest."""
    sealed("my_api_key", VALUE)
    for options in ([], ["--no-mask"]):
        script = write(LOADS)
        argv = [f"--python={sys.executable}", *options, "-e", "K=my_api_key", str(script)]
        finished = decrypt_run(*argv)
        assert finished.err == ""
        masked = VALUE if options else "[credential my_api_key]"
        assert finished.out.startswith(f"True {masked} True\n")
    assert decrypt_run(argv[0], "-m", "json.tool", input="1").out == "1\n"


def test_a_python_that_is_too_old(write: Writes, decrypt_run: Runs) -> None:
    """Fake: such a Python is not to be had everywhere, and says its version in the same way."""
    write(
        f"""\
        #!/bin/sh
        shift 2
        exec {sys.executable} -c 'import runpy, sys
        sys.version_info = (3, 9, 0)
        sys.argv = sys.argv[1:]
        runpy.run_path(sys.argv[0], run_name="__main__")' "$@"
        """,
        "python3.9",
    )
    finished = decrypt_run(str(write("#!/tmp/scratch/python3.9\nprint('started')")))
    assert (finished.status, finished.out) == (125, "")
    assert "is older than Python 3.11" in finished.err


PROGRAMS = {
    "bash": '#!/bin/bash\necho "$0 $# $1 $2 ${#K}"; cat "$CREDENTIALS_DIRECTORY/my_api_key"',
    "sh with an option": '#!/bin/sh -e\necho "$0 $# $1 $2 ${#K}"; cat "$1"; false; echo never',
    "env bash": '#!/usr/bin/env bash\necho "$0 $# $1 $2 ${#K}"; cat "$1"',
    "env -S": '#!/usr/bin/env -S bash -e\necho "$0 $# $1 $2 ${#K}"; cat "$1"; false; echo never',
    "env, with a variable": '#!/usr/bin/env -S X=1 bash\necho "$0 $# $1 $2 ${#K}"; cat "$1"',
    "perl": (
        "#!/usr/bin/perl\n$n = @ARGV; $l = length $ENV{K};\n"
        'print "$0 $n $ARGV[0] $ARGV[1] $l\\n";\nopen F, "<", $ARGV[0]; print <F>;'
    ),
    "awk": (
        '#!/usr/bin/awk -f\nBEGIN { print "/tmp/scratch/script.py", ARGC - 1, ARGV[1], ARGV[2], '
        'length(ENVIRON["K"]); getline < ARGV[1]; printf "%s", $0; exit }'
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_get_paths_and_variables(
    name: str, sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write(PROGRAMS[name].encode())
    finished = decrypt_run("-e", "K=my_api_key", str(script), "{my_api_key}", "{other}")
    programs = {"sh with an option": "sh", "env, with a variable": "env"}
    program = programs.get(name, name if name in ("perl", "awk") else "bash")
    note = f"credhelper-decrypt-run: note: what {program} writes is not masked"
    assert finished.err.splitlines()[0] == note
    options = ["--no-mask", "-e", "K=my_api_key"]
    assert decrypt_run(*options, str(script), "{my_api_key}").err == ""
    first, value = finished.out.split("\n", 1)
    words = first.split()
    assert words[0] == str(script)
    assert words[2] == f"{PLACE}/my_api_key"
    assert [words[1], *words[3:]] == ["2", "{other}", str(len(VALUE))]
    assert value == VALUE


def test_a_path_stands_within_an_argument(sealed: Sealed, write: Writes, decrypt_run: Runs) -> None:
    sealed("key.pem", VALUE)
    script = write('#!/bin/sh\necho "$1"; echo "$2"')
    finished = decrypt_run("-c", "key.pem", str(script), "--key={key.pem}:{key.pem}", "{}{{key}}")
    one, two = finished.out.splitlines()
    assert one == f"--key={PLACE}/key.pem:{PLACE}/key.pem"
    assert two == "{}{{key}}"


def test_a_binary_is_run_by_its_descriptor(
    sealed: Sealed, decrypt_run: Runs, scratch: Path
) -> None:
    sealed("my_api_key", VALUE)
    shutil.copy("/usr/bin/env", scratch / "tool")
    finished = decrypt_run("-e", "K=my_api_key", "./tool", cwd=scratch, env={"X": "1"})
    assert f"K={VALUE}" in finished.out.splitlines()
    assert "X=1" not in finished.out.splitlines()
    (scratch / "tool").chmod(0o644)
    refused = decrypt_run("./tool", cwd=scratch)
    assert refused.status == 126
    assert "cannot be executed: Permission denied" in refused.err


def test_an_interpreter_that_is_a_script_itself(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    write('#!/bin/bash -e\necho "interprets $1 for $2"; cat "$2"', "interpreter")
    script = write("#!/tmp/scratch/interpreter\n")
    finished = decrypt_run("-c", "my_api_key", str(script), "{my_api_key}")
    assert finished.out.startswith(f"interprets {script} for {PLACE}/")
    assert finished.out.endswith(VALUE)


def test_a_script_whose_name_looks_like_an_option(
    write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    write("#!/bin/bash\necho ran", "-c")
    write("print('ran')", "-x.py")
    assert decrypt_run("--", "-c", "echo wrong", cwd=scratch).out == "ran\n"
    assert decrypt_run("--", "-x.py", cwd=scratch).out == "ran\n"


@pytest.mark.parametrize("text", ["#!/bin/bash\nexit 7", "raise SystemExit(7)"])
def test_the_exit_status_is_the_scripts(text: str, write: Writes, decrypt_run: Runs) -> None:
    assert decrypt_run(str(write(text))).status == 7


def test_the_runner_becomes_the_script(
    write: Writes, environment: dict[str, str], environment_of_venv: Path
) -> None:
    """No process of ours is beside it."""
    for text in (
        "import os; print(os.getpid())",
        "#!/bin/bash\necho $$",
        f"#!{environment_of_venv}/bin/python3\nimport os; print(os.getpid())",
    ):
        argv = [*launcher("credhelper-decrypt-run"), str(write(text))]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as process:
            assert process.communicate()[0] == f"{process.pid}\n".encode()


def test_a_virtual_environment_of_another(
    write: Writes, decrypt_run: Runs, environment_of_venv: Path, users: None
) -> None:
    """Whoever called may use her own; with --root-owned nobody may use one that is not root's."""
    assert users is None
    subprocess.run(
        ["/bin/chown", "-Rh", f"{ALICE.uid}:{ALICE.uid}", str(environment_of_venv)], check=True
    )
    script = write(f"#!{environment_of_venv}/bin/python3\nprint('ran')")
    hers = {"SUDO_UID": str(ALICE.uid)}
    assert decrypt_run(str(script), env=hers).out == "ran\n"
    for finished in (decrypt_run(str(script)), decrypt_run("--root-owned", str(script), env=hers)):
        assert (finished.status, finished.out) == (126, "")
        assert "belongs to alice (user id 4201)" in finished.err


SHOWS = """\
import sys
from credhelper import load
print(load("my_api_key"), sys.prefix, sys.argv)
"""
POLYGLOT = """\
#!/bin/sh
'''exec' {} "$0" "$@"
' '''
"""


@pytest.mark.parametrize("form", ["{}", '"{}"', '"{}" -E', "relocatable"])
def test_an_entry_point_with_a_long_path(
    form: str, sealed: Sealed, write: Writes, decrypt_run: Runs, environment_of_venv: Path
) -> None:
    """As pip and uv write them, for sh and Python at once: masked, with the library."""
    sealed("my_api_key", VALUE)
    first = form.format(f"{environment_of_venv}/bin/python3")
    if form == "relocatable":
        first = '"$(dirname -- "$(realpath -- "$0")")"/\'python3\''
    script = write(POLYGLOT.format(first) + SHOWS, "venv/bin/tool")
    finished = decrypt_run("-c", "my_api_key", str(script), "one")
    shown = f"[credential my_api_key] {environment_of_venv} ['{script}', 'one']\n"
    assert (finished.out, finished.err) == (shown, "")


def test_a_script_of_sh_that_looks_like_one(write: Writes, decrypt_run: Runs) -> None:
    script = write(POLYGLOT.format("/bin/echo $HOME"))
    assert decrypt_run(str(script)).out == f"/root {script}\n"
    script = write(POLYGLOT.format("/bin/echo plain").replace("' '''", ":"))
    assert decrypt_run(str(script)).out == f"plain {script}\n"


@pytest.mark.parametrize("user", ["root", "alice"])
def test_a_script_of_uvs(
    user: str, sealed: Sealed, write: Writes, decrypt_run: Runs, users: None
) -> None:
    """In the environment that uv keeps for it, made as the script's user; masked."""
    assert users is None
    sealed("my_api_key", VALUE)
    uv = write(Path(sys.executable).with_name("uv").read_bytes(), "bin/uv")
    block = '# /// script\n# requires-python = ">=3.11"\n# dependencies = []\n# ///\n'
    script = write(f"#!/usr/bin/env -S {uv} run --script --offline\n{block}{SHOWS}")
    options = [] if user == "root" else ["--as-invoking-user"]
    hers = {} if user == "root" else {"SUDO_USER": "alice", "SUDO_UID": "4201"}
    finished = decrypt_run("-c", "my_api_key", *options, str(script), env=hers)
    assert finished.status == 0, finished.err
    assert finished.out.startswith("[credential my_api_key] ")
    assert "/uv/environments-v2/" in finished.out
    impossible = write(script.read_text().replace(">=3.11", ">=3.99"), "impossible.py")
    refused = decrypt_run(*options, str(impossible), env=hers)
    assert refused.status == 125
    assert "uv makes no environment for" in refused.err

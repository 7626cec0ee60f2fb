# SPDX-License-Identifier: MIT
"""First lines that lead to a Python by a detour: what pip writes for long paths, and uv's.

Taken at their word, the script would run in a Python without the library and without masking.
"""

from __future__ import annotations

import os

from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pwd import struct_passwd
    from typing import Final

_ARGUMENTS: Final = ' "$0" "$@"'
_BESIDE: Final = '"$(dirname -- "$(realpath -- "$0")")"/'  # a relocatable environment of uv's
_UV_OPTIONS: Final = frozenset("--script -s --quiet -q --offline --no-progress".split())
_LONGEST_LINE: Final = 1 << 13


def executed(source: bytes, real: str) -> list[str]:
    """What the second line executes the script at ``real`` with; empty where sh has to read it."""
    import shlex

    _, second, third, *_ = [*source[:_LONGEST_LINE].split(b"\n", 3), b"", b""]
    line = os.fsdecode(second).removeprefix("'''exec' ")
    if third.strip() != b"' '''" or not line.endswith(_ARGUMENTS):
        return []
    line = line.removesuffix(_ARGUMENTS)
    if line.startswith(_BESIDE):
        line = shlex.quote(f"{os.path.dirname(real)}/") + line.removeprefix(_BESIDE)
    if set(line) & set("$`\\;&|<>*?(){}"):
        return []
    try:
        return shlex.split(line)
    except ValueError:
        return []


def runs_script(argv: list[str]) -> bool:
    """Whether ``argv`` is ``uv run --script``, with no options that change what it runs."""
    return argv[1:2] == ["run"] and "--script" in argv and set(argv[2:]) <= _UV_OPTIONS


def environment_of(argv: list[str], path: str, account: struct_passwd, *, make: bool) -> list[str]:
    """The Python of the environment that uv, run as ``account``, keeps for the script at ``path``.

    ``make`` has it made where it is not there yet. Raises :class:`RunnerFailed` with what uv says.
    """
    import subprocess

    from credhelper.commands.run import environment

    made = environment.clean(
        os.environ, (), name=account.pw_name, home=account.pw_dir, shell=account.pw_shell
    )
    offline = [option for option in argv[2:] if option == "--offline"]
    for words in ([["sync", "--quiet"]] if make else []) + [["python", "find"]]:
        finished = subprocess.run(
            [argv[0], *words, *offline, "--script", path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            env=made,
            check=False,
        )
        if finished.returncode:
            said = finished.stderr.decode("utf-8", "replace").strip().replace("\n", "; ")
            raise RunnerFailed(
                f"uv makes no environment for {path} as {account.pw_name}: {said}",
                f"see what it says to {account.pw_name}: uv sync --script {path}",
            )
    return [os.fsdecode(finished.stdout).strip()]

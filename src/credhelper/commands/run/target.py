# SPDX-License-Identifier: MIT
"""What the words after the options mean: a script, a program, or a Python and its script."""

from __future__ import annotations

import os

from credhelper.commands import script
from credhelper.commands.run.environment import PATH
from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Final

    from credhelper.commands.run.options import Options
    from credhelper.commands.script import Script

_ALONE: Final = frozenset("bBdEiIOPqRsSuv")  # Python's options that take nothing
_VALUED: Final = "cmWX"


def resolve(options: Options, *, path_alone: bool) -> None:
    """Has ``options`` name what there is to be run, where the words are those of a shell.

    A bare name is that of a file here, else of a program of the PATH that the script gets;
    ``path_alone``: of a program alone, where the caller is to have no say by the directory. What
    env(1) would run takes its place, and a Python in front of a script becomes its interpreter.
    Raises :class:`RunnerFailed`.
    """
    if options.module or options.python or options.target == "-":
        return
    options.target = _found(options.target, path_alone=path_alone)
    words = options.arguments
    if os.path.basename(options.target) == "env" and words and _plain(words[0]):
        options.target = _found(words[0], path_alone=path_alone)
        options.arguments = words[1:]
    if is_python(options.target):
        _take_python(options)


def open_script(options: Options, owners: Collection[int]) -> Script:
    """The script that ``options`` name, if only ``owners`` could have written it.

    Raises :class:`credhelper.errors.Untrusted`, :class:`credhelper.errors.ScriptNotFound` and
    :class:`RunnerFailed`.
    """
    if options.code is not None:
        return script.Script("-c", "", os.fsencode(options.code), form=script.COMMAND)
    if options.module:
        from credhelper.commands.run import interpreter

        if options.python or (options.front and not interpreter.is_own(options.front)):
            return script.Script(options.target, "", b"")
        return interpreter.module(options.target, owners)
    if options.target == "-":
        from credhelper.commands import piped

        return script.Script("-", "", piped.read(piped.STDIN, script.MAXIMUM_BYTES))
    if os.path.isdir(options.target):
        for name in ("__main__.py", "__main__.pyc"):
            main = f"{options.target.rstrip('/')}/{name}"
            if os.path.exists(main):
                opened = script.read(main, owners)
                opened.path, opened.form = options.target, script.DIRECTORY
                return opened
    return script.read(options.target, owners)


def is_python(path: str) -> bool:
    """Whether a program with this name is a Python."""
    name = os.path.basename(path)
    return name.startswith("python") and not name.removeprefix("python").strip("0123456789.t")


def in_path(name: str) -> str:
    """The program ``name`` in the PATH that a script gets; empty where there is none."""
    for directory in PATH.split(":"):
        candidate = f"{directory}/{name}"
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return ""


def _found(word: str, *, path_alone: bool) -> str:
    if "/" in word or not word or (not path_alone and _is_script(word)):
        return word
    return in_path(word) or word


def _is_script(path: str) -> bool:
    return os.path.lexists(f"{path}/__main__.py" if os.path.isdir(path) else path)


def _plain(word: str) -> bool:
    """Whether env(1) takes ``word`` for the program: it is no option and sets no variable."""
    return bool(word) and not word.startswith("-") and "=" not in word


def _take_python(options: Options) -> None:
    """Takes the command line of a Python apart, as getopt(3) does: ``python3 -u script.py``.

    What asks for no script, such as ``python3 --version``, is left to that Python itself.
    """
    front, words = [options.target], list(options.arguments)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        flags = word[1:]
        valued = next((letter for letter in flags if letter in _VALUED), "")
        alone, _, value = flags.partition(valued) if valued else (flags, "", "")
        if set(alone) - _ALONE or not flags:
            return
        if alone:
            front.append(f"-{alone}")
        if not valued:
            continue
        if not value:
            if not words:
                return
            value = words.pop(0)
        if valued in "cm":
            _take_code(options, valued, value)
            options.front, options.arguments = front, words
            return
        front.append(f"-{valued}{value}")
    if words:
        options.front, options.target, options.arguments = front, words[0], words[1:]
    if options.target == "-" and options.root_owned:
        raise RunnerFailed("--root-owned cannot vouch for standard input", "give a path")


def _take_code(options: Options, letter: str, value: str) -> None:
    if letter == "m":
        options.module, options.target = True, value
        return
    if options.root_owned:
        raise RunnerFailed("--root-owned cannot vouch for code on the command line", "give a path")
    options.code, options.target = value, "-c"

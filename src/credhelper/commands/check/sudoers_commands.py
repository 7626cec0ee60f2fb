# SPDX-License-Identifier: MIT
"""What one command that sudo lists gives whoever may run it.

Judged are the forms that can be: a command line that is fixed up to the script, or a regular
expression that leaves open no more than the script's own name or arguments. All else is for
:mod:`sudoers` to ask sudo about.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from credhelper.commands import trust
from credhelper.commands.check import sudoers_programs
from credhelper.commands.check.finding import Severity, look
from credhelper.commands.check.sudoers_scripts import (
    Fault,
    judge_arguments,
    judge_module,
    judge_script,
    with_credentials,
)
from credhelper.commands.run import options
from credhelper.commands.sudoers import MANAGER, RUNNER
from credhelper.errors import CredentialError, ScriptNotFound, Untrusted

if TYPE_CHECKING:
    from credhelper.commands.run.options import Options

_OURS: Final = tuple(map(os.path.basename, (RUNNER, MANAGER)))

_GLOB: Final = re.compile(r"(?<!\\)(?:\\\\)*[*?[]")
_DIGESTS: Final = re.compile(r"(?:sha\d+:\S+,? )+")
# of an expression, what means itself; a class without blank, slash and dot; its repetition
_ITSELF: Final = r"(?:[\w/ :,=@%~-]|\\[^\w\s])"
_MEMBER: Final = r"(?:[A-Za-z0-9_](?:-[A-Za-z0-9_])?|\[:(?:alnum|alpha|digit|lower|upper):\])"
_CLASS: Final = rf"\[{_MEMBER}+-?\]"
_REPEATED: Final = re.compile(rf"{_CLASS}(?:[+*?]|\{{\d+(?:,\d*)?\}})?")
_NAME: Final = re.compile(rf"(?P<fixed>{_ITSELF}*)(?:{_REPEATED.pattern}|{_ITSELF})*")
_TAIL: Final = re.compile(r"(?:\( [^()|]*\)[?*]?| [^*?{+|() ][^|()]*)$")
_HARMLESS_VERBS: Final = ("list", "log", "--help", "-h", "--version")
_READING_VERBS: Final = ("check", "leaks")


@dataclass(frozen=True)
class Judged:
    """A command with what is wrong with it and what it ``reaches``, for people; ``open`` where
    only sudo can tell what it allows. ``script`` is the one that it runs, if it names one."""

    faults: tuple[Fault, ...] = ()
    reaches: str = ""
    open: bool = False
    script: str = ""


def judge(text: str, *, password: bool) -> Judged:
    """What the command ``text``, as root, gives; ``password`` tells whether one is asked for."""
    path, blank, arguments = _DIGESTS.sub("", text, count=1).partition(" ")
    pattern = arguments if blank else None
    if path == "ALL":
        evidence = "may run anything as root without a password, and so may whatever they run"
        fault = Fault(Severity.WARNING, "sudo-root", evidence)
        return Judged(() if password else (fault,), "root, because sudoers allows ALL")
    if path == "list":
        return Judged()
    if path == "sudoedit":
        return Judged(open=True, reaches=text)
    known = sudoers_programs.makes_root(path, pattern)
    if path.startswith("^") or path.endswith("/") or (_GLOB.search(path) and not known):
        return Judged(open=True, reaches=text)
    program = _program(path)
    if program == RUNNER:
        return _runner(pattern, password=password)
    if program == MANAGER:
        return _manager(pattern, password=password)
    return _behind(text, pattern or "", password=password) or _other(
        path, pattern, password=password
    )


def _other(path: str, pattern: str | None, *, password: bool) -> Judged:
    """Another program of a fixed path."""
    text = path if pattern is None else f"{path} {pattern}"
    if sudoers_programs.makes_root(path, pattern):
        fault = Fault(Severity.WARNING, "sudo-root", f"without a password, {text} makes them root")
        return Judged(() if password else (fault,), f"root, because sudoers allows {text}")
    if reason := _not_of_root(path):
        fault = Fault(Severity.WARNING, "sudo-root", f"runs {text} as root, and {reason}")
        return Judged(() if password else (fault,), f"root, because of {path}: {reason}")
    evidence = f"also runs as root, and what it does for them is not judged: {text}"
    return Judged((Fault(Severity.NOTE, "sudo-other", evidence),), text)


def _not_of_root(path: str) -> str:
    """Why others than root decide what ``path`` runs, or could make it; empty if none do."""
    directory = os.path.dirname(path)
    while directory and not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    try:
        if os.path.isfile(path):
            return trust.why_not(path, trust.ROOT_ALONE)
        if directory:  # a name alone, as of an alias that is not there, runs nothing
            trust.check_directory(directory, trust.ROOT_ALONE)
    except (ScriptNotFound, Untrusted) as error:
        return error.problem
    return ""


def _behind(text: str, pattern: str, *, password: bool) -> Judged | None:
    """What is given by another program in front of ours (timeout, env, nice); None without."""
    words = pattern.split(" ")
    ours = [at for at, word in enumerate(words) if os.path.basename(word) in _OURS]
    if not ours:
        return None
    at = ours[0]
    if pattern.startswith("^") or _GLOB.search(" ".join(words[:at])):
        return Judged((_wildcard(text),), text)
    rest = " ".join(words[at + 1 :]) or '""'
    if os.path.basename(words[at]) == os.path.basename(MANAGER):
        return _manager(rest, password=password)
    return _runner(rest, password=password)


def _program(path: str) -> str:
    """``path`` by the name that this package gives it: sudo too takes one file for the same."""
    for known in (RUNNER, MANAGER):
        same = os.path.basename(path) == os.path.basename(known)
        if path == known or (same and _real(path) == _real(known)):
            return known
    return path


def _real(path: str) -> str:
    return f"{os.path.realpath(os.path.dirname(path))}/{os.path.basename(path)}"


def _anything(what: str, *, password: bool) -> Judged:
    reaches = f"root, because they may {what}"
    if password:  # the policy for administrators, who are root anyway
        fault = Fault(Severity.NOTE, "sudo-anything", f"with their password they may {what}")
    else:
        fault = Fault(Severity.FAILURE, "sudo-anything", f"without a password they may {what}")
    return Judged((fault,), reaches)


def _wildcard(pattern: str) -> Fault:
    evidence = (
        f"the wildcard in {pattern!r} stands for blanks and slashes, too: for ../../usr/bin/bash, "
        "and for options"
    )
    return Fault(Severity.FAILURE, "sudo-wildcard", evidence)


def _manager(pattern: str | None, *, password: bool) -> Judged:
    if pattern is None:
        what = "add, read and replace every credential, and read and delete any file"
        return _anything(what, password=password)
    if pattern.startswith("^"):
        return Judged(open=True, reaches=f"{MANAGER} {pattern}")
    verb = pattern.split(" ")[0]
    reaches = f"credhelper {pattern}"
    if not _GLOB.search(pattern) or (verb in _HARMLESS_VERBS and not _GLOB.search(verb)):
        return Judged(reaches=reaches)
    severity = Severity.WARNING if verb in _READING_VERBS else Severity.FAILURE
    evidence = f"{reaches!r} takes any option: they have root read, seal or delete files they name"
    return Judged((Fault(severity, "sudo-wildcard", evidence),), reaches)


def _runner(pattern: str | None, *, password: bool) -> Judged:
    """``pattern`` is what sudo compares the runner's arguments with; None for any."""
    if pattern is None:
        return _anything("run any script as root, with any option", password=password)
    if pattern == '""':
        return Judged()
    if pattern.startswith("^"):
        return _expression(pattern)
    match = _GLOB.search(pattern)
    words = _unescaped(pattern[: match.end() - 1] if match else pattern).split(" ")
    if match:
        words = words[:-1]  # the word with the wildcard is none that is fixed
    try:
        chosen = options.parse([word for word in words if word])
    except CredentialError as error:
        if match:
            return Judged((_wildcard(pattern),), f"root, because sudoers allows {pattern}")
        evidence = f"allows what the runner refuses: {error.problem}"
        return Judged((Fault(Severity.WARNING, "sudo-useless", evidence),))
    return _fixed(chosen, any_arguments=bool(match))


def _expression(pattern: str) -> Judged:
    """A regular expression, if it leaves open the script's own name or arguments alone."""
    body = pattern[1:-1] if pattern.endswith("$") else ""
    unknown = Judged(open=True, reaches=f"{RUNNER} {pattern}")
    for blank in re.finditer(r"\(? |$", body):
        head = body[: blank.start()]
        if not re.fullmatch(rf"{_ITSELF}*", head):
            break
        if (chosen := _parsed(head)) and (not blank[0] or _TAIL.fullmatch(body, blank.start())):
            return _fixed(chosen, any_arguments=bool(blank[0]))
        if chosen:
            break
    # what varies has to be in the file's name alone: in no other word, in no directory
    match = _NAME.fullmatch(body)
    chosen = _parsed(_REPEATED.sub("x", body)) if match else None
    if not match or not chosen:
        return unknown
    varied = _REPEATED.sub("", body[len(match["fixed"]) :])
    last = _unescaped(_REPEATED.sub("x", body)).rpartition(" ")[2]
    if {" ", "/"} & set(varied) or chosen.arguments or chosen.target != last or last[0] != "/":
        return unknown
    faults = [] if chosen.root_owned else [_not_root_owned()]
    directory = os.path.dirname(last)
    if os.path.isdir(directory):
        try:
            trust.check_directory(directory, trust.ROOT_ALONE)
        except (ScriptNotFound, Untrusted) as error:
            evidence = f"allows whatever is in {directory}, and {error.problem}"
            faults.append(Fault(Severity.FAILURE, "sudo-directory", evidence, look(directory)))
    return Judged(tuple(faults), f"every script in {directory}{with_credentials(chosen, b'')}")


def _parsed(text: str) -> Options | None:
    """The runner's command line ``text``, if it is one."""
    try:
        return options.parse(_unescaped(text).split(" "))
    except CredentialError:
        return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(\W)", r"\1", text)


def _not_root_owned() -> Fault:
    evidence = "without --root-owned the script may be one that they can write"
    return Fault(Severity.FAILURE, "sudo-root-owned", evidence)


def _fixed(chosen: Options, *, any_arguments: bool) -> Judged:
    """A command line that is fixed up to the script."""
    faults = [] if chosen.root_owned else [_not_root_owned()]
    if chosen.python and (reason := trust.why_not(chosen.python, trust.ROOT_ALONE)):
        faults.append(Fault(Severity.FAILURE, "sudo-python", f"as the interpreter, {reason}"))
    if chosen.help or chosen.version:
        return Judged()
    if chosen.module:
        faults += judge_module(chosen.target, any_arguments=any_arguments)
        return Judged(tuple(faults), f"the module {chosen.target}{with_credentials(chosen, b'')}")
    target = chosen.target
    if target == "-":
        evidence = "reads the script from them: they are root"
        return Judged((*faults, Fault(Severity.FAILURE, "sudo-stdin", evidence)), "root")
    if not target.startswith("/"):
        evidence = f"{target} is a relative path: they choose the directory"
        return Judged((*faults, Fault(Severity.FAILURE, "sudo-relative", evidence)), "root")
    found, source = judge_script(target)
    faults += found
    if source is not None:
        faults += judge_arguments(
            target, source, any_arguments=any_arguments, python=bool(chosen.python)
        )
    return Judged(
        tuple(faults), f"{target}{with_credentials(chosen, source or b'')}", script=target
    )

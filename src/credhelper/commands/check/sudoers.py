# SPDX-License-Identifier: MIT
"""What sudoers really lets people do with credhelper: who, with which script, as what."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from credhelper.commands import trust
from credhelper.commands.check import sudoers_rules
from credhelper.commands.check.finding import Area, Finding, Severity, command
from credhelper.commands.run import options
from credhelper.commands.sudoers import RUNNER
from credhelper.errors import CredentialError, ScriptNotFound, Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credhelper.commands.check.sudoers_rules import Rule, Sudoers

_MANAGER: Final = "/usr/bin/credhelper"
_NAMED: Final = "credhelper"  # what a rule has to hold to be looked at
_GLOB: Final = re.compile(r"(?<!\\)[*?[]")
_LITERAL: Final = re.compile(r"(?:[\w/ :,=@%~-]|\\\W)*")  # of a regular expression, up to its end
# in place of the part of a pattern that varies: what a caller would try
_ATTEMPTS: Final = (
    "../../usr/bin/bash",
    "x/../../../usr/bin/bash",
    "x y",
    "-m pdb",
    "--python /home/me/x /home/me/y",
    "/home/me/x",
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a rule; ``mend`` is empty where another rule has to take its place."""

    severity: Severity
    rule: str
    evidence: str
    mend: str = ""


@dataclass(frozen=True)
class Judged:
    """A rule with what is wrong with it; ``script`` is the one it pins, where it does."""

    rule: Rule
    faults: tuple[Fault, ...]
    script: str


def findings() -> Iterator[Finding]:
    """What is amiss with each rule that names credhelper, and with the files they stand in."""
    sudoers = sudoers_rules.read(RUNNER)
    judged = [_judge(rule) for rule in sudoers.rules if _is_ours(rule)]
    for file, error in sudoers.errors.items():
        if _mentions(file):
            evidence = f"sudo cannot read it all: {error}"
            yield _finding(Severity.FAILURE, "sudo-syntax", file, evidence, _off(file, sudoers))
    for file in sorted({one.rule.file for one in judged} | set(sudoers.errors)):
        if _mentions(file):
            yield from _file(file)
    for file in sudoers.loose if judged else ():
        yield _finding(
            Severity.FAILURE,
            "sudo-environment",
            file,
            "its Defaults let the caller's environment through, LD_PRELOAD with it: whoever may "
            "use the runner is root",
            f"sudo visudo -f {shlex.quote(file)}",
        )
    for one in judged:
        mend = _mend(one.rule.file, sudoers, judged)
        subject = f"{one.rule.file}: {', '.join(one.rule.users)}"
        for fault in one.faults:
            text = fault.evidence
            yield _finding(fault.severity, fault.rule, subject, text, fault.mend or mend)


def _finding(severity: Severity, rule: str, subject: str, evidence: str, mend: str) -> Finding:
    return Finding(severity, Area.SUDOERS, rule, subject, evidence, mend)


def _is_ours(rule: Rule) -> bool:
    named = _NAMED in rule.path
    return named or (bool(_GLOB.search(rule.path)) and fnmatch.fnmatchcase(RUNNER, rule.path))


def _mentions(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return _NAMED.encode() in opened.read()
    except OSError:
        return False


def _file(file: str) -> Iterator[Finding]:
    status = os.stat(file)
    if reason := trust.danger(status, trust.ROOT_ALONE):
        change = trust.mend(file, reason)
        mend = command(*change) if change[0] == "chown" else command("chmod", "0440", file)
        yield _finding(Severity.FAILURE, "sudo-file", file, f"{reason}: so may all rules", mend)


def _judge(rule: Rule) -> Judged:
    faults = []
    script = ""
    if rule.setenv:
        evidence = "SETENV lets them set LD_PRELOAD, and with that they are root"
        faults.append(Fault(Severity.FAILURE, "sudo-setenv", evidence))
    if _GLOB.search(rule.path):
        evidence = f"{rule.path} also stands for other programs"
        faults.append(Fault(Severity.FAILURE, "sudo-path", evidence))
    elif rule.arguments is None:
        faults.append(_anything(rule))
    elif rule.path.endswith("/credhelper-decrypt-run") and rule.arguments != '""':
        found, script = _arguments(rule.arguments)
        faults += found
    if "ALL" in rule.users:
        evidence = "ALL is every account of this machine, those of services too"
        faults.append(Fault(Severity.WARNING, "sudo-everyone", evidence))
    if script:
        faults += _script(script)
    return Judged(rule, tuple(faults), script)


def _anything(rule: Rule) -> Fault:
    what = (
        "add, read and replace every credential, and read and delete any file"
        if rule.path == _MANAGER
        else "run any script as root, with any option"
    )
    if rule.password:  # the policy for administrators, who are root anyway
        evidence = f"with their password they may {what}"
        return Fault(Severity.NOTE, "sudo-anything", evidence)
    return Fault(Severity.FAILURE, "sudo-anything", f"without a password they may {what}")


def _arguments(pattern: str) -> tuple[list[Fault], str]:
    """What is wrong with a pattern of arguments, and the script that it pins, if it does."""
    if pattern.startswith("^") and pattern.endswith("$"):
        return _regular_expression(pattern), ""
    fixed = pattern[: match.start()] if (match := _GLOB.search(pattern)) else pattern
    words = re.sub(r"\\(\W)", r"\1", fixed).split(" ")
    if match:
        words = words[:-1]  # the word with the wildcard is none that is fixed
    try:
        parsed = options.parse([word for word in words if word])
    except CredentialError as error:
        if match:
            return [_wildcard(pattern)], ""
        evidence = f"allows what the runner refuses: {error.problem}"
        return [Fault(Severity.WARNING, "sudo-useless", evidence)], ""
    faults = []
    script = "" if parsed.module else parsed.target
    if not parsed.root_owned:
        faults.append(_not_root_owned())
    if script == "-":
        evidence = "reads the script from them: they are root"
        faults.append(Fault(Severity.FAILURE, "sudo-stdin", evidence))
        script = ""
    elif script and not script.startswith("/"):
        evidence = f"{script} is a relative path: they choose the directory"
        faults.append(Fault(Severity.FAILURE, "sudo-relative", evidence))
        script = ""
    if parsed.python and (reason := trust.why_not(parsed.python, trust.ROOT_ALONE)):
        faults.append(Fault(Severity.FAILURE, "sudo-python", f"as the interpreter, {reason}"))
    return faults, script


def _not_root_owned() -> Fault:
    evidence = "without --root-owned the script may be one that they can write"
    return Fault(Severity.FAILURE, "sudo-root-owned", evidence)


def _wildcard(pattern: str) -> Fault:
    evidence = (
        f"the wildcard in {pattern!r} stands for blanks and slashes, too: for ../../usr/bin/bash, "
        "and for options"
    )
    return Fault(Severity.FAILURE, "sudo-wildcard", evidence)


def _regular_expression(pattern: str) -> list[Fault]:
    """What a caller could slip through a regular expression: tried, not proven."""
    match = _LITERAL.match(pattern, 1)
    head = re.sub(r"\\(\W)", r"\1", match[0] if match else "")
    tail = re.search(r"(?:[\w/-]|\\\W)*\$$", pattern)
    end = re.sub(r"\\(\W)", r"\1", tail[0][:-1]) if tail else ""
    faults = [] if head.startswith("--root-owned ") else [_not_root_owned()]
    try:
        compiled = re.compile(pattern)
    except re.error:
        return faults
    if through := next((t for t in _ATTEMPTS if compiled.search(f"{head}{t}{end}")), ""):
        evidence = f"{pattern!r} also matches {head + through + end!r}"
        faults.append(Fault(Severity.FAILURE, "sudo-wildcard", evidence))
    directory = re.search(r"(/\S*/)", head)
    if directory and os.path.isdir(directory[1]):
        try:
            trust.check_directory(directory[1], trust.ROOT_ALONE)
        except (ScriptNotFound, Untrusted) as error:
            evidence = f"allows whatever is in {directory[1]}, and {error.problem}"
            mend = _advised(error)
            faults.append(Fault(Severity.FAILURE, "sudo-directory", evidence, mend))
    return faults


def _script(script: str) -> Iterator[Fault]:
    """What is amiss with the script that a rule pins."""
    if not os.path.lexists(script):
        evidence = f"{script} is not there: who can make it decides what runs"
        yield Fault(Severity.WARNING, "sudo-script-missing", evidence)
        return
    try:
        os.close(trust.open_file(script, trust.ROOT_ALONE).descriptor)
    except (ScriptNotFound, Untrusted) as error:
        evidence = f"runs {script}, and {error.problem}"
        yield Fault(Severity.FAILURE, "sudo-script", evidence, _advised(error))


def _advised(error: ScriptNotFound | Untrusted) -> str:
    """The command against what the trust check found, if there is one."""
    return error.hint if isinstance(error, ScriptNotFound) else ""


def _off(file: str, sudoers: Sudoers) -> str:
    """The command that takes a file out of force; an editor where it holds more."""
    if file not in sudoers.drop_ins:
        return f"sudo visudo -f {shlex.quote(file)}"
    return command("mv", "-n", file, file + ".off")  # sudo skips names with a dot


def _mend(file: str, sudoers: Sudoers, judged: list[Judged]) -> str:
    """The command that leaves of ``file`` what is safe: drop-ins for the scripts that it pins."""
    here = [one for one in judged if one.rule.file == file]
    others = any(rule.file == file and not _is_ours(rule) for rule in sudoers.rules)
    kept = [one for one in here if _can_be_pinned(one)]
    lost = [one for one in here if one not in kept and not one.faults]
    if others or lost or file not in sudoers.drop_ins:
        return f"sudo visudo -f {shlex.quote(file)}"
    commands = [_off(file, sudoers)]
    for one in kept:
        for user in one.rule.users:
            who = ("--group", user[1:]) if user.startswith("%") else ("--user", user)
            password = ("--password",) if one.rule.password else ()
            words = ("credhelper", "sudoers", one.script, *who, *password, "--install")
            commands.append(command(*words))
    return " && ".join(commands)


def _can_be_pinned(one: Judged) -> bool:
    """Whether ``credhelper sudoers`` can write it: a script of root's, for people it can name."""
    simple = all(re.fullmatch(r"%?[a-z_][\w.-]*", user) for user in one.rule.users)
    return bool(
        one.script
        and simple
        and stat.S_ISREG(_mode(one.script))
        and not trust.why_not(one.script, trust.ROOT_ALONE)
    )


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0

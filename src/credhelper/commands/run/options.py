# SPDX-License-Identifier: MIT
"""The runner's command line: what precedes SCRIPT is the runner's, all after it the script's.

Parsed by hand: argparse would take as long as all the rest of start-up.
"""

from __future__ import annotations

from credhelper.commands import metadata
from credhelper.errors import CredentialError, RunnerFailed
from credhelper.name import CredentialName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# short, long, what it takes, what it does
OPTIONS: Final = (
    ("-c", "--credential", "NAME", "decrypt NAME for the script (repeatable)"),
    ("-e", "--environment", "VAR=NAME", "also set VAR to the value of NAME (repeatable)"),
    ("-m", "", "MODULE", "run an installed Python module"),
    ("", "--python", "PATH", "use this Python interpreter"),
    ("", "--root-owned", "", "run only what root alone can have written"),
    ("", "--as-invoking-user", "", "decrypt as root, then become the user who called sudo"),
    ("", "--user", "NAME", "decrypt as root, then become NAME"),
    ("", "--keep-environment", "VAR", "let the caller's VAR through (repeatable)"),
    ("", "--keep-directory", "", "with --root-owned: start in the caller's directory"),
    ("", "--share-with-children", "", "ignored: every child sees the credentials"),
    ("", "--mask-children", "", "mask what all that the script starts writes, too"),
    ("", "--no-mask", "", "do not mask values on stdout and stderr"),
    ("", "--allow-null", "", "accept credentials sealed with the null key"),
    ("", "--dry-run", "", "show the plan and run nothing"),
    ("-h", "--help", "", "show this help"),
    ("", "--version", "", "show the version"),
)
_USAGE: Final = "credhelper-decrypt-run [OPTION...] (SCRIPT | - | -m MODULE) [ARG...]"
_HINT: Final = f"usage: {_USAGE}"
_BY_FLAG: Final = {
    flag: (long or short, takes)
    for short, long, takes, _ in OPTIONS
    for flag in (short, long)
    if flag
}


class Options:
    """What the command line says. ``target`` is the script's path, ``-`` or the module.

    ``front`` is a Python in front of the script, with its own options, and ``code`` what it is to
    run in place of one (``-c``): see ``target``. A switch is the attribute of its long name:
    ``--root-owned`` is ``root_owned``.
    """

    def __init__(self) -> None:
        self.credentials: list[CredentialName] = []
        self.environment: dict[str, CredentialName] = {}
        self.keep: list[str] = []
        self.python = ""
        self.user = ""
        self.module = False
        self.front: list[str] = []
        self.code: str | None = None
        self.target = ""
        self.arguments: list[str] = []
        self.root_owned = False
        self.as_invoking_user = False
        self.keep_directory = False
        self.share_with_children = False
        self.mask_children = False
        self.no_mask = False
        self.allow_null = False
        self.dry_run = False
        self.help = False
        self.version = False

    def forget_values(self) -> None:
        """Leaves out of what is recorded what looks like a value that was in a name's place."""
        from credhelper import mistakes

        self.credentials = [n for n in self.credentials if not mistakes.is_value_like(n)]


def parse(argv: list[str]) -> Options:
    """The options in ``argv`` (without the program). Raises :class:`RunnerFailed`."""
    options = Options()
    left = list(argv)
    while left and left[0].startswith("-") and left[0] != "-":
        word = left.pop(0)
        if word == "--":
            break
        flag, value = _split(word)
        option, takes = _BY_FLAG.get(flag, ("", ""))
        if not option:
            raise _unknown(flag)
        if not takes:
            if value is not None:
                raise RunnerFailed(f"{option} takes no value", _HINT)
            setattr(options, attribute(option), True)
            if options.help or options.version:
                return options
            continue
        if value is None and left:
            value = left.pop(0)
        if not value:  # such as --user "$UNSET", which is not to mean root
            raise RunnerFailed(f"{option} needs {takes}", _HINT)
        _take(options, option, value)
        if option == "-m":
            break
    if not options.module:
        if not left:
            raise RunnerFailed("no script is given", _without_script(options))
        options.target = left.pop(0)
    options.arguments = left
    _check(options)
    return options


def attribute(long: str) -> str:
    """The attribute of :class:`Options` that the switch ``long`` sets."""
    return long.removeprefix("--").replace("-", "_")


def with_script(argv: list[str], options: Options, script: str) -> str:
    """The command line that runs ``script`` in place of the one in ``argv``, for a shell."""
    import shlex

    words = list(argv)
    words[len(words) - len(options.arguments) - 1] = script
    return shlex.join(["sudo", "credhelper-decrypt-run", *words])


def help_text() -> str:
    """What ``--help`` shows."""
    lines = [
        f"usage: {_USAGE}",
        "",
        "Decrypt the credentials that a script needs into memory and run it.",
        "",
    ]
    for short, long, takes, text in OPTIONS:
        flags = ", ".join(flag for flag in (short, long) if flag)
        lines.append(f"  {flags + ' ' + takes:<30} {text}")
    lines += [
        "",
        "examples:",
        "  sudo credhelper-decrypt-run -c my_api_key report.py --fast",
        "  sudo credhelper-decrypt-run --as-invoking-user -e API_KEY=my_api_key deploy.sh",
        "",
        "exit status: the script's own; 125 the runner failed, 126 not to be run, 127 not found.",
        "See credhelper-decrypt-run(8).",
    ]
    return "\n".join(lines)


def _split(word: str) -> tuple[str, str | None]:
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        return flag, value if equals else None
    return word[:2], word[2:] or None


def _take(options: Options, option: str, value: str) -> None:
    if option == "--credential":
        name = _name(value, "after -c")
        if name in options.credentials:
            raise RunnerFailed(f"-c {name} is there twice", "keep one")
        options.credentials.append(name)
    elif option == "--environment":
        variable, equals, name_text = value.partition("=")
        if not equals:
            raise RunnerFailed("-e takes VAR=NAME", "write it as -e API_KEY=my_api_key")
        metadata.check_variable(variable)
        if variable in options.environment:
            raise RunnerFailed(f"-e {variable} is there twice", "keep one")
        options.environment[variable] = _name(name_text, f"after -e {variable}=")
    elif option == "--keep-environment":
        options.keep.append(value)
    elif option == "-m":
        options.module = True
        options.target = value
    elif option == "--python":
        _once(option, options.python)
        options.python = value
    else:
        _once(option, options.user)
        options.user = value


def _once(option: str, there: str) -> None:
    if there:
        raise RunnerFailed(f"{option} is there twice", "keep one")


def _name(text: str, where: str) -> CredentialName:
    """The name; what is none is not repeated, for it may be a value."""
    try:
        return CredentialName(text)
    except CredentialError as error:
        from credhelper import mistakes

        hint = mistakes.REISSUE if mistakes.is_value_like(text) else error.hint
        raise RunnerFailed(f"the credential's name {where} {error.reason}", hint) from None


def _unknown(flag: str) -> RunnerFailed:
    from credhelper.commands.run import meant

    return RunnerFailed(f"unknown option {flag!a}", meant.option(flag) or _HINT)


def _without_script(options: Options) -> str:
    from credhelper.commands.run import meant

    return meant.without_script(options) or _HINT


def _check(options: Options) -> None:
    if options.user and options.as_invoking_user:
        raise RunnerFailed("--user and --as-invoking-user exclude one another", "keep one")
    if options.mask_children and options.no_mask:
        raise RunnerFailed("--mask-children and --no-mask exclude one another", "keep one")
    if options.target == "-" and options.root_owned:
        raise RunnerFailed("--root-owned cannot vouch for standard input", "give a path")
    if options.module and not all(part.isidentifier() for part in options.target.split(".")):
        raise RunnerFailed(f"{options.target!a} is no name of a module", "such as -m json.tool")

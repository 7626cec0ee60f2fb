# SPDX-License-Identifier: MIT
"""The environment that a script gets: made anew, not cleaned.

sudo(8) has removed much already; here nothing passes that is not named. A terminal's name and the
language do, and what sudo itself says of the caller.
"""

from __future__ import annotations

from credhelper.errors import RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
KEPT: Final = frozenset(
    "COLORTERM COLUMNS LANG LANGUAGE LINES NO_COLOR SUDO_COMMAND SUDO_GID SUDO_UID SUDO_USER "
    "TERM TZ".split()
)
_LOCALE: Final = "LC_"
# What makes an interpreter, the loader or libc run or read something: never passed on.
_DANGEROUS_PREFIXES: Final = tuple(
    "BASH_FUNC_ GIT_ LD_ MALLOC_ NODE_ PERL PYTHON RUBY SYSTEMD_".split()
)
_DANGEROUS: Final = frozenset(
    "BASH_ENV BASHOPTS CDPATH CREDENTIALS_DIRECTORY ENV GCONV_PATH GETCONF_DIR GLIBC_TUNABLES "
    "GLOBIGNORE HOME HOSTALIASES IFS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS LOCALDOMAIN LOCPATH "
    "LOGNAME NIS_PATH NLSPATH NSS_WRAPPER_PASSWD OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES PATH "
    "PS4 RESOLV_HOST_CONF RES_OPTIONS SHELL SHELLOPTS SSLKEYLOGFILE TERMCAP TERMINFO TERMINFO_DIRS "
    "TMPDIR TZDIR USER _JAVA_OPTIONS".split()
)


def check_kept(names: Iterable[str]) -> None:
    """Raises :class:`RunnerFailed` for a variable that is never let through."""
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise RunnerFailed(f"{name!a} is no name of a variable", "such as HTTPS_PROXY")
        if name in _DANGEROUS or name.startswith(_DANGEROUS_PREFIXES):
            raise RunnerFailed(
                f"{name} is never let through: it changes what a privileged program runs or reads",
                "set it in the script",
            )


def clean(
    caller: Mapping[str, str], keep: Iterable[str], *, name: str, home: str, shell: str
) -> dict[str, str]:
    """The environment for a script that runs as the user ``name``.

    ``keep`` names what else passes. Values with ``/`` or ``%`` do not pass in variables that name
    a file to libc (language, terminal, time zone), as in sudoers(5).
    """
    made = {"PATH": PATH, "HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell}
    made |= {variable: value for variable, value in caller.items() if _passes(variable, value)}
    for variable in keep:
        if variable in caller:
            made[variable] = caller[variable]
        else:
            _tell_of_missing(variable, by_sudo="SUDO_UID" in caller)
    return made


def _tell_of_missing(variable: str, *, by_sudo: bool) -> None:
    from credhelper.commands import messages

    messages.note(
        f"--keep-environment {variable}: it is not set"
        + (", unless sudo has dropped it before" if by_sudo else ""),
        f"to have sudo keep it: sudo --preserve-env={variable} ..., where sudoers has "
        f'Defaults env_keep += "{variable}"'
        if by_sudo
        else "",
    )


def _passes(variable: str, value: str) -> bool:
    if variable.startswith("SUDO_") and variable in KEPT:
        return True
    if variable == "TZ" and "/" in value:  # the name of a zone (Europe/Berlin), or a file's path
        return value[0] not in "/:" and ".." not in value
    if variable in KEPT or variable.startswith(_LOCALE):
        return not ("/" in value or "%" in value or value[:1] == ":")
    return False

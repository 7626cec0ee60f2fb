# SPDX-License-Identifier: MIT
"""``credhelper-decrypt-run``: decrypts what a script needs into memory, and becomes the script.

The story, top to bottom: take the process back from its caller; open the script once and see who
could have written it; start every decryption; do the rest of start-up meanwhile; hand the values
over; write the journal; run.
"""

from __future__ import annotations

import os
import sys

from credhelper import sealing, store
from credhelper.commands import script, trust
from credhelper.commands.run import hardening, identity, options
from credhelper.errors import CredentialError, CredentialNotFound, RunnerFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, NoReturn

    from credhelper.commands.run.options import Options
    from credhelper.commands.script import Script
    from credhelper.name import CredentialName

_RUNNER_CODES: Final = (125, 126, 127)


def main() -> None:
    """Runs the command line of this process; ends the process on every error."""
    chosen = options.Options()
    target = ""
    try:
        try:
            hardening.open_standard_streams()
            chosen = options.parse(sys.argv[1:])
            if chosen.has("--help") or chosen.has("--version"):
                _tell(chosen)
                return
            hardening.apply()
            target = chosen.target
            invoking = identity.invoking_uid(os.environ)
            owners = trust.ROOT_ALONE if chosen.has("--root-owned") else frozenset({0, invoking})
            opened = _opened(chosen, owners)
            said = script.declared(opened.source)
            wanted = said.environment | chosen.environment
            every = [*said.credentials, *chosen.credentials, *wanted.values()]
            dry = chosen.has("--dry-run")
            blobs, failed = _sealed(list(dict.fromkeys(every)))
            if failed and not dry:
                raise _first(failed)
            unsealing = sealing.Unsealing(blobs, allow_null=chosen.has("--allow-null"))
            try:
                # what is not needed to get here, while systemd-creds runs
                from credhelper.commands.run import interpreter, planning, start

                plan = planning.plan(chosen, opened, blobs, wanted, owners, invoking)
                if plan.interpreter.kind != interpreter.IN_PROCESS:
                    from credhelper.commands.run import execution

                hardening.finish()
                digest = opened.sha256
                results = unsealing.results() | failed
            finally:
                unsealing.cancel()
            if dry:
                from credhelper.commands.run import preview

                sys.exit(0 if preview.show(plan, results) else RunnerFailed.exit_code)
            values = _all_or_none(results)
            del results, unsealing  # this frame stays below the script's, for reports to show
            variables, record = start.hand_over(plan, values, digest)
            if plan.interpreter.kind != interpreter.IN_PROCESS:
                execution.execute(plan, values, variables, record)
        except KeyboardInterrupt:
            raise RunnerFailed("interrupted", "nothing was run") from None
        except OSError as error:
            if isinstance(error, CredentialError):
                raise
            raise RunnerFailed(str(error), "see credhelper-decrypt-run(8)") from None
        except MemoryError:
            raise RunnerFailed("out of memory", "free some, then try again") from None
    except CredentialError as error:
        _fail(error, target, chosen)
    start.run(plan, values, variables, record)


def _opened(chosen: Options, owners: frozenset[int]) -> Script:
    """The script, which only ``owners`` could have written."""
    if chosen.module:
        from credhelper.commands.run import interpreter

        if not chosen.python:
            return interpreter.module(chosen.target, owners)
        return script.Script(chosen.target, "", b"")
    if chosen.target == "-":
        return script.Script("-", "", sys.stdin.buffer.read(script.MAXIMUM_BYTES))
    return script.read(chosen.target, owners)


def _sealed(names: list[CredentialName]) -> tuple[dict[str, bytes], dict[str, CredentialError]]:
    """The sealed credentials, and why others cannot be had."""
    blobs: dict[str, bytes] = {}
    failed: dict[str, CredentialError] = {}
    for name in names:
        try:
            blobs[name] = store.read(name).blob
        except CredentialError as error:
            failed[name] = error
    return blobs, failed


def _first(failed: dict[str, CredentialError]) -> CredentialError:
    """The error to show. Every credential that is missing is named in one."""
    for error in failed.values():
        if not isinstance(error, CredentialNotFound):
            return error
    return CredentialNotFound(
        f"there is no credential {', '.join(failed)}",
        " && ".join(f"sudo credhelper add {name}" for name in failed),
    )


def _all_or_none(results: Mapping[str, bytes | CredentialError]) -> dict[str, bytes]:
    values = {name: value for name, value in results.items() if isinstance(value, bytes)}
    for result in results.values():
        if isinstance(result, CredentialError):
            raise result
    return values


def _tell(chosen: Options) -> None:
    from credhelper.commands.version import VERSION

    print(options.help_text() if chosen.has("--help") else f"credhelper-decrypt-run {VERSION}")


def _fail(error: CredentialError, target: str, chosen: Options) -> NoReturn:
    from credhelper.commands import audit
    from credhelper.commands.cli import terminal

    terminal.error(error)
    if target and os.geteuid() == 0:
        who = audit.invoking_user()
        audit.record(
            audit.REFUSAL,
            f"{who} was refused to run {target}: {error.problem}",
            {
                "CREDHELPER_SCRIPT": target,
                "CREDHELPER_INVOKING_USER": who,
                "CREDHELPER_CREDENTIALS": " ".join(chosen.credentials),
                "CREDHELPER_REASON": error.problem,
            },
            audit.WARNING,
        )
    sys.exit(error.exit_code if error.exit_code in _RUNNER_CODES else RunnerFailed.exit_code)

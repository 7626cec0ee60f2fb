# SPDX-License-Identifier: MIT
"""``credhelper-decrypt-run``: decrypts what a script needs into memory, and becomes the script.

The story, top to bottom: take the process back from its caller; start systemd-creds, which waits
for what it is to decrypt; open the script once and see who could have written it; see whether it
may have what it asks for; have that decrypted, and do the rest of start-up meanwhile; write the
journal; hand the values over; become the script.
"""

from __future__ import annotations

import errno
import os
import sys

from credhelper import store
from credhelper.commands import messages
from credhelper.commands.run import hardening, options
from credhelper.commands.run.options import Options
from credhelper.errors import (
    CredentialError,
    CredentialNotFound,
    RunnerFailed,
    ScriptNotFound,
    Untrusted,
)
from credhelper.unsealing import Unsealing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Final, NoReturn

    from credhelper.commands.run.planning import Plan
    from credhelper.commands.run.python import Running
    from credhelper.name import CredentialName

_NAME: Final = "credhelper-decrypt-run"
_RUNNER_CODES: Final = (125, 126, 127)
_MOMENT_SECONDS: Final = 1.0  # a TPM unseals one credential after the other


def main() -> Running:
    """Makes ready to run the command line of this process; ends the process on every error."""
    messages.speak_as(_NAME)
    chosen = Options()
    try:
        hardening.open_standard_streams()
        chosen = options.parse(sys.argv[1:])
        if chosen.help or chosen.version:
            _tell(chosen)
        hardening.apply()
        unsealing = Unsealing(allow_null=chosen.allow_null)
        try:
            unsealing.expect([*chosen.credentials, *chosen.environment.values()])
            # what is not needed to get here, while systemd-creds starts
            from credhelper.commands import metadata, trust
            from credhelper.commands.run import identity, target

            invoking = identity.invoking_uid(os.environ)
            owners = trust.ROOT_ALONE if chosen.root_owned else frozenset({0, invoking})
            for_another = chosen.root_owned and invoking != 0
            target.resolve(chosen, path_alone=for_another)
            if for_another and not chosen.keep_directory:
                hardening.leave_directory(chosen)
            opened = target.open_script(chosen, owners)
            declared = metadata.declared(opened.text)
            chosen.mask_children |= declared.masks_children
            variables = declared.environment | chosen.environment
            names = [*declared.credentials, *chosen.credentials, *variables.values()]
            unsealing.expect(names)
            from credhelper.commands import grants

            def allowed(name: str) -> None:
                grants.check(name, opened.real, invoking, chosen.python)

            given, blobs, failed = _found(dict.fromkeys(names), allowed)
            if failed and not chosen.dry_run:
                raise _first(failed, variables)
            unsealing.unseal(blobs)
            # the same while it decrypts
            from credhelper.commands.run import handover, interpreter, planning

            plan = planning.plan(
                chosen,
                opened,
                [*given, *blobs],
                variables,
                owners,
                invoking,
                declared.requires_python,
            )
            in_this_process = plan.interpreter.kind == interpreter.IN_PROCESS
            if not in_this_process:
                from credhelper.commands.run import execution
            hardening.finish()
            digest = opened.sha256 if opened.source or not chosen.module else ""
            progress = messages.progress(f"{_NAME}: unsealing", after=_MOMENT_SECONDS)
            results = given | unsealing.results(progress if len(blobs) > 1 else None) | failed
        finally:
            unsealing.cancel()
        if chosen.dry_run:
            _show(plan, results)

        values = _all_or_none(results)
        del given, results, unsealing
        record = handover.hand_over(plan, values, digest)
        if not in_this_process:
            execution.execute(plan, values, record)
    except (CredentialError, KeyboardInterrupt, ImportError, OSError, MemoryError) as error:
        try:
            _fail(_as_ours(error), chosen)
        except (ImportError, MemoryError) as another:  # not even for the record of it
            messages.error(_as_ours(another))
            os._exit(RunnerFailed.exit_code)
    return handover.become_script(plan, values, record)


def _found(
    names: Iterable[CredentialName], allowed: Callable[[str], None]
) -> tuple[dict[str, bytes | CredentialError], dict[str, bytes], dict[str, CredentialError]]:
    """The values of system credentials, the sealed ones, and why others cannot be had: ``allowed``
    raises that, too."""
    given: dict[str, bytes | CredentialError] = {}
    blobs: dict[str, bytes] = {}
    failed: dict[str, CredentialError] = {}
    for name in names:
        try:
            allowed(name)
            value = store.given(name)
            if value is None:
                blobs[name] = store.read(name).blob
            else:
                given[name] = value
        except CredentialError as error:
            failed[name] = error
    return given, blobs, failed


def _first(
    failed: dict[str, CredentialError], variables: Mapping[str, CredentialName]
) -> CredentialError:
    """The error to show. Every credential that is missing is named in one."""
    for error in failed.values():
        if not isinstance(error, CredentialNotFound):
            return error
    from credhelper.commands.run import meant

    missing = store.missing(list(failed))
    missing.hint = meant.names(failed) or missing.hint
    for variable, name in variables.items():
        if name in failed and variable in store.known():
            missing.hint = f"did you mean -e {name}={variable}?"
    return missing


def _all_or_none(results: Mapping[str, bytes | CredentialError]) -> dict[str, bytes]:
    values = {name: value for name, value in results.items() if isinstance(value, bytes)}
    for result in results.values():
        if isinstance(result, CredentialError):
            raise result
    return values


def _tell(chosen: Options) -> NoReturn:
    from credhelper.commands.version import VERSION

    messages.say(options.help_text() if chosen.help else f"{_NAME} {VERSION}")
    sys.exit(messages.finish(0, RunnerFailed.exit_code))


def _show(plan: Plan, results: Mapping[str, bytes | CredentialError]) -> NoReturn:
    from credhelper.commands.run import dry_run

    status = 0 if dry_run.show(plan, results) else RunnerFailed.exit_code
    sys.exit(messages.finish(status, RunnerFailed.exit_code))


def _as_ours(error: BaseException) -> CredentialError:
    """What to tell of ``error``."""
    if isinstance(error, CredentialError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return RunnerFailed("interrupted", "nothing was run")
    if isinstance(error, MemoryError):
        return RunnerFailed("out of memory", "free some, then try again")
    if isinstance(error, ImportError):
        way_out = "free memory or descriptors (ulimit -a), or install it anew"
        return RunnerFailed(f"it cannot start: {error}", way_out)
    if isinstance(error, OSError) and error.filename:
        way_out = "free memory or descriptors (ulimit -a), then try again"
        scarce = error.errno in (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EFBIG)
        hint = way_out if scarce else "see credhelper-decrypt-run(8)"
        return RunnerFailed(f"{error.filename}: {error.strerror}", hint)
    return RunnerFailed(str(error), "see credhelper-decrypt-run(8)")


def _fail(error: CredentialError, chosen: Options) -> NoReturn:
    from credhelper.commands import audit
    from credhelper.commands.run import identity

    if isinstance(error, Untrusted) and error.moved:
        error.hint += f" && {options.with_script(sys.argv[1:], chosen, error.moved)}"
    if isinstance(error, ScriptNotFound):
        from credhelper.commands.run import meant

        error.hint = meant.script(chosen, identity.invoking_uid(os.environ)) or error.hint
    target = chosen.target
    chosen.forget_values()
    if target and os.geteuid() == 0:  # before what may block: stderr is the caller's
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
    messages.error(error)
    sys.exit(error.exit_code if error.exit_code in _RUNNER_CODES else RunnerFailed.exit_code)

# SPDX-License-Identifier: MIT
"""What is left to do of a run once the values are here: the script gets them.

A module of its own, so that it is imported while systemd-creds runs.
"""

from __future__ import annotations

import _signal
import gc
import os

from credhelper import recording
from credhelper.commands import audit
from credhelper.commands.run import delivery, identity, interpreter, python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credhelper.commands.run.planning import Plan


def hand_over(plan: Plan, values: dict[str, bytes], digest: str) -> dict[str, str]:
    """Records the run, puts ``values`` where the script finds them, and becomes its user.

    Returns the fields with which to record what the script decrypts on demand. Raises
    :class:`credhelper.errors.RunnerFailed`.
    """
    if plan.options.share_with_children:
        from credhelper.commands import messages

        messages.note("--share-with-children is ignored: every child sees the credentials")
    if values and plan.masks and not plan.masks_children:
        _tell_what_is_not_masked(plan)
    if not plan.names and plan.interpreter.kind not in (interpreter.IN_PROCESS, interpreter.PYTHON):
        from credhelper.commands import messages

        messages.note(
            f"{plan.script.path} declares no credentials, and none is given",
            "declare them in its comments, or give -c NAME before it",
        )
    if not plan.names and "-c" in plan.options.arguments:
        from credhelper.commands.run import meant

        meant.tell_of_options_after(plan.options.arguments)
    delivery.check_variables(plan.variables, values)
    run = os.urandom(16).hex()
    record = _record(plan, digest, run)
    os.environ.clear()
    os.environ.update(plan.environment)
    os.environ[recording.RUN_VARIABLE] = run
    if values:
        os.environ["CREDENTIALS_DIRECTORY"] = delivery.deliver(
            values, plan.account.pw_uid, plan.account.pw_gid
        )
    apart = identity.terminal_is_anothers(plan.account.pw_uid, named=bool(plan.options.user))
    if apart or plan.masks_children:
        from credhelper.commands.run import relay

        relay.stand_between(values, uid=plan.account.pw_uid, apart=apart, masks=plan.masks_children)
    if plan.account.pw_uid:
        identity.become(plan.account)
    if apart or plan.masks_children:
        from credhelper.commands import kernel

        kernel.prctl(kernel.PR_SET_PDEATHSIG, _signal.SIGKILL)
    return record


def _tell_what_is_not_masked(plan: Plan) -> None:
    from credhelper.commands.run import interpreter

    if plan.interpreter.kind == interpreter.PROGRAM:
        from credhelper.commands import messages

        program = plan.interpreter.argv[0] if plan.interpreter.argv else plan.script.path
        messages.note(
            f"what {os.path.basename(program)} writes is not masked",
            "--mask-children masks it; --no-mask is silent about it",
        )


def become_script(plan: Plan, values: dict[str, bytes], record: dict[str, str]) -> python.Running:
    """Makes ready to run the script in this process."""
    script = plan.python_script(record)
    user, file = plan.account.pw_uid, plan.script.descriptor
    if user and file >= 0 and os.fstat(file).st_uid == user:
        python.find_packages_of_user()
    plan.script.close()
    # what is here stays to the end: Python need not go through it time and again, nor when it ends
    gc.freeze()
    gc.enable()  # which the launcher stopped
    return python.become_script(script, values)


def _record(plan: Plan, digest: str, run: str) -> dict[str, str]:
    """Records the run; the fields with which to record more of it."""
    fields = {
        "CREDHELPER_CREDENTIALS": " ".join(plan.names),
        "CREDHELPER_SCRIPT": plan.script.real or plan.script.path,
        "CREDHELPER_SCRIPT_SHA256": digest,
        "CREDHELPER_INVOKING_USER": audit.invoking_user(),
        "CREDHELPER_RUN_AS": plan.account.pw_name,
        "CREDHELPER_INTERPRETER": plan.interpreter.shown,
        "CREDHELPER_RUN": run,
    }
    if plan.read_again:
        fields["CREDHELPER_SCRIPT_READ"] = "again"
    names = fields["CREDHELPER_CREDENTIALS"] or "no declared credentials"
    message = (
        f"{fields['CREDHELPER_INVOKING_USER']} runs {fields['CREDHELPER_SCRIPT']} "
        f"as {fields['CREDHELPER_RUN_AS']} with {names}"
    )
    # without a journal, said once; only root can decrypt more
    recorded = audit.record(audit.RUN, message, fields)
    return fields if recorded and plan.account.pw_uid == 0 else {}

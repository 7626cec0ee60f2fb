# SPDX-License-Identifier: MIT
"""The start of another Python: that of a virtual environment, or one with options of its own.

Executed by path in place of the runner. It takes the script and the plan from a descriptor, makes
``import credhelper`` work there though it is not installed there, and runs the script.
"""

import marshal
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_NAME = "credhelper-decrypt-run"
_TOO_OLD = 125


TYPE_CHECKING = False
if TYPE_CHECKING:
    from credhelper.commands.run.python import Running


def main() -> "Running":
    """Makes ready to run what the descriptor in the first argument describes: a ``Running``."""
    with open(int(sys.argv[1]), "rb") as file:
        described = marshal.load(file)  # noqa: S302 # from the runner, in memory
    if sys.version_info < (3, 11):  # noqa: UP036 # it is the script's Python, whichever that is
        print(f"{_NAME}: error: {sys.executable} is older than Python 3.11", file=sys.stderr)
        print(f"{_NAME}: hint: recreate the environment with a newer one", file=sys.stderr)
        sys.exit(_TOO_OLD)
    sys.path.insert(0, os.path.join(_HERE, "importable"))
    from credhelper.commands import kernel, messages
    from credhelper.commands.run import python

    messages.speak_as(_NAME)
    sys.path.append(sys.path.pop(0))  # for multiprocessing, which hands the path on
    places = [os.environ.get("PYTHONPATH"), sys.path[-1]]  # for a server that starts itself anew
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    if sys.dont_write_bytecode:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    kernel.keep_memory_private()
    script = python.PythonScript(**described)
    del described
    if script.requires_python:
        from credhelper.commands import messages, requires_python
        from credhelper.errors import RunnerFailed

        try:
            requires_python.check(script.requires_python)
        except RunnerFailed as error:
            messages.speak_as("credhelper-decrypt-run")
            messages.error(error)
            sys.exit(error.exit_code)
    values = {}
    for name in script.names:
        with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], name), "rb") as file:
            values[name] = file.read()
    return python.become_script(script, values)


if __name__ == "__main__":
    script = main()
    try:
        script.function(*script.arguments), script.leave()  # type: ignore[func-returns-value] # see Running
    except BaseException as error:
        script.fail(error)
        raise

"""The start of another Python: that of a virtual environment, or one with options of its own.

Executed by path in place of the runner. It takes the script and the plan from a descriptor, makes
``import credhelper`` work there though it is not installed there, and runs the script.
"""

import marshal
import os
import sys


class _Finder:
    """Finds the package ``credhelper``, and nothing else, where this file is."""

    @staticmethod
    def find_spec(name, _path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "credhelper":
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, [_SITE], target)


_SITE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main() -> None:
    """Runs what the descriptor in the first argument describes."""
    with open(int(sys.argv[1]), "rb") as file:
        plan = marshal.load(file)  # noqa: S302 # from the runner, in memory
    if sys.version_info < (3, 11):  # noqa: UP036 # it is the script's Python, whichever that is
        sys.exit(f"credhelper: error: {sys.executable} is older than Python 3.11")
    sys.meta_path.insert(0, _Finder)
    writes = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # another version's files would be left in the system's tree
    from credhelper import kernel
    from credhelper.run import python

    kernel.keep_memory_private()
    values = {}
    for name in plan["names"]:
        with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], name), "rb") as file:
            values[name] = file.read()
    for variable, name in plan["environment"].items():
        os.environ[variable] = os.fsdecode(values[name])
    if plan["mask"]:
        python.mask(values, on_demand=plan["on_demand"])
    del values
    sys.dont_write_bytecode = writes
    if plan["module"]:
        python.run_module(plan["path"], plan["arguments"])
    else:
        python.run(plan["source"], plan["path"], plan["directory"], plan["arguments"])


if __name__ == "__main__":
    main()

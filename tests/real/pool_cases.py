# SPDX-License-Identifier: MIT
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///
# mypy: ignore-errors
"""Workers of process pools that print a credential: a script of a run.

Its arguments are how they are started; ``late`` has it load another credential on the way.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import sys

from credhelper import load

if __name__ == "__mp_main__":  # imported by a worker, or by the server of workers
    print(__name__, load("my_api_key"))


def say(where: str, value: str = "") -> int:
    """What a worker does; its ``value`` is one that only the first process has decrypted."""
    print(where, load("my_api_key"), value, flush=True)
    print(where, "stderr", value or load("my_api_key"), file=sys.stderr, flush=True)
    return len(load("my_api_key"))


def fail(where: str) -> None:
    """What a worker does that fails, with the value in its traceback."""
    raise RuntimeError(f"{where} {load('my_api_key')}")


def nested(method: str) -> None:
    """What a worker does that has a worker itself."""
    process = multiprocessing.get_context(method).Process(target=say, args=["nested"])
    process.start()
    process.join()


def main() -> None:
    """Each way, with each method."""
    late = ""
    for method in [word for word in sys.argv[1:] if word != "late"]:
        context = multiprocessing.get_context(method)
        with context.Pool(1, initializer=say, initargs=[f"{method} initializer"]) as pool:
            print(pool.apply(say, [f"{method} pool"]))
            pool.close()
            pool.join()
        late = late or (load("loaded_late") if "late" in sys.argv else "")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            print(executor.submit(say, f"{method} executor", late).result())
            failed = executor.submit(fail, f"{method} executor fails").exception()
            print(failed, failed.__cause__)
        for target, words in ((fail, [f"{method} fails"]), (nested, [method])):
            process = context.Process(target=target, args=words)
            process.start()
            process.join()
            print(process.exitcode)


if __name__ == "__main__":
    main()

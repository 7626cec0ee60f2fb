# SPDX-License-Identifier: MIT
"""Runs one of CPython's test modules with another program in the place of its ``sys.executable``.

``driver.py MODULE EXECUTABLE RESULT``, by the Python whose tests they are: standard library only.
RESULT becomes JSON: how many tests ran, how many were skipped, and which of them failed.
"""

import json
import sys
import unittest


class Failures(unittest.TestResult):
    """Remembers the names of what fails."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def addError(self, test, err):  # type: ignore[no-untyped-def] # noqa: N802
        """As :meth:`unittest.TestResult.addError`."""
        super().addError(test, err)
        self.names.add(test.id())

    def addFailure(self, test, err):  # type: ignore[no-untyped-def] # noqa: N802
        """As :meth:`unittest.TestResult.addFailure`."""
        super().addFailure(test, err)
        self.names.add(test.id())

    def addSubTest(self, test, subtest, err):  # type: ignore[no-untyped-def] # noqa: N802
        """As :meth:`unittest.TestResult.addSubTest`."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.names.add(test.id())


def main() -> None:
    """Runs the module."""
    module, executable, result = sys.argv[1:]
    sys.executable = executable
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    failures = Failures()
    suite.run(failures)
    told = {
        "ran": failures.testsRun,
        "skipped": len(failures.skipped),
        "failed": sorted(failures.names),
        "why": [text for _, text in (*failures.failures, *failures.errors)],
    }
    with open(result, "w", encoding="utf-8") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Runs one of CPython's test modules with another program in the place of its ``sys.executable``.

``driver.py MODULE EXECUTABLE RESULT [NAME]...``, by the Python whose tests they are: standard
library only. RESULT becomes JSON: how many tests ran, and which of them failed with what traceback.
NAMEs, without ``test.`` in front, are the tests to run; all of the module without them.
"""

import json
import sys
import unittest
from collections.abc import Iterator
from typing import Any


class Failures(unittest.TestResult):
    """Remembers what fails."""

    def __init__(self) -> None:
        super().__init__()
        self.tracebacks: dict[str, str] = {}

    def addError(self, test, err):  # type: ignore[no-untyped-def] # noqa: N802
        """As :meth:`unittest.TestResult.addError`."""
        super().addError(test, err)
        self.tracebacks[test.id()] = self.errors[-1][1]

    def addFailure(self, test, err):  # type: ignore[no-untyped-def] # noqa: N802
        """As :meth:`unittest.TestResult.addFailure`."""
        super().addFailure(test, err)
        self.tracebacks[test.id()] = self.failures[-1][1]

    def addSubTest(self, test, subtest, err):  # type: ignore[no-untyped-def] # noqa: N802
        """As :meth:`unittest.TestResult.addSubTest`."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            kinds = self.failures if issubclass(err[0], test.failureException) else self.errors
            self.tracebacks[test.id()] = kinds[-1][1]


def tests_of(suite: Any) -> Iterator[unittest.TestCase]:
    """Each test of ``suite`` and of those within it."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def main() -> None:
    """Runs the module."""
    module, executable, result, *names = sys.argv[1:]
    sys.executable = executable
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    if names:
        wanted = {f"test.{name}" for name in names}
        suite = unittest.TestSuite(test for test in tests_of(suite) if test.id() in wanted)
    failures = Failures()
    suite.run(failures)
    told = {"ran": failures.testsRun, "failed": failures.tracebacks}
    with open(result, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""For every kind of test here."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# programs run in some examples, and builders may be slow (an emulated processor): their time says
# nothing of the code. The same examples each time:
# what a change breaks is seen at once, and what only chance finds is for the long runs
settings.register_profile(
    "here",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=True,
)
settings.register_profile(
    "long", settings.get_profile("here"), max_examples=20_000, derandomize=False
)
settings.load_profile("here")

# nohup(1) and a shell's background jobs ignore them, and so would each program that a test signals
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        interrupts = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if interrupts else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _unmeasured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps coverage out of the children of tests that it would disturb.

    It writes files as whatever user they became, and handles signals and the end of Python itself.
    """
    if request.node.get_closest_marker("unmeasured"):
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            monkeypatch.delenv(name)

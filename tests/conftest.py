"""For every kind of test here."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# programs run in some examples: their time says nothing of the code
settings.register_profile("here", deadline=None, print_blob=True)
settings.register_profile("long", settings.get_profile("here"), max_examples=20_000)
settings.load_profile("here")


@pytest.fixture(autouse=True)
def _unmeasured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps coverage out of the children of tests that it would disturb.

    It writes files as whatever user they became, and handles signals and the end of Python itself.
    """
    if request.node.get_closest_marker("unmeasured"):
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            monkeypatch.delenv(name)

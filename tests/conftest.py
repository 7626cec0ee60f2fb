"""For every kind of test here."""

from __future__ import annotations

from hypothesis import settings

# programs run in some examples: their time says nothing of the code
settings.register_profile("here", deadline=None, print_blob=True)
settings.register_profile("long", settings.get_profile("here"), max_examples=20_000)
settings.load_profile("here")

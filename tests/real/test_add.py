"""``credhelper add``."""

from __future__ import annotations

from tests.real.conftest import STORE, Finished, Runs, unseal
from tests.real.terminal import Hidden


def test_a_piped_value_is_sealed_under_its_name(credhelper: Runs) -> None:
    finished = credhelper("add", "my_api_key", input="sk-1234\n")
    assert finished == Finished(0, b"added my_api_key, bound to: host\n", b"")
    assert unseal(STORE / "my_api_key") == b"sk-1234"


def test_typed(credhelper: Runs) -> None:
    finished = credhelper(
        "add",
        "my_api_key",
        tty=[("Value of my_api_key:", Hidden("sk-1234\n")), ("again:", Hidden("sk-1234\n"))],
    )
    assert finished.status == 0
    assert b"sk-1234" not in finished.stdout
    assert unseal(STORE / "my_api_key") == b"sk-1234"

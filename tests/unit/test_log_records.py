# SPDX-License-Identifier: MIT
"""The journal's records as ``credhelper log`` reads them."""

from __future__ import annotations

from credhelper.commands import audit
from credhelper.commands.cli import log


def entry(**fields: object) -> dict[str, object]:
    return {"__REALTIME_TIMESTAMP": "1767225600000000", "MESSAGE_ID": audit.RUN, **fields}


def test_a_run() -> None:
    record = log._record(
        entry(
            CREDHELPER_CREDENTIALS="a b",
            CREDHELPER_SCRIPT="/opt/jobs/report.py",
            CREDHELPER_INVOKING_USER="ada",
            MESSAGE="ada ran it",
        )
    )
    assert record["event"] == "run"
    assert record["credentials"] == "a b"
    assert record["script"] == "/opt/jobs/report.py"
    assert record["invoking_user"] == "ada"
    assert record["operation"] == ""
    assert record["time"][:4] in {"2025", "2026"}


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    # journalctl(1): a field that is not printable is an array of numbers
    record = log._record(entry(CREDHELPER_SCRIPT=list(b"/opt/\xff.py")))
    assert record["script"] == "/opt/\ufffd.py"


def test_a_field_twice_and_a_field_too_large_are_no_trouble() -> None:
    record = log._record(entry(CREDHELPER_SCRIPT=["a", "b"], CREDHELPER_CREDENTIALS=None))
    assert record["credentials"] == ""
    assert record["script"] == "a b"


def test_an_unknown_event_has_no_name() -> None:
    assert log._record(entry(MESSAGE_ID="0" * 32))["event"] == ""

# SPDX-License-Identifier: MIT
"""The journal's records as ``credhelper log`` reads them."""

from __future__ import annotations

from credhelper.commands import audit, records


def entry(**fields: object) -> dict[str, object]:
    return {"__REALTIME_TIMESTAMP": "1767225600000000", "MESSAGE_ID": audit.RUN, **fields}


def test_a_run() -> None:
    record = records._record(
        entry(
            CREDHELPER_CREDENTIALS="a b",
            CREDHELPER_SCRIPT="/opt/jobs/report.py",
            CREDHELPER_INVOKING_USER="ada",
            MESSAGE="ada ran it",
        )
    )
    assert record.event == "run"
    assert record.credentials == ("a", "b")
    assert record.script == "/opt/jobs/report.py"
    assert record.invoking_user == "ada"
    assert record.operation == ""
    assert record.when == 1767225600


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    # journalctl(1): a field that is not printable is an array of numbers
    record = records._record(entry(CREDHELPER_SCRIPT=list(b"/opt/\xff.py")))
    assert record.script == "/opt/\ufffd.py"


def test_a_field_twice_and_a_field_too_large_are_no_trouble() -> None:
    record = records._record(entry(CREDHELPER_SCRIPT=["a", "b"], CREDHELPER_CREDENTIALS=None))
    assert record.credentials == ()
    assert record.script == "a b"


def test_an_unknown_event_has_no_name() -> None:
    assert records._record(entry(MESSAGE_ID="0" * 32)).event == ""


def test_the_last_use_of_each_credential() -> None:
    runs = [
        records._record(
            entry(
                __REALTIME_TIMESTAMP=str(when * 1_000_000),
                CREDHELPER_CREDENTIALS=names,
                CREDHELPER_SCRIPT=script,
                MESSAGE_ID=event,
            )
        )
        for when, names, script, event in (
            (1, "a b", "/opt/old.py", audit.RUN),
            (2, "b", "/opt/new.py", audit.ON_DEMAND),
            (3, "a", "/opt/refused.py", audit.REFUSAL),
            (4, "a b", "", audit.STORE_CHANGE),
        )
    ]
    last = records._last_uses(runs)
    assert {name: record.script for name, record in last.items()} == {
        "a": "/opt/old.py",
        "b": "/opt/new.py",
    }

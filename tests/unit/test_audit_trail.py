# SPDX-License-Identifier: MIT
"""The kernel's audit records, as the kernel and auditd(8) write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credhelper import recording
from credhelper.commands import audit, audit_trail

TEXT = (
    "pid=77 uid=0 auid=1000 ses=3 subj=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 "
    f'msg=\'op=credhelper id="{audit.RUN}" credentials="key" script={{}}\''
)
RAW = "type=TRUSTED_APP msg=audit(1767225600.123:45): " + TEXT.format('"/opt/a.py"')
ENRICHED = RAW + '\x1dUID="root" AUID="alice"'


@pytest.mark.parametrize("line", [RAW, ENRICHED])
def test_what_auditd_has_on_file(line: str) -> None:
    (entry,) = audit_trail.from_raw([line, "type=USER_CMD msg=audit(1.0:1): pid=1 uid=0"], 0.0)
    assert entry["MESSAGE_ID"] == audit.RUN
    assert entry["__REALTIME_TIMESTAMP"] == "1767225600123000"
    assert (entry["_PID"], entry["_AUDIT_LOGINUID"]) == ("77", "1000")
    assert entry["CREDHELPER_CREDENTIALS"] == "key"
    assert entry["CREDHELPER_SCRIPT"] == "/opt/a.py"
    assert audit_trail.from_raw([line], 1767225601.0) == []


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("uid=0 ", "uid=1000 ").format('"x"'),
        TEXT.replace("op=credhelper ", "op=other ").format('"x"'),
        "pid=1 uid=1000 auid=1000 msg='op=x' " + TEXT.format('"x"'),
        "",
    ],
)
def test_what_others_write_is_not_taken_for_ours(text: str) -> None:
    assert audit_trail.parse(text, 0) is None


@given(st.binary(max_size=1024).filter(lambda raw: b"\0" not in raw))
def test_any_value_arrives(raw: bytes) -> None:
    """File names need not be text, and may look like fields."""
    value = raw.decode("utf-8", "surrogateescape")
    written = recording.audit_value(value)
    assert not set(written.strip('"')) & set("'\" \n")
    entry = audit_trail.parse(TEXT.format(written), 0)
    assert entry
    assert entry["CREDHELPER_SCRIPT"] == value
    assert entry["CREDHELPER_CREDENTIALS"] == "key"


def test_a_value_that_is_cut_says_so() -> None:
    assert recording.audit_value("x" * 1025) == f'"{"x" * 1024}..."'


def test_each_credential_that_one_process_loads_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever floods the journal may have it take one record of a moment and lose the next."""
    lines = [
        RAW.replace(audit.RUN, audit.ON_DEMAND).replace('"key"', f'"{name}"')
        for name in ("first", "second", "x" * 1024 + "...")
    ]
    monkeypatch.setattr(audit_trail, "_from_journald", lambda _: [])
    monkeypatch.setattr(audit_trail, "_from_auditd", lambda _: audit_trail.from_raw(lines, 0.0))
    first, second, long = audit_trail.from_raw(lines, 0.0)
    long["CREDHELPER_CREDENTIALS"] = list(b"x" * 2000)  # whole, and as bytes
    assert audit_trail.missing([first, long], None) == [second]

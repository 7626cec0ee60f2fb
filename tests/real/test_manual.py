# SPDX-License-Identifier: MIT
"""The EXAMPLES of the man pages run as they stand there, in turn, and do what is said."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from credhelper.commands import sudoers
from tests.real.conftest import ROOT, STORE, Finished, Runs, unseal
from tests.real.running import ALICE, Writes
from tests.real.servers import Asked

pytest_plugins = ("tests.real.runner_fixtures", "tests.real.documented")
VALUE = "dummy-new-0123456789"


def examples(page: str) -> str:
    """The section, as man(1) shows it."""
    text = (ROOT / "man" / page).read_text()
    found = re.search(r"^\.Sh EXAMPLES$(.*?)^\.Sh ", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1].replace("\\e", "\\").replace("\\&", "")


def commands(page: str) -> list[list[str]]:
    """The words of each command, without sudo."""
    shown = re.findall(r"^\$ ((?:.*\\\n)*.*)", examples(page), re.MULTILINE)
    split = [shlex.split(line.replace("\\\n", " ")) for line in shown]
    assert [words[0] for words in split] == ["sudo"] * len(split)
    return [words[1:] for words in split]


@pytest.fixture
def next_of(
    place: Path, credhelper: Runs, decrypt_run: Runs
) -> Callable[..., Callable[..., Finished]]:
    """``next_of(page)`` gives what runs the next command of the page, and returns what it did."""

    def begun(page: str) -> Callable[..., Finished]:
        left = iter(commands(page))

        def run(begins: str, **how: object) -> Finished:
            program, *words = next(left)
            assert " ".join(words).startswith(begins)
            words = [word.replace("host+tpm2", "host") for word in words]  # no TPM2 is here
            runs = {"credhelper": credhelper, "credhelper-decrypt-run": decrypt_run}[program]
            finished = runs(*words, cwd=place, **{"input": VALUE, **how})
            assert (finished.status, "error: " in finished.err) == (0, False), finished.err
            return finished

        return run

    return begun


def test_credhelper(
    next_of: Callable[..., Callable[..., Finished]], place: Path, credhelper: Runs
) -> None:
    (STORE / "my_api_key").unlink()
    (place / "tls.pem").write_text(
        "-----BEGIN PRIVATE KEY-----\ndummy\n-----END PRIVATE KEY-----\n"
    )
    run = next_of("credhelper.8")

    run("add my_api_key")
    assert "with: Bearer [credential my_api_key]\n" in run("-c my_api_key report.py").out
    run("rotate my_api_key", input="dummy-newer-0123456789")
    assert unseal(STORE / "my_api_key") == b"dummy-newer-0123456789"

    before = sorted(STORE.iterdir())
    run("import .env --dry-run")
    assert (sorted(STORE.iterdir()), (place / ".env").exists()) == (before, True)
    run("import .env --delete-source")
    assert unseal(STORE / "other_api_key") == b"dummy-fedcba9876543210"
    assert not (place / ".env").exists()

    run("add web_tls --from-file tls.pem")
    assert unseal(STORE / "web_tls") == (place / "tls.pem").read_bytes()
    shown = re.search(r"^web_tls +host +(\S+)", credhelper("list", "--verify").out, re.MULTILINE)
    assert shown
    assert 89 <= (date.fromisoformat(shown[1]) - datetime.now(UTC).date()).days <= 91

    run("sudoers /opt/jobs/report.py --group ops --install")
    [drop_in] = [p for p in Path(sudoers.DIRECTORY).iterdir() if p.name.endswith("--group-ops")]
    rule = drop_in.read_text()
    drop_in.unlink()
    assert re.search(r"^%ops .*NOPASSWD:.*/opt/jobs/report.py", rule, re.MULTILINE)


def test_the_runner(
    next_of: Callable[..., Callable[..., Finished]], place: Path, users: None
) -> None:
    assert users is None
    (place / "deploy.sh").write_text('#!/bin/sh\nid -un; [ "$API_KEY" ] && echo has the key\n')
    run = next_of("credhelper-decrypt-run.8")
    assert "with: Bearer [credential my_api_key]\n" in run("report.py --fast").out
    hers = {"SUDO_UID": str(ALICE.uid), "SUDO_GID": str(ALICE.uid), "SUDO_USER": ALICE.name}
    assert run("--as-invoking-user", env=hers).out == "alice\nhas the key\n"
    assert run("-c signing_key").out.startswith("-----BEGIN PUBLIC KEY-----")
    looked = run("--dry-run report.py").out
    assert "my_api_key" in looked
    assert "asks:" not in looked


def test_the_library(
    sealed: Callable[..., Path], write: Writes, decrypt_run: Runs, server: Asked
) -> None:
    sealed("my_api_key", VALUE)
    [script] = re.findall(
        r"^\.Bd .*?\n(.*?)^\.Ed", examples("credhelper.3"), re.DOTALL | re.MULTILINE
    )
    script = script.replace("https://api.example", server.url)
    finished = decrypt_run(str(write(script.replace("/usr/bin/python3", sys.executable))))
    assert (finished.status, finished.out) == (0, "\n"), finished.err
    assert server.headers == [f"Bearer {VALUE}"]


def test_every_page_is_looked_at() -> None:
    pages = {path.name for path in (ROOT / "man").iterdir() if ".Sh EXAMPLES" in path.read_text()}
    assert pages == {"credhelper.8", "credhelper-decrypt-run.8", "credhelper.3"}
    assert {name: len(commands(name)) for name in sorted(pages)} == {
        "credhelper-decrypt-run.8": 4,
        "credhelper.3": 0,
        "credhelper.8": 7,
    }

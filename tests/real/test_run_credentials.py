# SPDX-License-Identifier: MIT
"""Which credentials a run gets, and what it is told if it does not get one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.real.conftest import STORE, Record, Runs
from tests.real.running import DECLARING, VALUE, Sealed, Writes

pytest_plugins = ("tests.real.runner_fixtures",)


def test_declared_ones_are_there_without_decrypting_again(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    path = sealed("my_api_key", VALUE)
    sealed("other", "0ther-v4lue-7f")
    script = write(
        DECLARING
        + f"""\
    import os, credhelper
    os.unlink({str(path)!r})
    directory = os.environ["CREDENTIALS_DIRECTORY"]
    print(sorted(os.listdir(directory)))
    print(credhelper.load("my_api_key") == os.environ["API_KEY"] == {VALUE!r})
    print(open(directory + "/my_api_key").read() == {VALUE!r})
    print(os.environ["OTHER"] == credhelper.load("other") == "0ther-v4lue-7f")
    print(oct(os.stat(directory).st_mode), oct(os.stat(directory + "/other").st_mode))
    try:
        open(directory + "/new", "w")
    except OSError as error:
        print(error.strerror)
    """
    )
    finished = decrypt_run("-e", "OTHER=other", str(script))
    assert finished.err == ""
    assert finished.out.splitlines() == [
        "['my_api_key', 'other']",
        "True",
        "True",
        "True",
        "0o40500 0o100400",
        "Read-only file system",
    ]


def test_with_a_directory_of_dummies_plain_python_does_the_same(
    sealed: Sealed, write: Writes, decrypt_run: Runs, environment: dict[str, str], scratch: Path
) -> None:
    """So that a script can be tried without root and without systemd."""
    sealed("my_api_key", "dummy")
    (scratch / "dummies").mkdir()
    (scratch / "dummies/my_api_key").write_text("dummy")
    script = write(
        DECLARING
        + """\
    import os
    from credhelper import CredentialNotFound, load
    with open(os.environ["CREDENTIALS_DIRECTORY"] + "/my_api_key") as file:
        print(len(load("my_api_key")), file.read() == load("my_api_key"))
    try:
        load("absent")
    except CredentialNotFound as error:
        print(error)
    """
    )
    plain = subprocess.run(
        [sys.executable, str(script)],
        env=environment | {"CREDENTIALS_DIRECTORY": str(scratch / "dummies")},
        capture_output=True,
        check=False,
    )
    assert plain.stdout.startswith(b"5 True\ncredential absent is not in $CREDENTIALS_DIRECTORY")
    assert decrypt_run(str(script)).stdout == plain.stdout


def test_a_script_written_for_systemd_creds_runs_unchanged(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write(
        """\
        import subprocess
        path = "/etc/credstore.encrypted/my_api_key"
        argv = ["systemd-creds", "decrypt", "--newline=no", path, "-"]
        key = subprocess.run(argv, check=True, capture_output=True).stdout
        print(len(key))
        """
    )
    assert decrypt_run(str(script)).out == f"{len(VALUE)}\n"


def test_undeclared_ones_are_decrypted_on_demand(
    sealed: Sealed, write: Writes, decrypt_run: Runs, journal: Callable[[int], list[Record]]
) -> None:
    sealed("my_api_key", VALUE)
    script = write(
        f"""\
        from credhelper import load
        print(load("my_api_key") == {VALUE!r}, load("my_api_key"))
        """
    )
    journal(1).clear()
    finished = decrypt_run(str(script), env={"SUDO_USER": "alice"})
    assert finished.out == "True [credential my_api_key]\n"
    run, demand = journal(2)
    assert run["MESSAGE"] == f"alice runs {script} as root with no declared credentials"
    assert demand["MESSAGE"] == f"{script} loads my_api_key for alice"
    assert demand["CREDHELPER_CREDENTIALS"] == "my_api_key"
    assert demand["CREDHELPER_SCRIPT_SHA256"] == run["CREDHELPER_SCRIPT_SHA256"]


def test_every_missing_one_is_named_at_once(
    sealed: Sealed, write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    sealed("here", VALUE)
    script = write(DECLARING + "    open('started', 'w')\n")
    finished = decrypt_run("-c", "here", "-c", "gone", str(script), cwd=scratch)
    assert finished.status == 125
    assert finished.out == ""
    assert finished.err == (
        "credhelper-decrypt-run: error: there is no credential my_api_key, gone\n"
        "credhelper-decrypt-run: hint: add them: sudo credhelper add my_api_key "
        "&& sudo credhelper add gone; to see them all: sudo credhelper list\n"
    )
    assert not (scratch / "started").exists()


def test_one_that_does_not_decrypt_stops_the_run(
    sealed: Sealed, write: Writes, decrypt_run: Runs, scratch: Path
) -> None:
    sealed("good", VALUE)
    sealed("my_api_key", VALUE).rename(STORE / "renamed")
    script = write("open('started', 'w')\n")
    finished = decrypt_run("-c", "good", "-c", "renamed", str(script), cwd=scratch)
    assert finished.status == 125
    assert "credential renamed was sealed under another name" in finished.err
    assert VALUE not in finished.err
    assert not (scratch / "started").exists()


def test_the_null_key_has_to_be_asked_for(
    credhelper: Runs, write: Writes, decrypt_run: Runs
) -> None:
    assert credhelper("add", "open", "--with-key=null", input="not a secret").status == 0
    script = write("from credhelper import load; print(len(load('open')))")
    refused = decrypt_run("-c", "open", str(script))
    assert refused.status == 125
    assert "null key" in refused.err
    assert decrypt_run("--allow-null", "-c", "open", str(script)).out == "12\n"


def test_a_variable_cannot_hold_a_zero_byte(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("binary", b"a\0secret")
    for text in ("print('started')", "#!/bin/sh\necho started"):
        finished = decrypt_run("-e", "X=binary", str(write(text)))
        assert (finished.status, finished.out) == (125, "")
        assert "credential binary holds a zero byte" in finished.err
        assert "secret" not in finished.err


def test_a_variable_that_the_kernel_would_not_take(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    """Nothing that the script starts could be executed with it, and no other program at all."""
    most = 32 * os.sysconf("SC_PAGE_SIZE") - 1 - len("BLOB=")
    sealed("large", b"x" * (most + 1))
    sealed("fits", b"y" * most)
    for text in ("print('started')", "#!/bin/sh\necho started"):
        refused = decrypt_run("-e", "BLOB=large", str(write(text)))
        assert (refused.status, refused.out) == (125, "")
        assert "credential large is too long for the variable BLOB" in refused.err
        assert f"one holds {most + 5} bytes at most" in refused.err
        assert decrypt_run("-e", "BLOB=fits", str(write(text))).out == "started\n"


def test_values_of_every_byte_arrive_whole(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    value = bytes(range(1, 256)) * 3
    sealed("binary", value)
    script = write(
        """\
        import os, sys, credhelper
        value = credhelper.load_bytes("binary")
        assert value == os.environb[b"X"] == bytes(range(1, 256)) * 3
        """
    )
    assert decrypt_run("-e", "X=binary", str(script)).err == ""


def test_a_store_that_others_could_have_written(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("my_api_key", VALUE)
    script = write("print('started')")
    STORE.chmod(0o777)
    finished = decrypt_run("-c", "gone", "-c", "my_api_key", str(script))
    assert (finished.status, finished.out) == (125, "")
    assert str(STORE) in finished.err


def test_a_value_that_is_not_masked_is_reported(
    sealed: Sealed, write: Writes, decrypt_run: Runs
) -> None:
    sealed("pin", "123")
    script = write("from credhelper import load; print(load('pin'))")
    finished = decrypt_run("-c", "pin", str(script))
    assert finished.out == "123\n"
    assert finished.err == "credhelper-decrypt-run: note: not masked: pin (a number)\n"

# SPDX-License-Identifier: MIT
"""``load()`` from the store: once a process, beside threads, forks and signals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import credhelper
from credhelper import loading
from credhelper.commands import sealing
from tests.real import tracing
from tests.real.conftest import OTHER_STORES, STORE, SYSTEMD_CREDS, Finished, Runs, unseal

VALUE: Final = "sk-" + os.urandom(24).hex()


@pytest.fixture
def script(environment: dict[str, str], tmp_path: Path) -> Callable[..., Finished]:
    """``script(text)`` runs a Python program as root, as a plain ``python3`` would."""

    def run(text: str, *before: str, env: dict[str, str] | None = None) -> Finished:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(text))
        finished = subprocess.run(
            [*before, sys.executable, str(path)],
            input=b"",
            capture_output=True,
            env=environment | (env or {}),
            check=False,
            timeout=120,
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr)

    return run


def test_the_value(sealed: Callable[..., Path]) -> None:
    sealed("my_api_key", f" {VALUE}\n")
    assert credhelper.load("my_api_key") == VALUE
    assert credhelper.load_bytes("my_api_key") == f" {VALUE}\n".encode()


def test_what_the_directory_lacks_is_decrypted(
    sealed: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed("sealed_one", VALUE)
    (tmp_path / "given").write_text("from the directory")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credhelper.load("given") == "from the directory"
    assert credhelper.load("sealed_one") == VALUE


def test_the_first_directory_of_the_search_path_wins(sealed: Callable[..., Path]) -> None:
    blobs = [sealed("my_api_key", f"value {n}").rename(STORE / str(n)) for n in range(3)]
    directories = (STORE, *OTHER_STORES)
    for directory, blob in zip(directories, blobs, strict=True):
        directory.mkdir(0o700, exist_ok=True)
        (directory / "my_api_key").write_bytes(blob.read_bytes())
        (directory / "my_api_key").chmod(0o600)
    for n, directory in enumerate(directories):
        assert credhelper.load("my_api_key") == f"value {n}"
        (directory / "my_api_key").unlink()
        loading.forget()
    with pytest.raises(credhelper.CredentialNotFound) as caught:
        credhelper.load("my_api_key")
    assert str(caught.value) == (
        "there is no credential my_api_key "
        "(add it: sudo credhelper add my_api_key; to see them all: sudo credhelper list)"
    )


def test_nobody_else_can_put_a_credential_before_roots(sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", VALUE)
    path.chmod(0o622)
    with pytest.raises(credhelper.UnsafeStore, match=r"may be written by others \(mode 0622\)"):
        credhelper.load("my_api_key")
    path.chmod(0o600)
    os.chown(path, 1000, 0)
    with pytest.raises(credhelper.UnsafeStore, match="belongs to user id 1000"):
        credhelper.load("my_api_key")
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(credhelper.UnsafeStore, match="symbolic link"):
        credhelper.load("my_api_key")


def test_all_at_once_and_the_good_ones_stay(sealed: Callable[..., Path]) -> None:
    for n in range(20):  # more than run side by side
        sealed(f"key_{n}", f"value {n}")
    (STORE / "key_7").write_bytes(b"")
    with pytest.raises(credhelper.DamagedCredential, match="key_7"):
        credhelper.preload([f"key_{n}" for n in range(20)])
    for path in STORE.iterdir():
        path.unlink()
    for n in set(range(20)) - {7}:
        assert credhelper.load(f"key_{n}") == f"value {n}"


def executions(output: Path) -> int:
    """How many times systemd-creds was run, of what strace wrote."""
    return output.read_text().count('execve("/usr/bin/systemd-creds"')


def test_twenty_threads_are_one_decrypt(
    sealed: Callable[..., Path], script: Callable[..., Finished], tmp_path: Path
) -> None:
    sealed("my_api_key", VALUE)
    output = tmp_path / "trace"
    finished = script(
        """
        import threading
        from credhelper import load
        start = threading.Barrier(20)
        values = []
        def work():
            start.wait()
            values.append(load("my_api_key"))
        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(values), *set(values))
        """,
        *(tracing.STRACE, "-f", "-o", str(output), "--trace=execve"),
    )
    assert finished.out == f"20 {VALUE}\n", finished.err
    assert executions(output) == 1


def test_processes_have_their_own(
    sealed: Callable[..., Path], script: Callable[..., Finished], tmp_path: Path
) -> None:
    sealed("my_api_key", VALUE)
    sealed("other", "x")
    output = tmp_path / "trace"
    finished = script(
        """
        import multiprocessing
        from credhelper import load, preload
        def work(_):
            return load("my_api_key"), load("other")
        if __name__ == "__main__":
            load("my_api_key")
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    values = set(pool.map(work, range(8), chunksize=4))
                    assert len(values) == 1, values
        """,
        *(tracing.STRACE, "-f", "-o", str(output), "--trace=execve"),
    )
    assert finished.status == 0, finished.err
    # the parent's one; of each forked child one, of each spawned child two, where it got work
    assert 3 <= executions(output) <= 1 + 2 * 1 + 2 * 2


def test_a_fork_in_mid_decrypt_keeps_nobody_waiting(
    sealed: Callable[..., Path], script: Callable[..., Finished]
) -> None:
    sealed("my_api_key", VALUE)
    # slow writes open the time in which a child would inherit the pipe and keep it from ending
    finished = script(
        """
        import os, threading, time
        from credhelper import load
        started = time.monotonic()
        loads = threading.Thread(target=load, args=("my_api_key",))
        loads.start()
        while not loads.is_alive(): pass
        children = []
        while loads.is_alive() and len(children) < 20:
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
            time.sleep(0.01)
        loads.join(20)
        hung = loads.is_alive()
        for pid in children: os.kill(pid, 9)
        print("hung" if hung else load("my_api_key"))
        """,
        *(tracing.STRACE, "-f", "-o/dev/null", "--trace=write"),
        "--inject=write:delay_enter=200ms:when=1+1",
    )
    assert finished.out == VALUE + "\n", finished.err


def test_a_fork_in_a_signal_handler_does_not_hang(
    sealed: Callable[..., Path], script: Callable[..., Finished]
) -> None:
    sealed("my_api_key", VALUE)
    finished = script(
        """
        import os, signal
        from credhelper import load, loading
        def handler(*_):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        signal.signal(signal.SIGALRM, handler)
        values = set()
        for delay in range(1, 20):
            signal.setitimer(signal.ITIMER_REAL, delay / 2000)
            values.add(load("my_api_key"))
            loading.forget()
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(*values)
        """
    )
    assert finished.out == VALUE + "\n", finished.err


def test_sigchld_ignored_is_told(
    sealed: Callable[..., Path], script: Callable[..., Finished]
) -> None:
    sealed("my_api_key", VALUE)
    finished = script(
        """
        import signal
        from credhelper import load, DecryptionFailed
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            load("my_api_key")
        except DecryptionFailed as error:
            print(error.hint)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        print(load("my_api_key"))
        """
    )
    hint, value = finished.out.splitlines()
    assert "SIGCHLD" in hint
    assert value == VALUE


@pytest.mark.parametrize("closed", [[0], [1], [0, 1, 2], [0, 2]], ids=str)
def test_closed_standard_streams(
    sealed: Callable[..., Path], script: Callable[..., Finished], closed: list[int], tmp_path: Path
) -> None:
    sealed("my_api_key", VALUE)
    output = tmp_path / "value"
    finished = script(
        f"""
        import os
        for descriptor in {closed}: os.close(descriptor)
        from credhelper import load
        value = load("my_api_key")
        open({str(output)!r}, "w").write(value)
        """
    )
    assert finished.status == 0, finished.err
    assert output.read_text() == VALUE


def test_few_descriptors_are_enough_for_many(
    sealed: Callable[..., Path], script: Callable[..., Finished]
) -> None:
    for n in range(12):
        sealed(f"key_{n}", f"value {n}")
    finished = script(
        """
        import resource
        from credhelper import load, preload
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
        names = [f"key_{n}" for n in range(12)]
        preload(names)
        print(*map(load, names), sep=",")
        """
    )
    assert finished.out == ",".join(f"value {n}" for n in range(12)) + "\n", finished.err


def test_no_descriptor_at_all_is_told(
    sealed: Callable[..., Path], script: Callable[..., Finished]
) -> None:
    sealed("my_api_key", VALUE)
    finished = script(
        """
        import resource, os
        from credhelper import load, StoreFailed
        for limit in range(3, 9):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 1024))
            try:
                load("my_api_key")
            except StoreFailed as error:
                print(error.problem)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        print(load("my_api_key") and len(os.listdir("/proc/self/fd")))
        """
    )
    assert finished.status == 0, finished.err
    *problems, descriptors = finished.out.splitlines()
    assert problems
    assert all("Too many open files" in problem for problem in problems)
    assert int(descriptors) == 4  # the standard ones and the directory's own


def test_an_ordinary_user_is_told(sealed: Callable[..., Path], environment: dict[str, str]) -> None:
    sealed("my_api_key", VALUE)
    program = "from credhelper import load; load('my_api_key')"
    finished = subprocess.run(
        [
            *("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
            *(sys.executable, "-I", "-c", program),
        ],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert b"credhelper.errors.NotPermitted: only root may use /etc/credstore.encrypted" in (
        finished.stderr
    )
    assert b"sudo credhelper-decrypt-run" in finished.stderr


def failures(sealed: Callable[..., Path]) -> dict[str, type[credhelper.CredentialError]]:
    good = sealed("good", VALUE).read_bytes()
    for name, blob in {"copied": good, "bitten": b"AA" + good[2:], "cut": good[:8]}.items():
        (STORE / name).write_bytes(blob)
        (STORE / name).chmod(0o600)
    sealed("not_text", VALUE.encode() + b"\xff")
    return {
        "copied": credhelper.NameMismatch,
        "bitten": credhelper.DecryptionFailed,
        "cut": credhelper.DamagedCredential,
        "missing": credhelper.CredentialNotFound,
        "bad/name": credhelper.InvalidName,
        "not_text": credhelper.InvalidValue,
    }


def test_no_error_holds_a_value_however_it_is_shown(
    sealed: Callable[..., Path],
) -> None:
    for name, kind in failures(sealed).items():
        for call in (
            lambda name=name: credhelper.load(name),
            lambda name=name: credhelper.preload(["good", "not_text", name]),
            lambda name=name: credhelper.preload([name, "good"]),
        ):
            loading.forget()
            try:
                call()
            except kind as error:
                shown = [
                    *traceback.TracebackException.from_exception(
                        error, capture_locals=True
                    ).format(),
                    repr(error),
                    str(error),
                    repr(error.args),
                    repr(vars(error)),
                ]
                assert VALUE not in "".join(shown), (name, shown)
            else:
                assert name == "not_text"  # as bytes it is fine


def test_many_threads_of_many_names(sealed: Callable[..., Path]) -> None:
    for n in range(4):
        sealed(f"key_{n}", f"value {n}")
    wrong = []

    def work(n: int) -> None:
        if credhelper.load(f"key_{n % 4}") != f"value {n % 4}":
            wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_under_gevent(sealed: Callable[..., Path], script: Callable[..., Finished]) -> None:
    """Whose os.close comes back late: systemd-creds would wait for the end of its input."""
    for name in ("a", "b", "c"):
        sealed(name, f"{name}-{VALUE}")
    finished = script("""
        from gevent import monkey; monkey.patch_all()
        import gevent, time
        from credhelper import load
        begun = time.monotonic()
        jobs = gevent.joinall([gevent.spawn(load, name) for name in "abc"], raise_error=True)
        print(*sorted(job.value for job in jobs), time.monotonic() - begun < 30)
    """)
    assert finished.out == f"a-{VALUE} b-{VALUE} c-{VALUE} True\n", finished.err


@pytest.mark.parametrize("size", [10, 800_000])
def test_with_sigpipe_at_its_default_a_systemd_creds_that_ends_early_is_an_error(
    sealed: Callable[..., Path], script: Callable[..., Finished], size: int
) -> None:
    """As command-line programs set it; false(1) stands for a systemd-creds that reads nothing."""
    sealed("a", b"x" * size)
    finished = script("""
        import signal
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        from credhelper import CredentialError, load, unsealing
        unsealing.SYSTEMD_CREDS = "/bin/false"
        for _ in range(20):
            try:
                load("a")
            except CredentialError as error:
                failure = error
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        print(type(failure).__name__, signal.SIGPIPE in blocked)
    """)
    assert finished.out == "DecryptionFailed False\n", (finished.status, finished.err)


NAMES: Final = ("tls.key", "a+b", "~", "my key", ".hidden", "-n", "a*", "key.cred", "a=b", "it's")


@pytest.fixture
def strangely_named() -> None:
    """Credentials under names that systemd takes, though nothing here would make them."""
    STORE.mkdir(0o700, exist_ok=True)
    for name in NAMES:
        blob = sealing.seal(name, f"of {name}".encode(), with_key="host")
        (STORE / name).touch(0o600)
        (STORE / name).write_bytes(blob)


@pytest.mark.usefixtures("strangely_named")
def test_what_systemd_takes_for_a_name_is_loaded_declared_rotated_and_resealed(
    credhelper: Runs, decrypt_run: Runs, scratch: Path
) -> None:
    loading.preload(NAMES)
    assert [loading.load(name) for name in NAMES] == [f"of {name}" for name in NAMES]
    script = scratch / "script.py"
    script.write_text(
        "# /// script\n# [tool.credhelper]\n"
        f"# credentials = {json.dumps(NAMES)}\n# ///\n"
        "import os\n"
        "print(*(open(os.environ['CREDENTIALS_DIRECTORY'] + '/' + n).read() == 'of ' + n "
        f"for n in {NAMES!r}))\n"
    )
    ran = decrypt_run(str(script))
    assert ran.out == " ".join(["True"] * len(NAMES)) + "\n", ran.err
    for name in NAMES:
        assert credhelper("reseal", "--", name).status == 0
        assert credhelper("rotate", "--stdin", "--", name, input="new").status == 0
        assert unseal(STORE / name) == b"new"
        assert credhelper("add", "--", name, input="x").status != 0
    assert credhelper("reseal", "--all").status == 0
    listed = json.loads(credhelper("list", "--verify", "--json").out)
    assert {entry["name"] for entry in listed["credentials"]} == set(NAMES)
    assert not any("unsealing" in entry for entry in listed["credentials"])


def test_a_credential_without_an_embedded_name_is_told_and_resealed(
    credhelper: Runs, sealed: Callable[..., Path]
) -> None:
    sealed("good", "x")
    argv = [SYSTEMD_CREDS, "encrypt", "--with-key=host", "--name=", "-", "-"]
    blob = subprocess.run(argv, input=b"sk", check=True, capture_output=True).stdout
    (STORE / "any").touch(0o600)
    (STORE / "any").write_bytes(blob)
    verified = credhelper("list", "--verify")
    assert verified.status == 0
    assert "credential any has no embedded name" in verified.err
    assert "sudo credhelper reseal any" in verified.err
    assert "good" not in verified.err
    found = credhelper("check", "any", "good")
    assert "[no-embedded-name] /etc/credstore.encrypted/any" in found.out
    assert "good has no" not in found.out
    assert credhelper("reseal", "any").status == 0
    assert unseal(STORE / "any") == b"sk"
    assert "embedded" not in credhelper("list", "--verify").err


@pytest.fixture
def system_credentials() -> Iterator[Path]:
    """The directory in which PID 1 puts them; a link to the sealed ones, as in containers."""
    base = Path("/run/credentials")
    shutil.rmtree(base, ignore_errors=True)
    manager = Path("/run/host-credentials")
    for directory in (base, base / "@system", manager):
        directory.mkdir(0o755 if directory == base else 0o700)
    (base / "@encrypted").symlink_to(manager)
    yield base
    shutil.rmtree(base)
    shutil.rmtree(manager)


def test_system_credentials_come_first_in_systemds_order(
    sealed: Callable[..., Path], decrypt_run: Runs, scratch: Path, system_credentials: Path
) -> None:
    for name in ("stored", "encrypted", "plain"):
        sealed(name, "from the store")
    for name, value in (("encrypted", "encrypted"), ("plain", "encrypted")):
        blob = sealing.seal(name, value.encode(), with_key="host")
        path = system_credentials / "@encrypted" / name
        path.touch(0o600)
        path.write_bytes(blob)
    plain = system_credentials / "@system" / "plain"
    plain.touch(0o400)
    plain.write_text("plain " + VALUE)
    names = ["stored", "encrypted", "plain"]
    assert [credhelper.load(name) for name in names] == [
        "from the store",
        "encrypted",
        f"plain {VALUE}",
    ]
    script = scratch / "script.py"
    script.write_text(
        f"from credhelper import load\nprint(*(load(name) for name in {names!r}), sep=', ')\n"
    )
    for options in ([], ["-c", "stored", "-c", "encrypted", "-c", "plain"]):
        ran = decrypt_run("--no-mask", *options, str(script))
        assert ran.out == f"from the store, encrypted, plain {VALUE}\n", ran.err
        masked = decrypt_run(*options, str(script))
        assert VALUE not in masked.out

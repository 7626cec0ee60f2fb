# SPDX-License-Identifier: MIT
"""``credhelper add``: every way in, and all that is refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import STORE, Finished, Record, Runs, launcher, unseal
from tests.real.terminal import Hidden, Terminal

DONE = Finished(0, b"added my_api_key, bound to: host\n", b"")


def told(finished: Finished) -> tuple[str, str]:
    """The error and the hint: two lines on stderr, and nothing on stdout."""
    assert finished.out == ""
    error, hint, end = finished.err.split("\n")
    assert end == ""
    assert error.startswith("credhelper: error: ")
    assert hint.startswith("credhelper: hint: ")
    assert error[19:20] == error[19:20].lower()
    assert not error.endswith(".")
    return error.removeprefix("credhelper: error: "), hint.removeprefix("credhelper: hint: ")


# ---- what comes in ----


@pytest.mark.parametrize(
    ("piped", "options", "value"),
    [
        (b"sk-1234", [], b"sk-1234"),
        (b"sk-1234\n", [], b"sk-1234"),
        (b"sk-1234\r\n", [], b"sk-1234"),
        (b"sk-1234\n\n", [], b"sk-1234\n"),
        (b"sk-1234 \n", [], b"sk-1234 "),
        (b"\nsk-1234", [], b"\nsk-1234"),
        (b"sk-1234\n", ["--exact"], b"sk-1234\n"),
        (b"\n", ["--exact"], b"\n"),
        (b"sk-1234\n", ["--stdin"], b"sk-1234"),
        (b"\0", [], b"\0"),
        (bytes(range(256)), [], bytes(range(256))),
        ("schlüssel😀".encode(), [], "schlüssel😀".encode()),
        (b"a line\nanother\n", [], b"a line\nanother"),
    ],
)
def test_piped(credhelper: Runs, piped: bytes, options: list[str], value: bytes) -> None:
    assert credhelper("add", "my_api_key", *options, input=piped) == DONE
    assert unseal(STORE / "my_api_key") == value


def test_typed_twice_and_not_shown(credhelper: Runs) -> None:
    dialogue = [("Value of my_api_key:", Hidden("sk-1234\n")), ("again:", Hidden("sk-1234\n"))]
    finished = credhelper("add", "my_api_key", tty=dialogue)
    assert finished.status == 0
    assert b"sk-1234" not in finished.stdout
    assert unseal(STORE / "my_api_key") == b"sk-1234"


def test_from_a_file_exactly(credhelper: Runs, tmp_path: Path) -> None:
    source = tmp_path / "value"
    source.write_bytes(b"-----BEGIN\n\0\xff\n-----END\n")
    assert credhelper("add", "my_api_key", "--from-file", str(source)) == DONE
    assert unseal(STORE / "my_api_key") == source.read_bytes()


def test_the_source_goes_when_it_is_asked_for_and_what_that_is_worth_is_said(
    credhelper: Runs, tmp_path: Path
) -> None:
    source = tmp_path / "value"
    source.write_bytes(b"sk-1234")
    finished = credhelper("add", "my_api_key", "--from-file", str(source), "--delete-source")
    assert finished.status == 0
    assert finished.out == f"added my_api_key, bound to: host\nremoved {source}\n"
    assert "SSD" in finished.err
    assert "revoke" in finished.err
    assert not source.exists()
    assert unseal(STORE / "my_api_key") == b"sk-1234"


def test_the_source_in_the_working_directory(credhelper: Runs, tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"sk-1234")
    argv = ["add", "my_api_key", "--from-file", "value", "--delete-source"]
    assert credhelper(*argv, cwd=tmp_path).status == 0
    assert not list(tmp_path.iterdir())


def test_a_source_that_stays_is_told(credhelper: Runs, scratch: Path) -> None:
    source = scratch / "value"
    source.write_bytes(b"sk-1234")
    try:
        subprocess.run(["/bin/mount", "--bind", "-o", "ro", scratch, scratch], check=True)
        subprocess.run(["/bin/mount", "-o", "remount,bind,ro", scratch], check=True)
        finished = credhelper("add", "my_api_key", "--from-file", str(source), "--delete-source")
    finally:
        subprocess.run(["/bin/umount", scratch], check=True)
    assert finished.status == 1
    assert f"{source} cannot be removed: Read-only file system" in finished.err
    assert "the credential is sealed" in finished.err
    assert source.exists()
    assert unseal(STORE / "my_api_key") == b"sk-1234"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(credhelper: Runs, umask: int) -> None:
    assert credhelper("add", "my_api_key", input="x", umask=umask) == DONE
    for path, mode in ((STORE, 0o40700), (STORE / "my_api_key", 0o100600)):
        status = path.stat()
        assert (status.st_mode, status.st_uid, status.st_gid) == (mode, 0, 0)


def test_root_with_another_group(credhelper: Runs) -> None:
    before = ["/usr/bin/setpriv", "--regid=65534", "--clear-groups"]
    assert credhelper("add", "my_api_key", input="x", before=before) == DONE
    assert (STORE / "my_api_key").stat().st_gid == 0


def test_capitals_are_warned_of(credhelper: Runs) -> None:
    finished = credhelper("add", "OPENAI_API_KEY", input="x")
    assert finished.status == 0
    assert finished.err == (
        "credhelper: warning: OPENAI_API_KEY has capitals\n"
        "credhelper: hint: the recommended form is openai_api_key\n"
    )
    assert unseal(STORE / "OPENAI_API_KEY") == b"x"


def test_the_null_key_is_warned_of(credhelper: Runs) -> None:
    finished = credhelper("add", "my_api_key", "--with-key=null", input="x")
    assert finished.status == 0
    assert finished.out == "added my_api_key, bound to: null\n"
    assert "the null key protects nothing" in finished.err


def test_it_is_recorded_without_the_value(
    credhelper: Runs, journal: Callable[[int], list[Record]]
) -> None:
    assert credhelper("add", "my_api_key", input="sk-1234", env={"SUDO_USER": "ada"}) == DONE
    (record,) = journal(1)
    assert record["MESSAGE_ID"] == "94e0b7d35c6a4f1e8d2f60b3a1c7e5d8"
    assert record["CREDHELPER_OPERATION"] == "add"
    assert record["CREDHELPER_CREDENTIALS"] == "my_api_key"
    assert record["CREDHELPER_INVOKING_USER"] == "ada"
    assert record["SYSLOG_IDENTIFIER"] == "credhelper"
    assert "sk-1234" not in str(record)


def test_without_a_journal_it_is_noted_and_done(credhelper: Runs) -> None:
    socket_path = Path("/run/systemd/journal/socket")
    socket_path.rename("/run/systemd/journal/aside")
    try:
        finished = credhelper("add", "my_api_key", input="x")
    finally:
        Path("/run/systemd/journal/aside").rename(socket_path)
    assert finished.status == 0
    assert finished.err.startswith("credhelper: note: not recorded in the journal")
    assert finished.err.count("\n") == 1


# ---- what is refused: nothing is written ----


@pytest.mark.parametrize(
    "name",
    [
        *("a/b", "../x", "..", ".", ".x", "-x", "", "a b", "a\nb", "\x1b[2J", "ü", "\udcff"),
        *("a.cred", "a.key", "a.enc", "a:b", "a*", "a" * 256),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("verb", ["add", "rotate"])
@pytest.mark.usefixtures("nothing_written")
def test_a_bad_name(credhelper: Runs, verb: str, name: str) -> None:
    """What systemd takes can be rotated where it is there, and is never advised to be added."""
    finished = credhelper(verb, "--", name, input="sk-1234")
    error, hint = told(finished)
    if verb == "rotate" and name in (".x", "-x", "a b", "a.cred", "a.key", "a.enc", "a*"):
        assert finished.status == 1
        assert error == f"there is no credential {name} in /etc/credstore.encrypted"
        assert hint == "to see them all: sudo credhelper list"
    else:
        assert finished.status == 2
        assert error.startswith("credential name ")
    assert "sk-1234" not in finished.err


@pytest.mark.usefixtures("nothing_written")
def test_an_ending_is_refused_with_the_reason(credhelper: Runs) -> None:
    assert told(credhelper("add", "my_api_key.cred", input="x")) == (
        "credential name 'my_api_key.cred' ends in .cred",
        "the file name is the embedded name, which scripts and units use: leave the ending off: "
        "my_api_key",
    )


@pytest.mark.parametrize("piped", [b"", b"\n", b"\r\n"])
@pytest.mark.usefixtures("nothing_written")
def test_an_empty_value(credhelper: Runs, piped: bytes) -> None:
    finished = credhelper("add", "my_api_key", input=piped)
    assert finished.status == 1
    assert told(finished)[0] == "the value of my_api_key is empty"


@pytest.mark.usefixtures("nothing_written")
def test_over_the_limit(credhelper: Runs) -> None:
    finished = credhelper("add", "my_api_key", input=bytes((1 << 20) + 1))
    assert finished.status == 1
    assert told(finished)[0] == "standard input has more than 1048576 bytes"


def test_it_is_there_already(credhelper: Runs, sealed: Callable[..., Path]) -> None:
    path = sealed("my_api_key", "old")
    finished = credhelper("add", "my_api_key", input="new")
    assert finished.status == 1
    assert told(finished) == (
        "there is a credential my_api_key already",
        "to give it a new value: sudo credhelper rotate my_api_key",
    )
    assert unseal(path) == b"old"


SOURCES: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda _: None, "cannot be read: No such file or directory"),
    ("link", lambda path: path.symlink_to("/etc/hostname"), "is a symbolic link"),
    ("dangling", lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
    ("directory", lambda path: path.mkdir(), "is a directory"),
    ("socket", lambda path: bound(path), "is not a regular file"),
    ("device", lambda path: os.mknod(path, 0o20600, os.makedev(1, 5)), "is not a regular file"),
    ("large", lambda path: path.write_bytes(bytes((1 << 20) + 1)), "has 1048577 bytes"),
    ("loop", lambda path: path.symlink_to(path), "is a symbolic link"),
]


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(("kind", "make", "why"), SOURCES, ids=[kind for kind, _, _ in SOURCES])
def test_a_bad_source(
    credhelper: Runs,
    scratch: Path,
    kind: str,
    make: Callable[[Path], object],
    why: str,
) -> None:
    source = scratch / kind
    make(source)
    finished = credhelper("add", "my_api_key", "--from-file", str(source), "--delete-source")
    assert finished.status == 1
    assert told(finished)[0] == f"{source} {why}"
    assert not STORE.exists()
    assert kind == "missing" or os.path.lexists(source)


@pytest.mark.usefixtures("nothing_written")
def test_a_source_that_root_may_not_read(credhelper: Runs) -> None:
    # root without its power over other people's files, as on a network filesystem
    source = Path("/dev/shm/another's")
    source.write_bytes(b"x")
    os.chown(source, 65534, 65534)
    source.chmod(0o600)
    try:
        finished = credhelper(
            *("add", "my_api_key", "--from-file", str(source)),
            before=["/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search"],
        )
    finally:
        source.unlink()
    assert finished.status == 1
    assert told(finished)[0] == f"{source} cannot be read: Permission denied"


@pytest.mark.usefixtures("nothing_written")
def test_an_empty_source(credhelper: Runs) -> None:
    Path("/dev/shm/empty").touch()
    try:
        finished = credhelper("add", "my_api_key", "--from-file", "/dev/shm/empty")
    finally:
        Path("/dev/shm/empty").unlink()
    assert finished.status == 1
    assert told(finished)[0] == "the value of my_api_key is empty"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["add"], "the following arguments are required: NAME"),
        (["bogus"], "there is no verb 'bogus'"),
        (["add", "a", "b"], "add: a value does not belong on a command line"),
        (["add", "a", "--delete-source"], "--delete-source needs --from-file"),
        (["add", "a", "--std"], "add has no option '--std'"),
        (["add", "a", "--stdin", "--from-file", "x"], "not allowed with argument"),
        (["add", "a", "--with-key=none"], "invalid choice: 'none'"),
        (["remove", "a/b", "--yes"], "'a/b' is no file name"),
        (["remove", "a"], "there is no credential"),
        (["rotate", "a"], "there is no credential a in /etc/credstore.encrypted"),
    ],
)
@pytest.mark.usefixtures("nothing_written")
def test_usage(credhelper: Runs, argv: list[str], why: str) -> None:
    finished = credhelper(*argv, input="x")
    assert finished.status == (1 if why.startswith("there is no credential") else 2)
    assert why in told(finished)[0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--not-after=yesterday"], "credential my_api_key would have expired already"),
        (["--not-after=tomorow"], "credential my_api_key cannot be given that time to expire"),
        (["--with-key=tpm2"], "credential my_api_key needs a TPM2, and none answers here"),
        (["--with-key=host+tpm2"], "credential my_api_key needs a TPM2, and none answers here"),
        (["--tpm2-device=/dev/nowhere", "--with-key=tpm2"], "credential my_api_key needs a TPM2"),
        (["--with-key=tpm2", "--tpm2-pcrs=99"], "credential my_api_key cannot be bound to those"),
    ],
)
@pytest.mark.usefixtures("nothing_written")
def test_a_binding_that_cannot_be(credhelper: Runs, options: list[str], why: str) -> None:
    finished = credhelper("add", "my_api_key", *options, input="x")
    assert finished.status == (2 if "cannot be" in why else 1)
    assert told(finished)[0].startswith(why)


@pytest.mark.parametrize("verb", ["add", "rotate", "list", "remove", "log"])
def test_an_ordinary_user_is_told_what_to_type(credhelper: Runs, verb: str) -> None:
    argv = [verb] if verb in {"list", "log"} else [verb, "my_api_key"]
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    before = [*nobody, "/bin/sh", "-c", 'ulimit -Hc 0; "$@"', "sh"]
    finished = credhelper(*argv, before=before, measured=False)
    assert finished.status == 1
    assert told(finished) == (f"credhelper {verb} needs root", f"sudo credhelper {' '.join(argv)}")


# ---- at the prompt ----


@pytest.fixture
def prompt(environment: dict[str, str]) -> Terminal:
    return Terminal([*launcher("credhelper"), "add", "my_api_key"], env=environment)


@pytest.mark.usefixtures("nothing_written")
def test_mistyped(credhelper: Runs) -> None:
    dialogue = [("Value of my_api_key:", Hidden("sk-1234\n")), ("again:", Hidden("sk-1243\n"))]
    finished = credhelper("add", "my_api_key", tty=dialogue)
    assert finished.status == 1
    assert finished.out.endswith(
        "credhelper: error: the two values of my_api_key differ\n"
        "credhelper: hint: nothing has changed; try again\n"
    )
    assert "sk-12" not in finished.out


@pytest.mark.usefixtures("nothing_written")
def test_nothing_typed(credhelper: Runs) -> None:
    finished = credhelper("add", "my_api_key", tty=[("Value of my_api_key:", Hidden("\n"))])
    assert finished.status == 1
    assert "credhelper: error: the value of my_api_key is empty\n" in finished.out


@pytest.mark.parametrize("typed", ["", "sk-12"])
@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
@pytest.mark.usefixtures("nothing_written")
def test_interrupted(prompt: Terminal, typed: str, again: bool) -> None:
    with prompt as terminal:
        terminal.expect("Value of my_api_key:")
        if again:
            terminal.send(Hidden("sk-1234\n"))
            terminal.expect("again:")
        terminal.send(Hidden(typed + "\x03"))
        assert terminal.wait() == 130
        assert terminal.shown.replace(b"\r", b"").endswith(
            b"\ncredhelper: error: interrupted\n"
            b"credhelper: hint: what was in the store is whole; run it again\n"
        )
        assert termios.tcgetattr(terminal.master)[3] & termios.ECHO  # what is typed shows again


@pytest.mark.parametrize("typed", ["\x04", "sk-12\x04"])
@pytest.mark.usefixtures("nothing_written")
def test_end_of_file(prompt: Terminal, typed: str) -> None:
    with prompt as terminal:
        terminal.expect("Value of my_api_key:")
        terminal.send(Hidden(typed))
        assert terminal.wait() == 1
        assert b"credhelper: error: no value was typed" in terminal.shown
        assert b"sk-12" not in terminal.shown
        assert termios.tcgetattr(terminal.master)[3] & termios.ECHO


@pytest.mark.usefixtures("nothing_written")
def test_hung_up(prompt: Terminal) -> None:
    with prompt as terminal:
        terminal.expect("Value of my_api_key:")
    assert terminal.process.returncode is not None


def test_a_long_token_can_be_typed(credhelper: Runs) -> None:
    token = "x" * 2046
    long = Hidden(token + "\n")
    finished = credhelper("add", "k", tty=[("Value of k:", long), ("again:", long)])
    assert finished.status == 0, finished.out
    assert unseal(STORE / "k") == token.encode()


@pytest.mark.usefixtures("nothing_written")
def test_too_long_to_be_typed_is_said_at_once(credhelper: Runs) -> None:
    """Where systemd-ask-password has dropped some of it: it sounds the bell then."""
    long = Hidden("x" * 2100 + "\n")
    finished = credhelper("add", "k", tty=[("Value of k:", long)])
    assert finished.status == 1
    assert "credhelper: error: the value of k is too long to be typed\n" in finished.out
    assert "again" not in finished.out


PEM = "-----BEGIN X-----\nSECRETLINE1\nSECRETLINE1\n-----END X-----\n"


def in_a_shell(environment: dict[str, str], command: str) -> Terminal:
    """A shell on a terminal that types ``command``; its prompt is ``ready# ``."""
    words = ["/bin/bash", "--norc", "--noprofile", "-i"]
    terminal = Terminal(words, env=environment | {"PS1": "ready# ", "HISTFILE": ""})
    terminal.expect("ready# ")
    terminal.send(command + "\n")
    return terminal


@pytest.mark.usefixtures("nothing_written")
def test_pasted_lines_reach_no_shell(environment: dict[str, str]) -> None:
    command = " ".join([*launcher("credhelper"), "add", "pem"])
    with in_a_shell(environment, command) as terminal:
        terminal.expect("Value of pem:")
        terminal.send(Hidden(PEM))
        terminal.expect("credhelper: error: the value of pem has more than one line")
        terminal.expect("--multiline")
        terminal.expect("ready# ")
        terminal.send("history; stty -a; exit\n")
        terminal.wait()
    assert b"SECRETLINE" not in terminal.shown
    assert b" echo " in terminal.shown


@pytest.mark.parametrize("verb", ["add", "rotate"])
def test_several_lines(verb: str, credhelper: Runs, sealed: Callable[..., Path]) -> None:
    if verb == "rotate":
        sealed("pem", "old")
    pasted = Hidden(PEM + "mistake\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x04")
    finished = credhelper(verb, "pem", "--multiline", tty=[("then Control-D", pasted)])
    assert finished.status == 0, finished.out
    assert "credhelper: note: read 4 lines\n" in finished.out
    assert "SECRETLINE" not in finished.out
    assert unseal(STORE / "pem").decode() == PEM


@pytest.mark.parametrize("option", [[], ["--multiline"]], ids=["a line", "several lines"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
@pytest.mark.usefixtures("nothing_written")
def test_a_signal_at_the_prompt_leaves_the_terminal_as_it_was(
    number: signal.Signals, option: list[str], environment: dict[str, str]
) -> None:
    argv = ["/bin/sh", "-c", 'echo $$; exec "$@"', "sh", *launcher("credhelper"), "add", "k"]
    with Terminal([*argv, *option], env=environment) as terminal:
        before = termios.tcgetattr(terminal.master)
        pid = int(terminal.expect("\r\n"))
        terminal.expect("Value of k")
        terminal.send(Hidden("sk-12"))
        os.kill(pid, number)
        assert terminal.wait() == 128 + number
        assert termios.tcgetattr(terminal.master) == before
        assert b"credhelper: error: interrupted" in terminal.shown


@pytest.mark.usefixtures("nothing_written")
def test_a_killed_systemd_ask_password_leaves_the_terminal_as_it_was(
    environment: dict[str, str],
) -> None:
    argv = ["/bin/sh", "-c", 'echo $$; exec "$@"', "sh", *launcher("credhelper"), "add", "k"]
    with Terminal(argv, env=environment) as terminal:
        before = termios.tcgetattr(terminal.master)
        pid = int(terminal.expect("\r\n"))
        terminal.expect("Value of k")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), signal.SIGKILL)
        assert terminal.wait() == 1
        assert termios.tcgetattr(terminal.master) == before
        assert b"credhelper: error: no value was typed" in terminal.shown


@pytest.mark.usefixtures("nothing_written")
def test_terminated_while_it_reads(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [*launcher("credhelper"), "add", "my_api_key"],
        stdin=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin
        process.stdin.write(b"sk-1234")
        process.stdin.flush()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize("sign", ["podman", "variable", "no machine id", "uninitialized"])
def test_nothing_is_sealed_while_an_image_is_built(
    credhelper: Runs, environment: dict[str, str], sign: str
) -> None:
    """No systemd runs here; what a build with podman, of Fedora's base images, or by mkosi has."""
    mark, machine_id = Path("/run/.containerenv"), Path("/etc/machine-id")
    own = machine_id.read_text()
    try:
        if sign == "podman":
            mark.touch()
        elif sign == "variable":
            environment["container"] = "oci"
        else:
            Path("/var/lib/systemd/credential.secret").unlink(missing_ok=True)
            machine_id.write_text("uninitialized\n" if sign == "uninitialized" else "")
        refused = credhelper("add", "my_api_key", input="dummy")
        assert refused.status == 1
        assert "error: no systemd runs here, as where an image is built" in refused.err
        assert "hint: seal on the machine that needs it" in refused.err
        assert not (STORE / "my_api_key").exists()
        machine_id.write_text(own)
        named = credhelper("add", "my_api_key", "--with-key=host", input="dummy")
        assert named.status == 0, named.err
    finally:
        machine_id.write_text(own)
        mark.unlink(missing_ok=True)

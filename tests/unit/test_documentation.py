# SPDX-License-Identifier: MIT
"""Man pages, --help, completions and catalog say what the commands do: all of it, nothing else."""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

import pytest

import credhelper
from credhelper import errors
from credhelper.commands import audit
from credhelper.commands.cli.usage import build_parser
from credhelper.commands.run import options as runner
from credhelper.commands.verbs import VERBS

TOP = Path(__file__).parents[2]
HELP = {"-h", "--help"}
EVERYWHERE = {"--help", "--quiet"}  # after any verb
FIELDS = {
    "CREDENTIALS",
    "SCRIPT",
    "SCRIPT_SHA256",
    "INVOKING_USER",
    "RUN_AS",
    "IMPORTED",
    "INTERPRETER",
    "OPERATION",
    "REASON",
}


def page(name: str) -> str:
    return (TOP / "man" / name).read_text()


def section(text: str, heading: str) -> str:
    """What stands under the heading (.Sh or .Ss), up to the next one."""
    found = re.search(rf"^\.S[hs] {heading}$(.*?)(?=^\.S[hs] |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {heading}"
    return found[1]


def flags(text: str) -> set[str]:
    """The options that mdoc(7) text shows: `Fl c , -credential` is -c and --credential."""
    shown = re.findall(r"\bFl (-?[\w-]+(?: [,|] (?!Fl|Ar)-?[\w-]+)*)", text)
    return {f"-{flag}" for words in shown for flag in re.split(r" [,|] ", words)}


def listed(text: str) -> set[str]:
    """The options that have an entry of their own in a list."""
    return {flag for line in re.findall(r"^\.It (.*)$", text, re.MULTILINE) for flag in flags(line)}


def verbs() -> dict[str, argparse.ArgumentParser]:
    [action] = [
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    return dict(action.choices)


def long(flags: set[str]) -> set[str]:
    return {flag for flag in flags if flag.startswith("--")}


def parsed(verb: str) -> set[str]:
    """The options that the verb takes, except for those that all of them do."""
    taken = {flag for action in verbs()[verb]._actions for flag in action.option_strings}
    assert taken >= EVERYWHERE
    return taken - HELP - EVERYWHERE


def binding() -> set[str]:
    return flags(section(page("credhelper.8"), "Binding").partition("\n.Bl")[0])


def test_every_verb_has_a_section() -> None:
    below = page("credhelper.8").partition(".Sh VERBS")[2].partition(".Ss Binding")[0]
    assert set(re.findall(r"^\.Ss (.*)$", below, re.MULTILINE)) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_shows_the_options_of_a_verb(verb: str) -> None:
    text = section(page("credhelper.8"), verb)
    usage, _, _ = text.partition("\n.Pp\n")
    shared = binding() if "Ar BINDING" in usage else set()
    assert flags(usage) | shared == parsed(verb)
    assert listed(text) <= flags(usage)
    of_add = listed(section(page("credhelper.8"), "add")) if verb in ("put", "rotate") else set()
    explained = listed(text) | (of_add & flags(usage))
    assert explained == flags(usage)


def test_the_page_explains_the_binding() -> None:
    text = section(page("credhelper.8"), "Binding")
    assert listed(text) == binding()
    keys = re.search(r"Fl -with-key Cm (.*)$", text, re.MULTILINE)
    [choices] = [a.choices for a in verbs()["add"]._actions if "--with-key" in a.option_strings]
    assert keys and choices
    assert keys[1].replace("Oc", "").split(" | ") == list(choices)


def test_the_page_shows_the_options_of_credhelper() -> None:
    assert listed(section(page("credhelper.8"), "OPTIONS")) == HELP | EVERYWHERE | {"--version"}


def test_the_page_shows_the_options_of_the_runner() -> None:
    known = {flag for short, long, _, _ in runner.OPTIONS for flag in (short, long) if flag}
    text = page("credhelper-decrypt-run.8")
    assert listed(section(text, "OPTIONS")) == known
    shown = flags(section(text, "SYNOPSIS"))
    assert {long or short for short, long, _, _ in runner.OPTIONS} <= shown | {
        "--credential",
        "--environment",
    }
    assert shown <= known
    assert all(flag in runner.help_text() for flag in known)


def test_one_page_has_the_rule_of_exit_statuses_and_the_others_name_it() -> None:
    text = section(page("credhelper.8"), "EXIT STATUS")
    given = {errors.CredentialError, errors.UsageError, errors.RunnerFailed, errors.Untrusted}
    codes = {0, 3, 128, *(error.exit_code for error in given | {errors.ScriptNotFound})}
    assert {int(code) for code in re.findall(r"^\.It (\d+)", text, re.MULTILINE)} == codes
    other = section(page("credhelper-decrypt-run.8"), "EXIT STATUS")
    assert ".Xr credhelper 8" in other
    assert ".It" not in other


def test_help_shows_the_exit_statuses() -> None:
    assert (
        "exit status: 0 done, 1 refused or failed, 2 wrong command line"
        in build_parser().format_help()
    )
    assert re.findall(r"\b12\d\b", runner.help_text()) == ["125", "126", "127"]


def test_the_library_page_names_the_whole_interface() -> None:
    assert [name for name in credhelper.__all__ if name not in page("credhelper.3")] == []


@pytest.mark.parametrize("name", ["credhelper.8", "credhelper-decrypt-run.8", "credhelper.3"])
def test_a_page_has_what_people_look_for(name: str) -> None:
    wanted = ["SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"]
    wanted += ["SECURITY CONSIDERATIONS", "ERRORS" if name.endswith("3") else "EXIT STATUS"]
    assert [heading for heading in wanted if not section(page(name), heading).strip()] == []


# completions


def complete_in_bash(*words: str) -> set[str]:
    """What bash offers for the last word."""
    command = words[0]
    function = "_" + command.replace("-", "_")
    completed = subprocess.run(
        [
            "/bin/bash",
            "--norc",
            "-c",
            'source "$1"; shift; function=$1; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
            '"$function"; printf "%s\\n" "${COMPREPLY[@]}"',
            "bash",
            str(TOP / "completions/bash" / command),
            function,
            *words,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stderr == ""
    return set(completed.stdout.split())


@pytest.mark.parametrize("verb", VERBS)
def test_bash_completes_the_options_of_a_verb(verb: str) -> None:
    assert complete_in_bash("credhelper", verb, "--") == long(parsed(verb)) | EVERYWHERE


def test_bash_completes_verbs_and_keys() -> None:
    assert complete_in_bash("credhelper", "") == set(VERBS)
    assert complete_in_bash("credhelper", "add", "--with-key", "h") == {
        "host",
        "host+tpm2",
        "host+tpm2-with-public-key",
    }


def test_bash_completes_the_options_of_the_runner() -> None:
    known = {flag for short, long, _, _ in runner.OPTIONS for flag in (short, long) if flag}
    assert complete_in_bash("credhelper-decrypt-run", "-") == known
    taken = ("credhelper-decrypt-run", "-c", "a", "--python", "/usr/bin/python3", "--")
    assert complete_in_bash(*taken) == {flag for flag in known if flag.startswith("--")}


@pytest.mark.parametrize("before", [["x.py"], ["-m", "json.tool"], ["--root-owned", "x.py"]])
def test_bash_leaves_the_options_of_the_script_alone(before: list[str]) -> None:
    assert complete_in_bash("credhelper-decrypt-run", *before, "--") == set()


def fish_options(verb: str) -> set[str]:
    text = (TOP / "completions/fish/credhelper.fish").read_text()
    found = re.findall(
        r"^__credhelper_option (?:'([a-z ]+)'|([a-z]+)) .*?-l (\S+)", text, re.MULTILINE
    )
    return {f"--{option}" for several, one, option in found if verb in (several or one).split()}


def zsh_options(verb: str) -> set[str]:
    text = (TOP / "completions/zsh/_credhelper").read_text()
    arrays = dict(
        re.findall(r"^    (binding|value)=\(\n(.*?)^    \)", text, re.DOTALL | re.MULTILINE)
    )
    found = re.search(
        rf"^        \({verb}\)\s*options=\((.*?)\) ;;", text, re.DOTALL | re.MULTILINE
    )
    assert found
    words = found[1].replace("$value", arrays["value"]).replace("$binding", arrays["binding"])
    return set(re.findall(r"(--[a-z0-9-]+)\[", words))


@pytest.mark.parametrize("verb", VERBS)
def test_fish_and_zsh_complete_the_options_of_a_verb(verb: str) -> None:
    assert fish_options(verb) == long(parsed(verb))
    assert zsh_options(verb) == long(parsed(verb))


def test_fish_and_zsh_complete_every_verb() -> None:
    fish = (TOP / "completions/fish/credhelper.fish").read_text()
    assert set(re.findall(r"__fish_use_subcommand -a (\S+)", fish)) == set(VERBS)
    assert "-n 'not __fish_use_subcommand' -l quiet" in fish
    zsh = (TOP / "completions/zsh/_credhelper").read_text()
    assert set(re.findall(r"^        '([a-z]+):", zsh, re.MULTILINE)) == set(VERBS)
    assert "_arguments -S $options '--quiet[" in zsh


def test_fish_and_zsh_complete_the_options_of_the_runner() -> None:
    known = {flag for short, long, _, _ in runner.OPTIONS for flag in (short, long) if flag}
    fish = (TOP / "completions/fish/credhelper-decrypt-run.fish").read_text()
    pairs = re.findall(r"^__credhelper_decrypt_run_option(.*)$", fish, re.MULTILINE)
    short = {f"-{letter}" for line in pairs for letter in re.findall(r" -s (\w)\b", line)}
    assert (
        short | {f"--{word}" for line in pairs for word in re.findall(r" -l (\S+)", line)} == known
    )
    zsh = (TOP / "completions/zsh/_credhelper").read_text().partition("_credhelper_verb()")[0]
    single = set(re.findall(r"(?<![\w-])(--?[a-z-]+)\[", zsh))
    braces = re.findall(r"\{(-\w),(--[a-z-]+)\}", zsh)
    assert single | {flag for pair in braces for flag in pair} == known


# the journal


def test_the_catalog_explains_every_record() -> None:
    text = (TOP / "catalog/credhelper.catalog").read_text()
    ids = {audit.RUN, audit.REFUSAL, audit.STORE_CHANGE, audit.ON_DEMAND, audit.IMPORT}
    assert set(re.findall(r"^-- ([0-9a-f]{32})$", text, re.MULTILINE)) == ids
    assert set(re.findall(r"@(\w+)@", text)) <= {f"CREDHELPER_{field}" for field in FIELDS}
    # journalctl fills in names of capitals and "_" alone: no SCRIPT_SHA256
    assert re.findall(r"@\w*[^A-Z_@]\w*@", text) == []


def test_the_tests_against_published_vulnerabilities_exist() -> None:
    text = (TOP / "tests/README.md").read_text()
    table = text.partition("## Published vulnerabilities")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(test_\w+)`", table))
    there = "".join(path.read_text() for path in (TOP / "tests").rglob("test_*.py"))
    assert len(named) > 15
    assert {name for name in named if f"def {name}(" not in there} == set()


def test_the_readme_quotes_figures_that_were_measured() -> None:
    quoted = [
        paragraph
        for paragraph in (TOP / "README.md").read_text().split("\n\n")
        if "[benchmarks]" in paragraph and not paragraph.startswith("[")
    ]
    measured = re.findall(r"\d+\.\d+", (TOP / "benchmarks/README.md").read_text())
    assert quoted
    assert not set(re.findall(r"\d+\.\d+", " ".join(quoted))) - set(measured)

# SPDX-License-Identifier: MIT
"""Where a run differs from Python, of CPython's own tests, and is meant to."""

from __future__ import annotations

from typing import Final

_NO_CWD = "what is in the working directory is not imported by -m and -c: the caller may be another"
_REFUSED = "what cannot be run is refused by the runner, in its words and with its exit status"
_PATH = "a Python with options of its own finds the library at the end of its path"
_STREAMS = "standard streams that are closed are opened on /dev/null"
_ZERO = (
    "source with a zero byte is refused for that, as from Python 3.12 on, whatever else is in it"
)
_HOOK = "a hook in between keeps the runner's frames out of the script's traceback"
_BYTES = "code that is not text is refused as in a file, not in the words of python3 -c"

_TESTS: Final = {
    ("test_cmd_line_script.CmdLineTest", _NO_CWD): "test_dash_m_bad_pyc "
    "test_dash_m_error_code_is_one test_dash_m_errors test_dash_m_init_traceback "
    "test_dash_m_main_traceback test_issue8202 test_issue8202_dash_c_file_ignored "
    "test_issue8202_dash_m_file_ignored test_module_in_package test_package test_package_compiled "
    "test_package_error test_package_recursion test_consistent_sys_path_for_module_execution "
    "test_hint_when_triying_to_import_a_py_file",
    ("test_cmd_line_script.CmdLineTest", _REFUSED): "test_directory_error test_nonexisting_script "
    "test_script_as_dev_fd",
    ("test_cmd_line_script.CmdLineTest", _PATH): "test_consistent_sys_path_for_direct_execution",
    ("test_runpy.TestExit", _NO_CWD): "test_pymain_run_command "
    "test_pymain_run_command_run_module test_pymain_run_module",
    ("test_cmd_line.CmdLineTest", _STREAMS): "test_no_std_streams test_no_stderr test_no_stdin "
    "test_no_stdout",
    ("test_compile.TestSpecifics", _ZERO): "test_particularly_evil_undecodable "
    "test_yet_more_evil_still_undecodable",
    ("test_cmd_line.CmdLineTest", _BYTES): "test_undecodable_code",
    ("test_audit.AuditTest", _HOOK): "test_excepthook",
}

# the name of a test, without "test." in front, to the reason
MEANT: Final[dict[str, str]] = {
    f"{case}.{name}": reason for (case, reason), names in _TESTS.items() for name in names.split()
}

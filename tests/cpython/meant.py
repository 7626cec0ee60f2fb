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
_ISOLATED = "a run is isolated, as python3 -I is, without which some of these tests start it"
_NOTE = "there is a note of what is not masked"
_INSIDE = "a directory within an archive is nothing that the runner opens"
_LOADED = "the modules that the runner has imported are there from the start"
_FRAMES = "masking takes some of the frames that the recursion limit allows: the test allows 15"
_LOGIN = "descriptors, signals and the umask are as at a login, whatever the caller had"
_ROOT = "the runner needs root"
_WRITABLE = "a script where others may write, as in /tmp, is refused"
_FFI = "libffi, by which the runner calls the kernel, has its own file open (not for children)"
_OWN = "strace counts what the runner itself starts to decrypt"
_PRIVATE = (
    "Python 3.13 has no interpreters for scripts: what its private modules make begins as an "
    "isolated one; and what is in the working directory is not imported by -m and -c"
)
_FILE = "what -c runs ends as a file does: stderr is flushed once before Python begins to end"
_STUCK = (
    "where a daemon thread is stopped in the middle of a write, Python ends with status 120 and "
    "does not abort"
)
_BELOW = (
    "the launcher's frame is below the script's; and no descriptor is open at the start but the "
    "first three"
)

_SHUTDOWN = "test_concurrent_futures.test_shutdown"
_POOLS = (
    "test_cancel_futures test_context_manager_shutdown test_del_shutdown test_hang_gh83386 "
    "test_hang_gh94440 test_hang_issue12364 test_interpreter_shutdown test_processes_terminate "
    "test_run_after_shutdown test_shutdown_gh_132969_case_1 test_shutdown_gh_132969_case_2 "
    "test_shutdown_no_wait test_submit_after_interpreter_shutdown"
)
_COMPILING = "test_ddir_empty_multiple_workers test_ddir_multiple_workers"

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
    (
        "test_cmd_line_script.CmdLineTest",
        _INSIDE,
    ): "test_zipfile_run_filter_syntax_warnings_by_module",
    ("test_runpy.TestExit", _NO_CWD): "test_pymain_run_command "
    "test_pymain_run_command_run_module test_pymain_run_module",
    ("test_cmd_line.CmdLineTest", _STREAMS): "test_no_std_streams test_no_stderr test_no_stdin "
    "test_no_stdout",
    ("test_compile.TestSpecifics", _ZERO): "test_particularly_evil_undecodable "
    "test_yet_more_evil_still_undecodable",
    ("test_cmd_line.CmdLineTest", _REFUSED): "test_parsing_error",
    ("test_pdb.PdbTestCase", _NO_CWD): "test_blocks_at_first_code_line test_breakpoint "
    "test_module_is_run_as_main test_module_without_a_main test_package_without_a_main "
    "test_relative_imports test_relative_imports_on_plain_module test_run_module test_empty_file "
    "test_end_of_options_separator",
    ("test_pdb.PdbTestCase", _ISOLATED): "test_issue13183 test_issue42384 test_issue42384_symlink "
    "test_issue58956",
    ("test_faulthandler.FaultHandlerTests", _BELOW): "test_dump_traceback test_dump_traceback_fd "
    "test_dump_traceback_file test_dump_traceback_later test_dump_traceback_later_fd "
    "test_dump_traceback_later_file test_dump_traceback_later_repeat "
    "test_dump_traceback_later_twice test_dump_traceback_threads "
    "test_dump_traceback_threads_file test_enable_fd test_register test_register_chain "
    "test_register_fd test_register_file test_register_threads test_truncate",
    ("test_posix.TestPosixSpawn", _LOGIN): "test_close_file test_setsid test_setsigmask",
    ("test_os.test_posix.TestPosixSpawn", _LOGIN): "test_close_file test_setsid test_setsigmask",
    ("test_posix.TestPosixSpawnP", _LOGIN): "test_close_file test_setsid test_setsigmask",
    ("test_os.test_posix.TestPosixSpawnP", _LOGIN): "test_close_file test_setsid test_setsigmask",
    ("test_io.CMiscIOTest", _STUCK): "test_daemon_threads_shutdown_stderr_deadlock "
    "test_daemon_threads_shutdown_stdout_deadlock",
    ("test_io.test_general.CMiscIOTest", _STUCK): "test_daemon_threads_shutdown_stderr_deadlock "
    "test_daemon_threads_shutdown_stdout_deadlock",
    ("test_subprocess.POSIXProcessTestCase", _LOGIN): "test_pass_fds test_pass_fds_inheritable "
    "test_pass_fds_redirected test_umask",
    ("test_subprocess.POSIXProcessTestCase", _ROOT): "test_user",
    ("test_subprocess.POSIXProcessTestCase", _FFI): "test_close_fds_after_preexec",
    ("test_subprocess.POSIXProcessTestCase", _OWN): "test_vfork_used_when_expected",
    ("test_threading.ThreadTests", _FILE): "test_finalize_daemon_thread_hang",
    ("test_site.StartupImportTests", _ISOLATED): "test_startup_interactivehook",
    ("test_traceback.TracebackCases", _FRAMES): "test_recursion_error_during_traceback",
    ("test_argparse.TestProgName", _NO_CWD): "test_module test_module_compiled test_package "
    "test_package_compiled",
    ("test_argparse.TestProgName", _INSIDE): "test_directory_in_zipfile "
    "test_directory_in_zipfile_compiled",
    ("test_import.ImportTests", _NO_CWD): "test_script_maybe_not_shadowing_third_party "
    "test_script_shadowing_stdlib_cwd_failure",
    ("test_import.ImportTests", _ISOLATED): "test_script_shadowing_stdlib_edge_cases "
    "test_script_shadowing_stdlib_sys_path_modification test_script_shadowing_third_party",
    ("test_import.ImportTracebackTests", _NO_CWD): "test_unencodable_filename",
    ("test_asyncio.test_events.TestCGetEventLoop", _LOGIN): "test_get_event_loop_new_process",
    ("test_asyncio.test_events.TestPyGetEventLoop", _LOGIN): "test_get_event_loop_new_process",
    ("test_io.CIOTest", _LOADED): "test_startup_optimization",
    ("test_io.PyIOTest", _LOADED): "test_startup_optimization",
    ("test_logging.ConfigDictTest", _LOGIN): "test_multiprocessing_queues",
    ("test_logging.LogRecordTest", _LOGIN): "test_multiprocessing",
    ("test_mimetypes.MiscTestCase", _LOADED): "test_lazy_import",
    ("test_os.PseudoterminalTests", _LOGIN): "test_pipe_spawnl",
    ("test_os.test_os.PseudoterminalTests", _LOGIN): "test_pipe_spawnl",
    (
        "test_lazy_import.FilterFunctionSignatureTests",
        _NO_CWD,
    ): "test_filter_can_force_eager_only_for_resolved_relative_target "
    "test_filter_distinguishes_absolute_and_relative_from_imports "
    "test_filter_receives_resolved_name_for_parent_relative_import "
    "test_filter_receives_resolved_name_for_relative_package_import",
    (
        "test_pyrepl.test_pyrepl.TestMain",
        _NO_CWD,
    ): "test_inspect_keeps_globals_from_inspected_module",
    ("test_audit.AuditTest", _HOOK): "test_excepthook",
    ("test_asyncio.test_streams.StreamTests", _LOGIN): "test_read_all_from_pipe_reader",
    # a Python outside of a run starts the server of its workers by the runner: it lacks its socket
    ("test_compileall.CompileallTestsWithSourceEpoch", _LOGIN): _COMPILING,
    ("test_compileall.CompileallTestsWithoutSourceEpoch", _LOGIN): _COMPILING,
    (f"{_SHUTDOWN}.ProcessPoolForkserverProcessPoolShutdownTest", _LOGIN): _POOLS,
    (f"{_SHUTDOWN}.ProcessPoolSpawnProcessPoolShutdownTest", _LOGIN): _POOLS,
    ("test_external_inspection.TestGetStackTrace", _BELOW): "test_remote_stack_trace",
    ("test_interpreters.test_lifecycle.StartupTests", _PRIVATE): "test_sys_path_0",
    (
        "test_repl.TestInteractiveInterpreter",
        _NOTE,
    ): "test_runsource_show_syntax_error_location",
    ("test_support.TestSupport", _BELOW): "test_get_recursion_depth",
    ("test_sys_settrace.TraceOpcodesTestCase", _WRITABLE): "test_trace_opcodes_after_settrace",
    (
        "test_unittest.test_program.TestCommandLineArgs",
        _NO_CWD,
    ): "testSelectedTestNamesFunctionalTest",
}

# the name of a test, without "test." in front, to the reason
MEANT: Final[dict[str, str]] = {
    f"{case}.{name}": reason for (case, reason), names in _TESTS.items() for name in names.split()
} | {f"tearDownModule (test.{_SHUTDOWN})": _LOGIN}  # waits for the server

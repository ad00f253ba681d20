"""A command prints one line for an error that the user can fix, and a traceback for a bug."""

import errno
import os
import pty
import signal
import subprocess
import sys

import pytest

DEADLINE_S = 60


def command(body):
    """Return a command line that runs a program with the source code `body` as its `main`."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    imports = "import errno, os, sys, threading, time\nfrom lenet import errors, program"
    return [sys.executable, "-c", f"{imports}\ndef main():\n{indented}\nprogram.run(main)"]


def run_to_end(body, folder, **environment):
    """Run a program with the source code `body` as its `main`; return the exit status, stdout and stderr."""
    finished = subprocess.run(
        command(body), cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=DEADLINE_S
    )
    return finished.returncode, finished.stdout, finished.stderr


def test_a_successful_command_prints_no_message_and_ends_with_status_0(tmp_path):
    assert run_to_end("print('done')", tmp_path) == (0, "done\n", "")


def test_characters_that_the_outputs_encoding_lacks_are_replaced(tmp_path):
    body = "print('1998 – today')\nraise errors.LabError('0.95 % – 1.2 %')"
    assert run_to_end(body, tmp_path, PYTHONIOENCODING="ascii") == (1, "1998 ? today\n", "error: 0.95 % ? 1.2 %\n")


def test_the_variables_that_git_sets_for_hooks_are_not_passed_on(tmp_path):
    """`git commit -a` makes a temporary index and names it in a variable for its hooks.

    If a program in a hook passed this variable on, the program's git commands would change the temporary index.
    """
    subprocess.run(["git", "init", "--quiet", tmp_path / "checkout"], check=True)
    body = "import subprocess\nsubprocess.run(['git', 'rev-parse', '--show-toplevel'], check=True)"
    hooks = {"GIT_DIR": "/nowhere/.git", "GIT_INDEX_FILE": "/nowhere/index", "GIT_WORK_TREE": "/nowhere"}
    assert run_to_end(body, tmp_path / "checkout", **hooks) == (0, f"{tmp_path / 'checkout'}\n", "")


WRITING = """\
from pathlib import Path
from lenet.workspace import atomic_write
with atomic_write(Path("models/tanh_sgd")):
"""
FULL_DISK = f"{os.strerror(errno.ENOSPC)}: free some space, then run the command again"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise errors.LabError('params.yaml: no seeds')", "params.yaml: no seeds"),
        ("raise errors.DataUnreachableError('no source')", "no source"),
        ("raise OSError(errno.ENOSPC, 'said\\nby HDF5', 'models/tanh_sgd')", f"models/tanh_sgd: {FULL_DISK}"),
        ("raise OSError(errno.ENOSPC, 'without a name')", FULL_DISK),
        (f"{WRITING}    raise OSError(errno.ENOSPC, 'without a name')", f"models/tanh_sgd: {FULL_DISK}"),
        (
            "open('nowhere/a.txt')",
            f"nowhere/a.txt: {os.strerror(errno.ENOENT)}: check that it exists, then run the command again",
        ),
    ],
    ids=["mistake", "unreachable data", "full disk", "full disk, no name", "full disk while writing", "missing file"],
)
def test_an_error_that_the_user_can_fix_gives_one_line_and_status_1(tmp_path, body, message):
    assert run_to_end(body, tmp_path) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize("bug", ["1 / 0", f"{WRITING}    raise ConnectionError('not of the operating system')"])
def test_a_bug_gives_a_traceback(tmp_path, bug):
    status, _, stderr = run_to_end(bug, tmp_path)
    assert status == 1
    assert stderr.startswith("Traceback (most recent call last)")
    assert "in main" in stderr


def interrupt(body, folder, number=signal.SIGINT):
    """Run a program with the source code `body` as its `main`, and send a signal when the program prints `ready`.

    Return the exit status and stderr.
    """
    # If the test suite runs in the background, its child processes ignore SIGINT.
    body = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{body}"
    process = subprocess.Popen(command(body), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, stderr = process.communicate(timeout=DEADLINE_S / 2)
    finally:
        process.kill()
        process.wait()
    return process.returncode, stderr


def test_ctrl_c_gives_one_line_and_status_130_and_does_not_wait_for_other_threads(tmp_path):
    sleeping_thread = f"threading.Thread(target=time.sleep, args=({DEADLINE_S},)).start()"
    body = f"{sleeping_thread}\nprint('ready', flush=True)\ntime.sleep({DEADLINE_S})"
    assert interrupt(body, tmp_path) == (130, "interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_command_leaves_no_partial_file(tmp_path, number):
    body = f"""\
from pathlib import Path
from lenet.workspace import atomic_write
with atomic_write(Path("whole.txt")) as partial:
    partial.write_text("half")
    print("ready", flush=True)
    time.sleep({DEADLINE_S})"""
    returncode, stderr = interrupt(body, tmp_path, number)
    assert (returncode, stderr, list(tmp_path.iterdir())) == (128 + number, "interrupted\n", [])


def test_a_second_signal_does_not_interrupt_the_cleaning_up(tmp_path):
    body = f"""\
try:
    print("ready", flush=True)
    time.sleep({DEADLINE_S})
finally:
    os.kill(os.getpid(), signal.SIGTERM)
    print("cleaned up", file=sys.stderr)"""
    assert interrupt(body, tmp_path, signal.SIGHUP) == (128 + signal.SIGHUP, "cleaned up\ninterrupted\n")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # since Python 3.12; the child execs at once
def test_closing_the_terminal_ends_a_command_although_it_can_no_longer_print(tmp_path):
    body = f"""\
try:
    print("ready", flush=True)
    time.sleep({DEADLINE_S})
finally:
    print("good bye", flush=True)
    open("cleaned up", "w").close()"""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, command(body))
    assert os.read(terminal, 100).startswith(b"ready")
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert (tmp_path / "cleaned up").exists()


def test_closing_the_terminal_does_not_end_a_command_under_nohup(tmp_path):
    nohup = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    script = f"import os, signal\n{nohup}\nfrom lenet import program\nprogram.run(lambda: os.kill(os.getpid(), 1))"
    assert subprocess.run([sys.executable, "-c", script], timeout=DEADLINE_S).returncode == 0

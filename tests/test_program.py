"""A command ends in one line for a user's mistake, and in a traceback for ours."""

import errno
import os
import pty
import signal
import subprocess
import sys

import pytest

DEADLINE_S = 60


def command(body):
    """Return the command line of a process whose `main` is `body`."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    imports = "import errno, os, sys, threading, time\nfrom lenet import errors, program"
    return [sys.executable, "-c", f"{imports}\ndef main():\n{indented}\nprogram.run(main)"]


def ended(body, folder, **environment):
    done = subprocess.run(
        command(body), cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=DEADLINE_S
    )
    return done.returncode, done.stdout, done.stderr


def test_a_command_that_succeeds_says_nothing_and_ends_with_0(tmp_path):
    assert ended("print('done')", tmp_path) == (0, "done\n", "")


def test_characters_that_the_outputs_encoding_lacks_are_replaced(tmp_path):
    body = "print('1998 – today')\nraise errors.LabError('0.95 % – 1.2 %')"
    assert ended(body, tmp_path, PYTHONIOENCODING="ascii") == (1, "1998 ? today\n", "error: 0.95 % ? 1.2 %\n")


def test_what_git_tells_its_hooks_is_not_handed_on(tmp_path):
    """`git commit -a` runs them with an index of its own, into which a git of theirs would write."""
    subprocess.run(["git", "init", "--quiet", tmp_path / "checkout"], check=True)
    body = "import subprocess\nsubprocess.run(['git', 'rev-parse', '--show-toplevel'], check=True)"
    hooks = {"GIT_DIR": "/nowhere/.git", "GIT_INDEX_FILE": "/nowhere/index", "GIT_WORK_TREE": "/nowhere"}
    assert ended(body, tmp_path / "checkout", **hooks) == (0, f"{tmp_path / 'checkout'}\n", "")


WRITING = """\
from pathlib import Path
from lenet.workspace import atomic_write
with atomic_write(Path("models/tanh_sgd")):
"""
FULL = f"{os.strerror(errno.ENOSPC)}: free some space, then run it again"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise errors.LabError('params.yaml: no seeds')", "params.yaml: no seeds"),
        ("raise errors.DataUnreachableError('no source')", "no source"),
        ("raise OSError(errno.ENOSPC, 'said\\nby HDF5', 'models/tanh_sgd')", f"models/tanh_sgd: {FULL}"),
        ("raise OSError(errno.ENOSPC, 'without a name')", FULL),
        (f"{WRITING}    raise OSError(errno.ENOSPC, 'without a name')", f"models/tanh_sgd: {FULL}"),
        (
            "open('nowhere/a.txt')",
            f"nowhere/a.txt: {os.strerror(errno.ENOENT)}: see that it is there, then run it again",
        ),
    ],
    ids=["mistake", "unreachable data", "full disk", "full disk, no name", "full disk while writing", "missing file"],
)
def test_what_a_user_can_mend_is_one_line_and_status_1(tmp_path, body, message):
    assert ended(body, tmp_path) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize("bug", ["1 / 0", f"{WRITING}    raise ConnectionError('not of the operating system')"])
def test_a_genuine_bug_still_shows_its_traceback(tmp_path, bug):
    status, _, stderr = ended(bug, tmp_path)
    assert status == 1
    assert stderr.startswith("Traceback (most recent call last)")
    assert "in main" in stderr


def interrupted(body, folder, number=signal.SIGINT):
    """Send a signal once the process says `ready`; return its status and what it wrote to stderr."""
    # A test suite started in the background hands on SIGINT as ignored.
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


def test_ctrl_c_is_one_line_and_status_130_and_does_not_wait_for_what_still_runs_beside(tmp_path):
    waiting = f"threading.Thread(target=time.sleep, args=({DEADLINE_S},)).start()"
    body = f"{waiting}\nprint('ready', flush=True)\ntime.sleep({DEADLINE_S})"
    assert interrupted(body, tmp_path) == (130, "interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_command_leaves_nothing_half_written(tmp_path, number):
    body = f"""\
from pathlib import Path
from lenet.workspace import atomic_write
with atomic_write(Path("whole.txt")) as partial:
    partial.write_text("half")
    print("ready", flush=True)
    time.sleep({DEADLINE_S})"""
    returncode, said = interrupted(body, tmp_path, number)
    assert (returncode, said, list(tmp_path.iterdir())) == (128 + number, "interrupted\n", [])


def test_a_second_signal_does_not_cut_the_cleaning_up_short(tmp_path):
    body = f"""\
try:
    print("ready", flush=True)
    time.sleep({DEADLINE_S})
finally:
    os.kill(os.getpid(), signal.SIGTERM)
    print("cleaned up", file=sys.stderr)"""
    assert interrupted(body, tmp_path, signal.SIGHUP) == (128 + signal.SIGHUP, "cleaned up\ninterrupted\n")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # of Python 3.12 on; the child execs at once
def test_a_terminal_that_is_closed_ends_a_command_though_nothing_can_be_printed_any_more(tmp_path):
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


def test_under_nohup_a_closed_terminal_ends_nothing(tmp_path):
    ignoring = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    script = f"import os, signal\n{ignoring}\nfrom lenet import program\nprogram.run(lambda: os.kill(os.getpid(), 1))"
    assert subprocess.run([sys.executable, "-c", script], timeout=DEADLINE_S).returncode == 0

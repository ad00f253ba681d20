"""A command ends in one line for a user's mistake, and in a traceback for ours."""

import errno
import os
import pty
import signal
import subprocess
import sys

import pytest
from support.paths import ROOT

from lenet import errors
from lenet.errors import LabError, nearest, shortened

SOURCE = ROOT / "src"
DEADLINE_S = 60


def command(body):
    """Return the command line of a process whose `main` is `body`."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    script = (
        f"import errno, os, sys, threading, time\nfrom lenet import errors\ndef main():\n{indented}\nerrors.run(main)"
    )
    return [sys.executable, "-c", script]


def environment():
    return os.environ | {"PYTHONPATH": str(SOURCE)}


def ended(body, folder):
    return subprocess.run(
        command(body), cwd=folder, env=environment(), capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def test_a_command_that_succeeds_says_nothing_and_ends_with_0(tmp_path):
    done = ended("print('done')", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("kind", ["LabError", "DataUnreachableError"])
def test_a_users_mistake_is_one_line_and_status_1(tmp_path, kind):
    done = ended(f"raise errors.{kind}('params.yaml: seeds: there are none')", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: params.yaml: seeds: there are none\n")


def test_a_mistake_noticed_while_handling_another_is_still_one_line(tmp_path):
    done = ended("try:\n    {}['a']\nexcept KeyError:\n    raise errors.LabError('a is missing')", tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: a is missing\n")


def test_a_full_disk_is_one_line_with_the_file_and_status_1(tmp_path):
    done = ended("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'models/tanh_sgd')", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (f"error: models/tanh_sgd: {os.strerror(errno.ENOSPC)}: free some space, then run it again\n")


def test_a_full_disk_without_a_file_name_is_still_one_line(tmp_path):
    done = ended("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"error: {os.strerror(errno.ENOSPC)}: ")


def test_a_full_disk_is_told_in_the_systems_words_where_a_library_has_many_of_its_own(tmp_path):
    done = ended("raise OSError(errno.ENOSPC, 'file write failed: time = now\\n, filename = x')", tmp_path)
    assert done.stderr == f"error: {os.strerror(errno.ENOSPC)}: free some space, then run it again\n"


WRITING = """\
from pathlib import Path
from lenet.workspace import written_whole
with written_whole(Path("models/tanh_sgd")):
"""


def test_a_disk_that_fills_while_writing_is_one_line_with_the_file_though_the_system_names_none(tmp_path):
    done = ended(f"{WRITING}    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"error: models/tanh_sgd: {os.strerror(errno.ENOSPC)}: ")


def test_a_bug_while_writing_still_shows_its_traceback(tmp_path):
    done = ended(f"{WRITING}    raise ConnectionError('nothing that an operating system says')", tmp_path)
    assert done.stderr.startswith("Traceback (most recent call last)")


def test_a_file_that_cannot_be_opened_is_one_line_with_its_name(tmp_path):
    done = ended("open('nowhere/file.txt')", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"error: nowhere/file.txt: {os.strerror(errno.ENOENT)}")


@pytest.mark.parametrize("bug", ["1 / 0", "raise OSError('nothing that an operating system says')"])
def test_a_genuine_bug_still_shows_its_traceback(tmp_path, bug):
    done = ended(bug, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last)")
    assert "in main" in done.stderr


def interrupted(body, folder, number=signal.SIGINT):
    """Send a signal once the process says `ready`; return its status and what it wrote to stderr."""
    # A test suite started in the background hands on SIGINT as ignored.
    body = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{body}"
    process = subprocess.Popen(
        command(body), cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, stderr = process.communicate(timeout=DEADLINE_S / 2)
    finally:
        process.kill()
        process.wait()
    return process.returncode, stderr


def test_ctrl_c_is_one_line_and_status_130(tmp_path):
    returncode, stderr = interrupted(f"print('ready', flush=True)\ntime.sleep({DEADLINE_S})", tmp_path)
    assert returncode == 130
    assert stderr == "interrupted\n"


def test_ctrl_c_does_not_wait_for_what_still_runs_beside(tmp_path):
    waiting = f"threading.Thread(target=time.sleep, args=({DEADLINE_S},)).start()"
    returncode, _ = interrupted(f"{waiting}\nprint('ready', flush=True)\ntime.sleep({DEADLINE_S})", tmp_path)
    assert returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_command_leaves_nothing_half_written(tmp_path, number):
    body = f"""\
from pathlib import Path
from lenet.workspace import written_whole
with written_whole(Path("whole.txt")) as partial:
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
        os.execve(sys.executable, command(body), environment())
    assert os.read(terminal, 100).startswith(b"ready")
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert (tmp_path / "cleaned up").exists()


def test_under_nohup_a_closed_terminal_ends_nothing(tmp_path):
    ignoring = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    script = f"import os, signal\n{ignoring}\nfrom lenet import errors\nerrors.run(lambda: os.kill(os.getpid(), 1))"
    assert subprocess.run([sys.executable, "-c", script], env=environment(), timeout=DEADLINE_S).returncode == 0


def test_the_nearest_known_name_is_offered():
    assert nearest("tanh_sdg", ["relu_adam", "tanh_sgd"]) == "did you mean tanh_sgd?"


def test_all_known_names_are_offered_where_none_is_near():
    assert nearest("zzz", iter(["relu_adam", "tanh_sgd"])) == "known: relu_adam, tanh_sgd"


def test_data_that_cannot_be_downloaded_are_a_users_error_too():
    assert issubclass(errors.DataUnreachableError, LabError)


def test_only_a_text_that_is_too_long_is_cut():
    assert [shortened(text, 3) for text in ("one", "four")] == ["one", "fou…"]

import os
import signal
import subprocess
import sys

from lenet import foreground


def test_a_programs_exit_status_comes_back():
    assert foreground.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


def test_the_environment_is_the_one_given():
    assert foreground.run(["sh", "-c", 'test "$COLOUR" = blue'], {**os.environ, "COLOUR": "blue"}) == 0


def test_after_ctrl_c_the_program_may_still_clean_up(tmp_path):
    program = (
        "import signal, sys, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    time.sleep(1); open({str(tmp_path / 'clean')!r}, 'w').close()\n"
    )
    caller = (
        "import sys\nfrom lenet import errors, foreground\n"
        f"errors.run(lambda: foreground.run([sys.executable, '-c', {program!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", caller],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (tmp_path / "clean").exists()
    assert (process.returncode, said.count("Traceback")) == (130, 0)

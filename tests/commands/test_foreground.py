import os
import signal
import socket
import subprocess
import sys
from configparser import ConfigParser

import psutil
import pytest
from support.paths import ROOT
from support.servers import free_port

from lenet.commands import foreground
from lenet.errors import LabError


def test_a_programs_exit_status_comes_back():
    assert foreground.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


def test_the_environment_is_the_one_given():
    assert foreground.run(["sh", "-c", 'test "$COLOUR" = blue'], {**os.environ, "COLOUR": "blue"}) == 0


@pytest.mark.slow
def test_dvcs_stages_run_whatever_the_users_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHELL", "/bin/false")
    assert foreground.run([*foreground.DVC, "init", "--no-scm", "--quiet"]) == 0
    (tmp_path / "dvc.yaml").write_text("stages: {greet: {cmd: GREETING=hello env > said, outs: [said]}}")
    assert foreground.run([*foreground.DVC, "repro"]) == 0
    assert "GREETING=hello\n" in (tmp_path / "said").read_text()


def test_dvc_neither_tells_of_its_use_nor_asks_for_updates():
    settings = ConfigParser()
    settings.read(ROOT / ".dvc/config")
    assert dict(settings["core"]) == {"analytics": "false", "check_update": "false"}


def test_after_ctrl_c_the_program_may_still_clean_up(tmp_path):
    program = (
        "import signal, sys, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    time.sleep(1); open({str(tmp_path / 'clean')!r}, 'w').close()\n"
    )
    caller = (
        "import sys\nfrom lenet import errors\nfrom lenet.commands import foreground\n"
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


def test_sigterm_is_passed_on_to_the_program_and_what_it_started(tmp_path):
    inner = "import time; print('ready', flush=True); time.sleep(60)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    caller = (
        "import sys\nfrom lenet import errors\nfrom lenet.commands import foreground\n"
        f"errors.run(lambda: foreground.run([sys.executable, '-c', {program!r}]))"
    )
    process = subprocess.Popen([sys.executable, "-c", caller], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) == 2
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert psutil.wait_procs(started, timeout=5)[1] == []


def test_a_port_is_the_one_given_or_the_default(monkeypatch):
    monkeypatch.delenv("PORT", raising=False)
    port = free_port()
    assert foreground.free_port("ui", default=port) == port
    monkeypatch.setenv("PORT", str(port))
    assert foreground.free_port("ui", default=1) == port


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1", "²", ""])
def test_a_port_that_is_none_is_refused(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(LabError, match=f"^PORT={port}: expected a free port, 1 to 65535, as in `make ui PORT=5010`$"):
        foreground.free_port("ui", default=5000)


def test_a_port_that_is_taken_is_refused(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(LabError, match=rf"^PORT={port} cannot be used \(Address already in use\): choose a free"):
            foreground.free_port("ui", default=5000)

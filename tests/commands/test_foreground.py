import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from support.servers import free_port

from lenet.commands import foreground, serve, ui
from lenet.errors import LabError


def test_a_program_gets_the_given_environment_and_its_exit_status_is_returned():
    assert foreground.run(["sh", "-c", "exit $STATUS"], {**os.environ, "STATUS": "7"}) == 7


def test_hidden_lines_and_the_empty_lines_after_them_are_not_printed(capfd):
    output = "before\n\na hint: more\n\n\tanother hint\n\nafter, without an end"
    assert foreground.run(["printf", output], hidden=("a hint", "another")) == 0
    assert capfd.readouterr().out == "before\n\nafter, without an end"


def start_in_foreground(program):
    """Start a command that runs a Python program in the foreground; wait for the program to print `ready`.

    program: the program's source code. Return the command's process.
    """
    command = (
        "import sys\nfrom lenet import program\nfrom lenet.commands import foreground\n"
        f"program.run(lambda: foreground.run([sys.executable, '-c', {program!r}]))"
    )
    process = subprocess.Popen([sys.executable, "-c", command], stdout=-1, stderr=-1, text=True, start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_after_ctrl_c_the_program_can_still_clean_up(tmp_path):
    process = start_in_foreground(
        "import signal, sys, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    time.sleep(1); open({str(tmp_path / 'clean')!r}, 'w').close()\n"
    )
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=20)
    assert (tmp_path / "clean").exists()
    assert (process.returncode, printed.count("Traceback")) == (130, 0)


def test_sigterm_is_passed_on_to_the_program_and_to_its_children():
    inner = "import time; print('ready', flush=True); time.sleep(60)"
    process = start_in_foreground(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])")
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 2
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert psutil.wait_procs(children, timeout=5)[1] == []


def test_the_port_comes_from_the_variable_port_or_is_the_default(monkeypatch):
    monkeypatch.delenv("PORT", raising=False)
    port = free_port()
    assert foreground.free_port("ui", default=port) == port
    monkeypatch.setenv("PORT", str(port))
    assert foreground.free_port("ui", default=1) == port


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1", "²", ""])
def test_an_invalid_port_is_refused(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(LabError, match=f"^PORT={port}: expected a free port, 1 to 65535, as in `make ui PORT=5010`$"):
        foreground.free_port("ui", default=5000)


@pytest.mark.parametrize(("server", "example"), [(ui, "make ui PORT=5010"), (serve, "make serve PORT=5011")])
def test_servers_refuse_an_invalid_port_before_they_publish_anything(workspace, monkeypatch, server, example):
    monkeypatch.setenv("PORT", "abc")
    with pytest.raises(LabError, match=f"^PORT=abc: .*`{example}`$"):
        server.main()
    assert not (workspace / "mlflow.db").exists()


def test_a_port_in_use_is_refused(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(LabError, match=rf"^PORT={port} cannot be used \(Address already in use\): choose a free"):
            foreground.free_port("ui", default=5000)

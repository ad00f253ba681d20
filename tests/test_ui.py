import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests
from builders import variant_result

from lenet import ui
from lenet.errors import LabError
from lenet.results import save_result


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def started(port):
    return subprocess.Popen(
        [sys.executable, "-m", "lenet.ui"],
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def answer(url, within_s=120, **options):
    end = time.monotonic() + within_s
    while True:
        try:
            return requests.request(options.pop("method", "GET"), url, timeout=5, **options)
        except requests.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


@pytest.mark.slow
def test_the_ui_serves_what_the_workspace_holds_until_ctrl_c(client):
    save_result(variant_result("tanh_sgd", errors=[1.0]))
    port = free_port()
    server = started(port)
    try:
        assert answer(f"http://127.0.0.1:{port}/health").status_code == 200
        search = {"max_results": 10}
        found = requests.post(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search", json=search, timeout=10)
        assert "lenet5-digits" in [each["name"] for each in found.json()["experiments"]]
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(timeout=20) == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/health", timeout=5)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_a_port_that_is_none_is_refused_before_anything_is_published(workspace, monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(LabError, match=f"^PORT={port}: expected a free port, 1 to 65535"):
        ui.main()


def test_a_server_elsewhere_is_named_not_started(workspace, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    ui.main()
    assert capsys.readouterr().out == "The store is a server with a UI of its own: http://127.0.0.1:9\n"

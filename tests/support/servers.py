"""Real servers to test against: started as a person starts them, asked over HTTP, ended by Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import requests


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(module, health):
    """Run `python -m lenet.<module>` on a free port; yield its address once `health` answers, and the process."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", f"lenet.{module}"],
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address + health, server)
        yield address, server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def listening(server):
    """Return the addresses on which a server and all that it has started listen."""
    tree = [psutil.Process(server.pid)]
    tree += tree[0].children(recursive=True)
    return {each.laddr.ip for process in tree for each in process.net_connections() if each.status == "LISTEN"}


def press_ctrl_c(server):
    """Send what Ctrl-C in a terminal sends: SIGINT, to the server and to all it has started; return its status."""
    os.killpg(server.pid, signal.SIGINT)
    return server.wait(timeout=30)


def wait_for(url, server, within_s=120):
    """Wait until a server that was started answers."""
    end = time.monotonic() + within_s
    while True:
        try:
            assert requests.get(url, timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            if time.monotonic() > end or server.poll() is not None:
                raise
            time.sleep(0.3)


def wait_until(happened, within_s=300):
    """Wait until a function returns true."""
    end = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)

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
def running(command, health, output, **environment):
    """Run a server; yield its process once the address `health` answers."""
    server = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(health, server)
        yield server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


@contextmanager
def serving(module, health):
    """Run `python -m lenet.<module>` on a free port; yield its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", f"lenet.{module}"]
    with running(command, address + health, subprocess.PIPE, PORT=str(port)) as server:
        yield address, server


def listening(server):
    """Return the addresses on which a server and all that it has started listen."""
    tree = [psutil.Process(server.pid)]
    tree += tree[0].children(recursive=True)
    return {each.laddr.ip for process in tree for each in process.net_connections() if each.status == "LISTEN"}


def press_ctrl_c(server):
    """Send what Ctrl-C in a terminal sends: SIGINT, to the server and to all it has started; return its status."""
    os.killpg(server.pid, signal.SIGINT)
    return server.wait(timeout=30)


def wait_for(url, server, within_s=300):
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

"""Run real servers: as a user does, by a command that Ctrl-C ends, or in a thread of the test."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer

import psutil
import requests


def free_port():
    with socket.socket() as unused_socket:
        unused_socket.bind(("127.0.0.1", 0))
        return unused_socket.getsockname()[1]


@contextmanager
def running(command, health, output, **environment):
    """Run a server. Yield its process as soon as the URL `health` answers.

    output: the file or pipe that gets the server's stdout and stderr.
    """
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
def running_in_thread(server: TCPServer) -> Iterator[TCPServer]:
    """Run a server in a thread. Stop it at the end of the `with` block, even if a client still waits for an answer."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving(module, health):
    """Run `python -m lenet.<module>` on a free port. Yield its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", f"lenet.{module}"]
    with running(command, address + health, subprocess.PIPE, PORT=str(port)) as server:
        yield address, server


def listening(server):
    """Return the IP addresses on which a server and its child processes listen."""
    processes = [psutil.Process(server.pid)]
    processes += processes[0].children(recursive=True)
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == "LISTEN"
    }


def press_ctrl_c(server):
    """Send SIGINT to the server and its child processes, as Ctrl-C in a terminal does. Return its exit status."""
    os.killpg(server.pid, signal.SIGINT)
    return server.wait(timeout=30)


def wait_for(url, server, within_s=300):
    """Wait until a server answers. Raise the last ConnectionError if the server ends or does not answer in time."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            assert requests.get(url, timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.3)


def wait_until(condition, within_s=300):
    """Wait until the function `condition` returns true."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""Run programs in the foreground, so that they receive Ctrl-C themselves, and check that a server's port is free."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import psutil

from lenet.errors import LabError
from lenet.program import Terminated

# Servers have no authentication: they listen on localhost only.
HOST = "127.0.0.1"


def run(command: Sequence[str], env: Mapping[str, str] | None = None, hidden_line: str = "") -> int:
    """Run a program to its end and return its exit status.

    hidden_line: a line of the program's output that is not printed.
    Ctrl-C reaches both the program and this process. SIGTERM is passed on to the program and to all processes that the
    program has started. After either signal, wait until the program has ended, then raise KeyboardInterrupt.
    """
    interrupt: KeyboardInterrupt | None = None
    with (
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE if hidden_line else None) as process,
        _printing_all_but(hidden_line, process.stdout),
    ):
        while process.poll() is None:
            try:
                process.wait()
            except Terminated as terminated:
                interrupt = terminated
                _terminate_tree(process.pid)
            except KeyboardInterrupt as ctrl_c:
                interrupt = ctrl_c
    if interrupt:
        raise interrupt
    return process.returncode


@contextmanager
def _printing_all_but(hidden_line: str, output: IO[bytes] | None) -> Iterator[None]:
    """During the `with` block, print each line of a program's output as soon as the program prints it."""

    def print_lines() -> None:
        for line in output or ():
            if line.strip() != hidden_line.encode():
                with suppress(OSError):  # the terminal is closed; the program must still be able to print
                    os.write(1, line)

    thread = threading.Thread(target=print_lines, name="output")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _terminate_tree(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (*root.children(recursive=True), root):
            with suppress(psutil.NoSuchProcess):
                process.terminate()


def free_port(target: str, default: int) -> int:
    """Return the port in the environment variable PORT, or the default if PORT is not set.

    Raises LabError if a server cannot listen on this port. target: the `make` target to name in the error message.
    """
    port = os.environ.get("PORT", str(default))
    hint = f"a free port, 1 to 65535, as in `make {target} PORT={default + 10}`"
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise LabError(f"PORT={port}: expected {hint}")
    try:
        socket.create_server((HOST, int(port))).close()
    except OSError as error:
        raise LabError(f"PORT={port} cannot be used ({os.strerror(error.errno or 0)}): choose {hint}") from None
    return int(port)

"""Run programs in the foreground, so that they receive Ctrl-C themselves, and check that a server's port is free."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

from lenet.errors import LabError
from lenet.program import Terminated

# Servers have no authentication: they listen on localhost only.
HOST = "127.0.0.1"


def run(command: Sequence[str], env: Mapping[str, str] | None = None, hidden: tuple[str, ...] = ()) -> int:
    """Run a program to its end and return its exit status.

    hidden: how the lines begin that are not printed. Empty lines after such a line are not printed either. If anything
    is to be hidden, the program's output is a pipe.
    Ctrl-C reaches both the program and this process. SIGTERM is passed on to the program and to all processes that the
    program has started. After either signal, wait until the program has ended, then raise KeyboardInterrupt.
    """
    interrupt: KeyboardInterrupt | None = None
    beginnings = tuple(beginning.encode() for beginning in hidden)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE if hidden else None) as process:
        is_hidden = False
        while True:
            try:
                for line in process.stdout or ():
                    text = line.strip()
                    is_hidden = text.startswith(beginnings) or (is_hidden and not text)
                    if not is_hidden:
                        os.write(1, line)
                process.wait()
                break
            except KeyboardInterrupt as signalled:
                interrupt = signalled
                if isinstance(signalled, Terminated):
                    _terminate_tree(process.pid)
                if process.poll() is not None:  # only a program that it has left behind still prints
                    break
    if interrupt:
        raise interrupt
    return process.returncode


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

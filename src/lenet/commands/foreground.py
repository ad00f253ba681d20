"""Run programs in the foreground, so that they handle Ctrl-C themselves; and the address where servers listen."""

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


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run a program to its end and return its exit status.

    Ctrl-C reaches the program as it reaches us; SIGTERM is passed on to it and to all that it has started. It is waited
    for while it cleans up, then KeyboardInterrupt is raised here too.
    """
    interrupt: KeyboardInterrupt | None = None
    with subprocess.Popen(command, env=env) as process:
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


def _terminate_tree(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (*root.children(recursive=True), root):
            with suppress(psutil.NoSuchProcess):
                process.terminate()


def free_port(target: str, default: int) -> int:
    """Return the environment's PORT, or the default; raise LabError unless a server can listen there."""
    given = os.environ.get("PORT", str(default))
    hint = f"a free port, 1 to 65535, as in `make {target} PORT={default + 10}`"
    if not (given.isascii() and given.isdigit()) or not 0 < int(given) < 65536:
        raise LabError(f"PORT={given}: expected {hint}")
    try:
        socket.create_server((HOST, int(given))).close()
    except OSError as error:
        raise LabError(f"PORT={given} cannot be used ({os.strerror(error.errno or 0)}): choose {hint}") from None
    return int(given)

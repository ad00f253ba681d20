"""Run programs in the foreground, so that they handle Ctrl-C themselves; and the address where servers listen."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence

from lenet.errors import LabError

# Servers have no authentication: they listen on localhost only.
HOST = "127.0.0.1"


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run a program to its end and return its exit status.

    Ctrl-C reaches the program as it reaches us; it is waited for while it cleans up, then KeyboardInterrupt is
    raised here too.
    """
    interrupted = False
    with subprocess.Popen(command, env=env) as process:
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return process.returncode


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

"""Programs that another command runs in the foreground: Ctrl-C is theirs to handle."""

import subprocess
from collections.abc import Mapping, Sequence


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

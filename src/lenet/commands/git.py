"""Run git, and report its failures in one line."""

import subprocess

from lenet.errors import LabError, in_one_line


def git(*arguments: str) -> bytes:
    """Run a git command and return its output; raise LabError if the command fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"git {arguments[0]} failed: {in_one_line(done.stderr.decode(errors='replace'))}")
    return done.stdout

"""What differs between machines and moments (times, host, processor, commit): kept out of everything DVC tracks.

It lies in .runs/<digest>.json at the project's root, untracked, and reaches MLflow as tags.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from lenet.workspace import machine_notes, written_whole


def now_ms() -> int:
    """Return the time in ms since 1970, as MLflow counts it."""
    return time.time_ns() // 1_000_000


@cache
def here_and_now() -> Mapping[str, str]:
    """Return the tags of this machine and moment: git commit and dirty state, DVC experiment, host, processor."""
    commit = _git("rev-parse", "HEAD")
    tags = {
        "git_commit": commit,
        "git_dirty": str(bool(_git("status", "--porcelain"))).lower() if commit else "",
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
        "host": platform.node(),
        "processor": _processor(),
        "python": platform.python_version(),
    }
    return {name: value for name, value in tags.items() if value}


def save_notes(digest: str, started_ms: int, duration_s: float) -> None:
    """Keep when and where a run was trained: start in ms since 1970, duration in seconds, and this moment's tags."""
    notes = {"tags": here_and_now(), "started_ms": started_ms, "duration_s": round(duration_s, 3)}
    # Without them the run is published all the same, as one whose moment is not known.
    with suppress(OSError), written_whole(_path(digest)) as partial:
        partial.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")


def load_notes(digest: str) -> dict | None:
    """Return what `save_notes` kept, or None where it is lost."""
    try:
        return json.loads(_path(digest).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _path(digest: str) -> Path:
    return machine_notes() / f"{digest}.json"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

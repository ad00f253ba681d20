"""Where and when runs are trained (times, host, processor, commit): kept out of everything that DVC tracks.

It lies in .runs/<digest>.json at the project's root, untracked, and reaches MLflow as tags.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from lenet.workspace import machine_notes, written_whole


def now_ms() -> int:
    """Return the time in ms since 1970, as MLflow counts it."""
    return time.time_ns() // 1_000_000


@cache
def machine_tags() -> Mapping[str, str]:
    """Return the tags that all runs of this process share: git commit, DVC experiment, host, processor."""
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


@dataclass(frozen=True)
class Provenance:
    """Where and when a run was trained: the machine's tags, its start in ms since 1970, its duration in seconds."""

    tags: Mapping[str, str]
    started_ms: int
    duration_s: float

    @property
    def ended_ms(self) -> int:
        return self.started_ms + round(1000 * self.duration_s)


def save_provenance(digest: str, started_ms: int, duration_s: float) -> None:
    """Keep where and when a run was trained, beside everything that DVC tracks."""
    provenance = Provenance(machine_tags(), started_ms, round(duration_s, 3))
    # Without it the run is published all the same, as one of unknown provenance.
    with suppress(OSError), written_whole(_path(digest)) as partial:
        partial.write_text(json.dumps(asdict(provenance), indent=2) + "\n", encoding="utf-8")


def load_provenance(digest: str) -> Provenance | None:
    """Return what `save_provenance` kept, or None if it is lost."""
    try:
        return Provenance(**json.loads(_path(digest).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
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

"""A run's provenance: where and when the run was trained (times, host, processor, commit).

The provenance differs from one training to the next, so DVC does not track it. The run store keeps the provenance
beside the run's files, and MLflow gets it as tags.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from lenet.errors import in_one_line
from lenet.workspace import project_root

_FILE = "provenance.json"


def now_ms() -> int:
    """Return the current time in ms since 1970, the unit of MLflow."""
    return time.time_ns() // 1_000_000


@cache
def machine_tags() -> Mapping[str, str]:
    """Return the tags that all runs of this process share: git commit, DVC experiment, host, processor, Python."""
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
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
    """Where and when a run was trained: the machine's tags, the start in ms since 1970, the duration in seconds."""

    tags: Mapping[str, str]
    started_ms: int
    duration_s: float

    @property
    def ended_ms(self) -> int:
        return self.started_ms + round(1000 * self.duration_s)

    def save(self, folder: Path) -> None:
        """Write provenance.json into a run's folder in the run store."""
        (folder / _FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Provenance | None":
        """Read provenance.json from a run's folder in the run store; return None if the file is missing or damaged."""
        try:
            return cls(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def busy_time_s(runs: Iterable[Provenance]) -> float:
    """Return the seconds during which at least one of the runs was in training; pauses between runs do not count."""
    busy_ms, latest_end_ms = 0, 0
    for run in sorted(runs, key=lambda run: run.started_ms):
        busy_ms += max(0, run.ended_ms - max(run.started_ms, latest_end_ms))
        latest_end_ms = max(latest_end_ms, run.ended_ms)
    return busy_ms / 1000


def _git(*arguments: str) -> str:
    """Return what git prints, or "" if git fails. Warn if git itself reports an error and the checkout has a .git."""
    try:
        git = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    if git.returncode and git.stderr and (project_root() / ".git").exists():
        print(f"warning: the commit of the runs is not recorded: {in_one_line(git.stderr)}", file=sys.stderr)
    return "" if git.returncode else git.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

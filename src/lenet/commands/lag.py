"""Whether the committed results belong to the code: dvc.lock's digests of code against the files as they are."""

import json
import subprocess

from lenet.commands import foreground
from lenet.errors import LabError, in_one_line

_CODE = "src/"


def lagging_stages() -> dict[str, list[str]]:
    """Return the stages whose code has changed since dvc.lock was written, each with the files and folders.

    Raises LabError where DVC cannot tell. It takes a second or two.
    """
    done = subprocess.run([*foreground.DVC, "status", "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"dvc status failed: {in_one_line(done.stderr)}")
    lagging = {stage: _changed_code(changes) for stage, changes in json.loads(done.stdout).items()}
    return {stage: files for stage, files in lagging.items() if files}


def _changed_code(changes: list[dict[str, dict[str, str]] | str]) -> list[str]:
    deps = [change.get("changed deps", {}) for change in changes if isinstance(change, dict)]
    return sorted({path for changed in deps for path in changed if path.startswith(_CODE)})

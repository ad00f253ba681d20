"""The digest of the code: one SHA-256 of all source files that decide a run's results, bit for bit.

These files are the code that all runs share, the folder of the run's engine (its way of training), and the file of its
optimizer. The digest is computed from the files' syntax trees (`syntax.py`), so an edit of comments, docstrings or
layout does not change the digest. The digest of the code is part of a run's identity: if the digest changes, the run is
trained again. `tests/runs/test_code.py` checks that a run imports these files and no others of the project.
"""

import hashlib
import json
from pathlib import Path

from lenet.runs.syntax import syntax_digest
from lenet.settings import ENGINES

CHECKOUT = Path(__file__).parents[3]


def code_files(optimizer: str) -> list[str]:
    """Return the source files that decide the results of a run with this optimizer.

    The paths are relative to the checkout.
    """
    engine = f"training/{ENGINES[optimizer]}"
    patterns = (
        "mnist/splits.py",
        "network/*.py",
        "training/*.py",
        f"{engine}/*.py",
        f"{engine}/optimizers/{optimizer}.py",
    )
    package = CHECKOUT / "src/lenet"
    return sorted(file.relative_to(CHECKOUT).as_posix() for pattern in patterns for file in package.glob(pattern))


def file_digests(optimizer: str) -> dict[str, str]:
    """Return the current digest of each source file in `code_files`: path → digest of the syntax tree."""
    return {file: syntax_digest((CHECKOUT / file).read_text(encoding="utf-8")) for file in code_files(optimizer)}


def code_digest(optimizer: str) -> str:
    """Return the digest of the current code of a run with this optimizer."""
    return hashlib.sha256(json.dumps(file_digests(optimizer), sort_keys=True).encode()).hexdigest()


def code_digests() -> dict[str, str]:
    return {optimizer: code_digest(optimizer) for optimizer in ENGINES}

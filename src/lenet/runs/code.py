"""The digest of the code: one SHA-256 of all source files that decide a run's bits.

These files are the code that all runs share, the folder of the run's engine (its way of training), and the file of its
optimizer. Each file counts through the digest of its syntax tree (`syntax.py`), so an edit of comments, docstrings or
layout changes nothing. The digest of the code is part of a run's identity: if it changes, the run is trained again.
`tests/runs/test_code.py` compares these files with the modules that a run imports.
"""

import hashlib
import json
from pathlib import Path

from lenet.runs.syntax import syntax_digest
from lenet.settings import ENGINES

CHECKOUT = Path(__file__).parents[3]


def code_files(optimizer: str) -> list[str]:
    """Return the source files that decide the bits of a run with this optimizer, as paths relative to the checkout."""
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
    """Return each of `code_files` with the digest of its syntax tree, as the file is now."""
    return {file: syntax_digest((CHECKOUT / file).read_text(encoding="utf-8")) for file in code_files(optimizer)}


def code_digest(optimizer: str) -> str:
    """Return the digest of the code of a run with this optimizer, as the files are now."""
    return hashlib.sha256(json.dumps(file_digests(optimizer), sort_keys=True).encode()).hexdigest()


def code_digests() -> dict[str, str]:
    return {optimizer: code_digest(optimizer) for optimizer in ENGINES}

"""The code's part of a run's digest: what the code that decides its bits means, without comments and layout.

That is the code that all runs share, the folder of the engine that trains the run, and the file of its optimizer. A
test follows the imports of a run and compares them with these files.
"""

import hashlib
import json
from pathlib import Path

from lenet.runs.meaning import digest_of_meaning
from lenet.settings import ENGINES

CHECKOUT = Path(__file__).parents[3]


def files_of_run(optimizer: str) -> list[str]:
    """Return the files of code that decide the bits of a run with that optimizer, as paths in the checkout."""
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


def digests(optimizer: str) -> dict[str, str]:
    """Return `files_of_run`, each with the digest of its meaning."""
    return {file: digest_of_meaning((CHECKOUT / file).read_text(encoding="utf-8")) for file in files_of_run(optimizer)}


def digest_of_run(optimizer: str) -> str:
    """Return one digest of all code that decides the bits of a run with that optimizer, as the files are now."""
    return hashlib.sha256(json.dumps(digests(optimizer), sort_keys=True).encode()).hexdigest()


def digests_of_runs() -> dict[str, str]:
    """Return `digest_of_run` for each optimizer."""
    return {optimizer: digest_of_run(optimizer) for optimizer in ENGINES}

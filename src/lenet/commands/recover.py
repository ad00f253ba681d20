"""Take trained runs that lie in models/, or in DVC's cache, into the run store: as after `dvc pull` in a new clone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from lenet.commands import dvc
from lenet.errors import LabError
from lenet.evaluation.results import SeedResult, load_result
from lenet.runs import run_store
from lenet.runs.files import folder_of
from lenet.training.trained_run import ARCHITECTURE, WEIGHTS, TrainedRun
from lenet.workspace import DETAILS


def recover_runs() -> None:
    """Save in the run store the runs that the results name and it lacks, as far as they are still there."""
    if not (named := missing_results()):
        return
    save_from_models(named)
    if still := missing_results():
        dvc.checkout_models(list(still))
        save_from_models(still)


def missing_results() -> Mapping[str, Sequence[SeedResult]]:
    """Return what the results name and the run store lacks, by variant."""
    found: dict[str, Sequence[SeedResult]] = {}
    for path in sorted(DETAILS.glob("*.json")):
        with suppress(LabError):  # of a merge, say; it is made anew
            seeds = [
                seed for seed in load_result(path.stem).seeds if not run_store.entry(seed.identity.digest).is_dir()
            ]
            if seeds:
                found[path.stem] = seeds
    return found


def save_from_models(missing: Mapping[str, Sequence[SeedResult]]) -> None:
    """Save in the run store those of the runs whose weights in models/ are the ones that were evaluated."""
    for variant, seeds in missing.items():
        for seed in seeds:
            folder = folder_of(variant, seed.identity.seed)
            with suppress(OSError, ValueError):
                weights, architecture = (folder / WEIGHTS).read_bytes(), (folder / ARCHITECTURE).read_text("utf-8")
                json.loads(architecture)
                if hashlib.sha256(weights).hexdigest() == seed.weights:
                    run_store.save(seed.identity, TrainedRun(weights, architecture.removesuffix("\n"), seed.history))

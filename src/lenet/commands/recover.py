"""Copy trained runs from models/ or DVC's cache into the run store, for example after `dvc pull` in a new clone."""

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
    """Copy missing runs into the run store, if their files are in models/ or in DVC's cache.

    A run is missing if results refer to the run but the run store does not contain it.
    """
    if not (missing := missing_results()):
        return
    save_from_models(missing)
    if still_missing := missing_results():
        dvc.checkout_models(list(still_missing))
        save_from_models(still_missing)


def missing_results() -> Mapping[str, Sequence[SeedResult]]:
    """Return the results whose runs are missing from the run store: {variant: results of single seeds}.

    Variants without missing runs are left out.
    """
    missing: dict[str, Sequence[SeedResult]] = {}
    for path in sorted(DETAILS.glob("*.json")):
        with suppress(LabError):  # the file may have merge conflicts; it is written again later
            seed_results = [
                seed_result
                for seed_result in load_result(path.stem).seeds
                if not run_store.entry(seed_result.identity.digest).is_dir()
            ]
            if seed_results:
                missing[path.stem] = seed_results
    return missing


def save_from_models(missing: Mapping[str, Sequence[SeedResult]]) -> None:
    """Copy missing runs from models/ into the run store.

    A run is copied only if the digest of its weights in models/ equals the digest in the run's results.
    missing: what `missing_results` returns.
    """
    for variant, seed_results in missing.items():
        for seed_result in seed_results:
            folder = folder_of(variant, seed_result.identity.seed)
            with suppress(OSError, ValueError):
                weights, architecture = (folder / WEIGHTS).read_bytes(), (folder / ARCHITECTURE).read_text("utf-8")
                json.loads(architecture)
                if hashlib.sha256(weights).hexdigest() == seed_result.weights:
                    run_store.save(
                        seed_result.identity, TrainedRun(weights, architecture.removesuffix("\n"), seed_result.history)
                    )

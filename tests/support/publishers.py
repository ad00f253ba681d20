"""Processes that publish runs at the same moment, each with the store lock of its own checkout."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict

from lenet.tracking import experiment
from support.builders import identity

SWEEP = experiment.of_sweep("race", "Who is first?", "digits", [])
_SCRIPT = """
import json, sys
from lenet.runs.identity import RunIdentity
from lenet.tracking import experiment
from lenet.tracking.client import undisturbed
from lenet.tracking.run_finder import RunFinder

identities = [RunIdentity.from_json(each) for each in json.loads(sys.argv[1])]
race = experiment.of_sweep("race", "Who is first?", "digits", [])
for variant in sys.argv[2:]:
    undisturbed(lambda: RunFinder(race).find_or_create_all(variant, identities, "described"))
"""


@contextmanager
def publishing(folders, variants, **environment):
    """Start a publisher per folder, its checkout, of two seeds of each of its variants; yield what they said."""
    identities = json.dumps([asdict(identity(seed)) for seed in (0, 1)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, identities, *its_variants],
            cwd=folder,
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder, its_variants in zip(folders, variants, strict=True)
    ]
    try:
        yield [process.communicate()[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def assert_each_run_is_there_once(client, variants):
    """Look at what the publishers have left: each run once, whole and ended."""
    runs = client.search_runs([client.get_experiment_by_name(SWEEP.name).experiment_id])
    names = [name for variant in sorted(variants) for name in (variant, f"{variant} seed 0", f"{variant} seed 1")]
    assert sorted(run.info.run_name for run in runs) == names
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        assert run.data.params["variant"] == run.data.tags["variant"]
        assert len(run.inputs.dataset_inputs) == 2

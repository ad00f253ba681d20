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

def publish(variant):
    _, runs = RunFinder(race).find_or_create_all(variant, identities, "described")
    for run in runs:
        run.log_history({"train/loss": [0.5, 0.25]})
        run.attach_json([[1]], "confusion.json")

for variant in sys.argv[2:]:
    undisturbed(lambda: publish(variant))
"""


@contextmanager
def publishing(folders, variants, seeds=2, **environment):
    """Start a publisher per folder, its checkout, of some seeds of each of its variants; yield what they said."""
    identities = json.dumps([asdict(identity(seed)) for seed in range(seeds)])
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


def assert_each_run_is_there_once(client, variants, seeds=2):
    """Look at what the publishers have left: each run once, whole and ended, with each point and artifact once."""
    runs = client.search_runs([client.get_experiment_by_name(SWEEP.name).experiment_id])
    names = [name for variant in variants for name in (variant, *(f"{variant} seed {seed}" for seed in range(seeds)))]
    assert sorted(run.info.run_name for run in runs) == sorted(names)
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        assert run.data.params["variant"] == run.data.tags["variant"]
        assert len(run.inputs.dataset_inputs) == 2
        if run.data.tags["kind"] == "seed":
            points = client.get_metric_history(run.info.run_id, "train/loss")
            assert [(point.step, point.value) for point in points] == [(1, 0.5), (2, 0.25)]
            assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["confusion.json"]

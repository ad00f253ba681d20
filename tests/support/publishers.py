"""Processes that publish runs at the same moment, each with the store lock of its own checkout."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict

from lenet.tracking import experiment
from support.builders import identity

SWEEP = experiment.of_sweep("race", "Who is first?", "digits", [])
_SCRIPT = """
import json, os, sys
import mlflow, mlflow.store.db.utils  # here, once: the publishers are forks
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

publishers = []
for folder, variants in json.loads(sys.argv[2]):
    if not (publisher := os.fork()):
        os.chdir(folder)
        for variant in variants:
            undisturbed(lambda: publish(variant))
        os._exit(0)
    publishers.append(publisher)
for publisher in publishers:
    os.waitpid(publisher, 0)
"""


def publish_at_once(folders, variants, seeds=2, **environment):
    """Run a publisher per folder, its checkout, of some seeds of each of its variants; return what they said."""
    identities = json.dumps([asdict(identity(seed)) for seed in range(seeds)])
    jobs = json.dumps([(str(folder), its) for folder, its in zip(folders, variants, strict=True)])
    publishers = subprocess.Popen(
        # Python 3.12 warns of forks where a library has started threads, as NumPy's does; here they do nothing yet.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _SCRIPT, identities, jobs],
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"} | environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        return publishers.communicate()[1]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(publishers.pid, signal.SIGKILL)
        publishers.wait()


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

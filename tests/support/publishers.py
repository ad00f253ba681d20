"""Processes that publish the same runs at the same moment, each from its own checkout."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict

from lenet.tracking import pages
from support.builders import identity
from support.paths import ROOT
from support.runs import HISTORY

SWEEP = pages.sweep_experiment("race", "Who is first?", "digits", [])
_SCRIPT = """
import json, os, sys
import mlflow.store.db.utils  # imported once, before the forks
from lenet.execution.schedule import PlannedRun
from lenet.runs import run_store
from lenet.runs.identity import RunIdentity
from lenet.tracking import pages, publish
from support.runs import PROVENANCE, TRAINED

identities = [RunIdentity.from_json(raw) for raw in json.loads(sys.argv[1])]
race = pages.sweep_experiment("race", "Who is first?", "digits", [])
publishers = []
for folder, variants in json.loads(sys.argv[2]):
    if not (publisher := os.fork()):
        os.chdir(folder)
        for identity in identities:
            with run_store.lock(identity.digest):
                run_store.save(identity, TRAINED, PROVENANCE)
            publish.publish_run(race, PlannedRun(identity, None, variants))
        os._exit(0)
    publishers.append(publisher)
for publisher in publishers:
    os.waitpid(publisher, 0)
"""


def publish_at_once(folders, variants, **environment):
    """Run one publisher process in each folder. Return what the processes print to stderr.

    Each folder stands for a checkout. variants: one list for each folder, the variants that the process in this folder
    publishes. Each variant has two seeds.
    """
    identities = json.dumps([asdict(identity(seed)) for seed in (0, 1)])
    jobs = json.dumps([(str(folder), names) for folder, names in zip(folders, variants, strict=True)])
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT / "tests")])
    publishers = subprocess.Popen(
        # Python 3.12 warns of a fork after a library has started threads. NumPy's threads are idle at that point.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _SCRIPT, identities, jobs],
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": path} | environment,
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


def assert_each_run_published_once(client, variants):
    """Assert that each MLflow run exists once and is finished.

    Assert also that the MLflow run of each seed has one model, and each point of the history once.
    """
    experiment = client.get_experiment_by_name(SWEEP.name).experiment_id
    runs = client.search_runs([experiment])
    names = [f"{variant}{seed}" for variant in variants for seed in ("", " seed 0", " seed 1")]
    assert sorted(run.info.run_name for run in runs) == sorted(names)
    assert {run.info.status for run in runs} == {"FINISHED"}
    parents = {run.info.run_name: run.info.run_id for run in runs if run.data.tags["kind"] == "variant"}
    for run in runs:
        assert run.data.params["variant"] == run.data.tags["variant"]
        assert len(run.inputs.dataset_inputs) == 2
        if run.data.tags["kind"] == "seed":
            assert run.data.tags["mlflow.parentRunId"] == parents[run.data.tags["variant"]]
            points = client.get_metric_history(run.info.run_id, "train/loss")
            assert [(point.step, point.value) for point in points] == list(enumerate(HISTORY["train/loss"], 1))
            assert len(client.search_logged_models([experiment], f"source_run_id = '{run.info.run_id}'")) == 1

import pytest
from support.builders import identity

from lenet.runs import store
from lenet.runs.provenance import machine_tags
from lenet.tracking.experiment import of_study
from lenet.tracking.run_finder import UNKNOWN_PROVENANCE, RunFinder

pytestmark = pytest.mark.slow  # a real database


def test_a_run_published_from_the_files_learns_its_provenance_when_it_is_trained_here(client):
    finder = RunFinder(of_study("digits"))
    parent = finder.find_or_create_parent("tanh_sgd", identity(), "", 1000, UNKNOWN_PROVENANCE)
    run_id = finder.find_or_create_seed("tanh_sgd", identity(), parent, 1000, UNKNOWN_PROVENANCE).run_id
    again = finder.find_or_create_seed("tanh_sgd", identity(), parent, 1000, {"git_commit": "abc", "host": "here"})
    assert again.run_id == run_id
    tags = client().get_run(run_id).data.tags
    assert "republished" not in tags
    assert (tags["mlflow.source.git.commit"], tags["host"]) == ("abc", "here")


def test_runs_that_nobody_trains_are_not_shown_as_running_and_those_of_others_are_left_alone(client):
    here = {"host": machine_tags()["host"]}
    finder = RunFinder(of_study("digits"))
    killed, going = (finder.find_or_create_parent(name, identity(), "", 1000, here) for name in ("killed", "going"))
    lost = finder.find_or_create_seed("killed", identity(seed=1), killed, 1000, here)
    trained = finder.find_or_create_seed("going", identity(seed=2), going, 1000, here)
    elsewhere = finder.find_or_create_seed("killed", identity(seed=3), killed, 1000, {"host": "another machine"})
    with store.lock(identity(seed=2).digest):
        finder.stop_abandoned()
    statuses = [client().get_run(run.run_id).info.status for run in (killed, lost, going, trained, elsewhere)]
    assert statuses == ["KILLED", "KILLED", "RUNNING", "RUNNING", "RUNNING"]

import shutil
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
from support.builders import (
    identity,
    noise_test_split,
    save_evaluated,
    seed_result,
    variant_result,
    without_validation,
)
from support.mlflow_runs import runs_in
from support.params import edit_params
from support.runs import PROVENANCE, TRAINED

from lenet.evaluation import trials
from lenet.evaluation.results import save_result
from lenet.evaluation.trials import Trial
from lenet.execution.schedule import PlannedRun
from lenet.mnist.splits import save_split, split_path
from lenet.runs import run_store
from lenet.settings import load_settings
from lenet.tracking import mlflow_store, pages, publish
from lenet.workspace import DETAILS

STUDY = pages.study_experiment("digits")


def publish_result(result, about=""):
    """Save a variant's results as evaluate does, and publish them with `about` as the variant's description."""
    save_result(result)
    with edit_params() as params:
        params["about"][result.variant] = about
    return publish.publish_variant(result.variant)


def parent_in(client):
    (parent,) = runs_in(client, kind="variant")
    return parent


def points_of(client, run):
    """Return all points of an MLflow run: metric → list of (step, value), sorted by step."""
    return {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }


def everything_in(client):
    """Return everything in the MLflow store that a second publication might duplicate.

    The result maps the id of each MLflow run to the run's tags, points, artifacts and number of models.
    """
    contents = {}
    for run in runs_in(client):
        artifacts = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        contents[run.info.run_id] = (run.data.tags, points_of(client, run), artifacts, len(run.outputs.model_outputs))
    return contents


def planned_run(*variants, seed=0):
    return PlannedRun(identity(seed), load_settings().base, variants)


def test_a_run_is_published_when_it_is_trained_and_its_test_metrics_when_it_is_evaluated(client):
    client = client()
    run_store.save(identity(), replace(TRAINED, history=seed_result().history), PROVENANCE)
    publish.publish_run(STUDY, planned_run("tanh_sgd"))
    (child,) = runs_in(client, kind="seed")
    assert points_of(client, child)["train/loss"] == [(1, 1.0), (2, 0.5)]
    assert points_of(client, child)["validation/accuracy"] == [(1, 0.8), (2, 0.9)]
    assert not any(name.startswith("test/") for name in child.data.metrics)
    assert parent_in(client).data.metrics == {}
    models = client.search_logged_models([child.info.experiment_id])
    assert [(model.name, model.source_run_id) for model in models] == [("network", child.info.run_id)]
    publish_result(variant_result("tanh_sgd", errors=[10.0]))
    (evaluated,) = runs_in(client, kind="seed")
    assert evaluated.info.run_id == child.info.run_id
    assert points_of(client, evaluated)["test/error_percent"] == [(0, 10.0)]
    assert points_of(client, evaluated)["train/loss"] == [(1, 1.0), (2, 0.5)]
    assert len(client.search_logged_models([child.info.experiment_id])) == 1
    assert (evaluated.info.end_time - evaluated.info.start_time, "republished" in evaluated.data.tags) == (
        12_500,
        False,
    )


def test_a_run_that_two_variants_share_is_published_under_both(client):
    run_store.save(identity(), TRAINED, PROVENANCE)
    publish.publish_run(STUDY, planned_run("tanh_sgd", "twin"), with_model=False)
    parents = {run.info.run_id: run.data.tags["variant"] for run in runs_in(client(), kind="variant")}
    children = runs_in(client(), kind="seed")
    assert sorted(parents.values()) == ["tanh_sgd", "twin"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == parents.keys()


def test_publishing_twice_changes_nothing_and_a_new_seed_replaces_only_the_variants_run(client):
    assert publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0])) == 2
    runs_before = everything_in(client())
    assert len(runs_before) == 3
    assert publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0])) == 0
    assert everything_in(client()) == runs_before
    assert points_of(client(), parent_in(client()))["validation/error_percent"] == [(1, 3.0), (2, 1.5)]
    client().set_tag(parent_in(client()).info.run_id, "reviewed", "by me")
    client().update_run(parent_in(client()).info.run_id, name="my name")
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0, 6.0]))
    parent, children = parent_in(client()), runs_in(client(), kind="seed")
    assert len(runs_before.keys() & {run.info.run_id for run in children}) == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert (len(children), parent.data.metrics["seeds"], parent.data.metrics["test/error_percent"]) == (3, 3, 3.0)
    for points in points_of(client(), parent).values():
        assert [step for step, _ in points] in ([0], [1, 2])
    assert (parent.info.run_name, parent.data.tags["reviewed"]) == ("my name", "by me")
    assert (parent.data.params["optimizer"], len(parent.inputs.dataset_inputs)) == ("sgd", 2)
    assert "means over 3 seeds" in parent.data.tags["mlflow.note.content"]


def test_a_persons_note_is_not_overwritten(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="tanh and SGD")
    assert parent_in(client()).data.tags["mlflow.note.content"].startswith("Test error **1.00 %**.\n\ntanh and SGD\n")
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="renewed")
    assert "\nrenewed\n" in parent_in(client()).data.tags["mlflow.note.content"]
    client().set_tag(parent_in(client()).info.run_id, "mlflow.note.content", "mine")
    for errors in ([1.0], [1.0, 2.0]):
        publish_result(variant_result("tanh_sgd", errors=errors))
        assert parent_in(client()).data.tags["mlflow.note.content"] == "mine"


def test_a_run_has_a_confusion_page_and_once_the_test_set_is_there_a_mistakes_page(client):
    save_evaluated("tanh_sgd", [1.0])
    publish.publish_variant("tanh_sgd")
    (child,) = runs_in(client(), kind="seed")
    assert [file.path for file in client().list_artifacts(child.info.run_id)] == ["confusion.html"]
    save_split(split_path("test"), noise_test_split())
    assert publish.publish_variant("tanh_sgd") == 1
    assert publish.publish_variant("tanh_sgd") == 0
    pages_of_run = {file.path for file in client().list_artifacts(child.info.run_id)}
    assert pages_of_run == {"confusion.html", "mistakes.html"}


def test_the_committed_results_can_be_published_and_a_lost_mlflow_store_is_rebuilt(client, workspace, capsys):
    for variant in ("tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0, 2.0]))
    publish.main()
    errors_before = sorted(run.data.metrics["test/error_percent"] for run in runs_in(client()))
    assert errors_before == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]
    assert capsys.readouterr().err == f"published 4 runs of 2 variants to {mlflow_store.uri()}\n"
    publish.main()
    assert capsys.readouterr().err == ""  # nothing was missing
    (workspace / "mlflow.db").unlink()
    shutil.rmtree(workspace / "mlartifacts")
    publish.main()
    assert sorted(run.data.metrics["test/error_percent"] for run in runs_in(client())) == errors_before


def test_results_of_removed_variants_are_not_published_and_a_damaged_file_does_not_stop_the_others(client, capsys):
    for variant in ("gone", "tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0]))
    (DETAILS / "tanh_sgd.json").write_text("{")
    publish.main()
    assert {run.data.tags["variant"] for run in runs_in(client())} == {"relu_adam"}
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: tanh_sgd is not published: reports/details/tanh_sgd.json is damaged (")


def experiment_and_filter(path):
    """Return the experiment's id and the search filter in the path of a comparison page."""
    experiment, _, query = path.removeprefix("/#/experiments/").partition("/runs?")
    return experiment, parse_qs(query)["searchFilter"]


def test_comparison_pages_show_the_primary_comparison_and_then_the_baseline_and_the_best_variant(client):
    save_result(variant_result("tanh_sgd", errors=[2.0]))
    assert publish.comparison_paths(publish.publish_all()) == {}
    for variant, errors in {"relu_adam": [3.0], "modern": [1.0, 4.0]}.items():
        save_result(variant_result(variant, errors=errors))
    save_result(without_validation(variant_result("tanh_adam", errors=[0.5])))
    paths = publish.comparison_paths(publish.publish_all())
    assert list(paths) == ["tanh_sgd and relu_adam", "tanh_sgd and modern"]
    parents = {run.data.tags["variant"]: run.info for run in runs_in(client(), kind="variant")}
    for title, path in paths.items():
        ids = [parents[name].run_id for name in title.split(" and ")]
        assert experiment_and_filter(path) == (
            parents["tanh_sgd"].experiment_id,
            [f"attributes.run_id IN ('{ids[0]}', '{ids[1]}')"],
        )


def test_publishing_stops_when_it_takes_too_long(client, monkeypatch):
    monkeypatch.setattr(mlflow_store, "PUBLISH_LIMIT_S", -1)
    with pytest.raises(TimeoutError, match=r"^publishing a variant took longer than -1 s$"):
        publish_result(variant_result("tanh_sgd", errors=[1.0]))


SWEEP = pages.sweep_experiment("rates", "Which rate?", "digits", ["learning_rate"])
RATES = {"learning_rate=0.01": 0.01, "learning_rate=0.02": 0.02}


@pytest.fixture
def sweep_runs(workspace):
    """Four runs of a sweep, saved in the run store: two recipes, each trained on two folds from one seed."""
    runs = []
    for name, rate in RATES.items():
        for fold in (1, 2):
            run_identity = identity(learning_rate=rate)
            run_identity = replace(
                run_identity, data=replace(run_identity.data, fold=(fold, 2), train_md5=f"{fold}" * 32)
            )
            run_store.save(run_identity, TRAINED, PROVENANCE)
            runs.append(PlannedRun(run_identity, load_settings().base, (name,)))
    return runs


def sweep_table(loss_difference):
    """Return the table of the sweep's two recipes. Neither recipe misreads an image.

    loss_difference: for each image, the second recipe's loss minus the first recipe's loss.
    """
    losses = np.array([[0.1, 0.2, 0.3]])
    return trials.table(
        {name: Trial(np.zeros((1, 3)), losses + index * loss_difference) for index, name in enumerate(RATES)}
    )


def recipes_in(client):
    return sorted(runs_in(client, kind="variant"), key=lambda run: run.data.params["learning_rate"])


def test_a_sweep_is_published_once_with_its_runs_and_means_and_new_means_replace_old_ones(client, sweep_runs):
    publish.publish_sweep(SWEEP, sweep_runs, sweep_table(0.5))
    runs_before, children = everything_in(client()), runs_in(client(), kind="seed")
    assert [recipe.data.metrics["validation/loss"] for recipe in recipes_in(client())] == pytest.approx([0.2, 0.7])
    assert [recipe.data.params["folds"] for recipe in recipes_in(client())] == ["2", "2"]
    assert {child.info.run_name for child in children} == {
        f"{name} seed 0 fold {fold}" for name in RATES for fold in (1, 2)
    }
    assert all(child.data.metrics["validation/error_percent"] == 30 for child in children)
    note = client().get_experiment_by_name("lenet5-digits-sweep-rates").tags["mlflow.note.content"]
    assert note.startswith("Which rate?")
    publish.publish_sweep(SWEEP, sweep_runs, sweep_table(0.5))
    assert everything_in(client()) == runs_before
    publish.publish_sweep(SWEEP, sweep_runs, sweep_table(0.25))
    assert len(runs_in(client(), kind="seed")) == 4
    assert points_of(client(), recipes_in(client())[1])["validation/loss"] == [(0, pytest.approx(0.45))]

import shutil
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
from support.builders import (
    digits_of_the_test,
    identity,
    save_evaluated,
    seed_result,
    variant_result,
    without_validation,
)
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
    """Save a variant's results as evaluate does, and publish them under that description."""
    save_result(result)
    with edit_params() as params:
        params["about"][result.variant] = about
    return publish.publish_variant(result.variant)


def all_runs(client, **tags):
    condition = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
    return client.search_runs([each.experiment_id for each in client.search_experiments()], condition)


def parent_in(client):
    (parent,) = all_runs(client, kind="variant")
    return parent


def points_of(client, run):
    """Every point of a run: metric → (step, value), sorted by step."""
    return {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }


def everything_in(client):
    """All that a person could see double: runs, points, artifacts, models."""
    seen = {}
    for run in all_runs(client):
        artifacts = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        seen[run.info.run_id] = (run.data.tags, points_of(client, run), artifacts, len(run.outputs.model_outputs))
    return seen


def wanted(*variants, seed=0):
    return PlannedRun(identity(seed), load_settings().base, variants)


def test_a_run_is_there_as_soon_as_it_is_stored_and_its_test_metrics_when_it_is_evaluated(client):
    client = client()
    run_store.save(identity(), replace(TRAINED, history=seed_result().history), PROVENANCE)
    publish.publish_run(STUDY, wanted("tanh_sgd"))
    (child,) = all_runs(client, kind="seed")
    assert points_of(client, child)["train/loss"] == [(1, 1.0), (2, 0.5)]
    assert points_of(client, child)["validation/accuracy"] == [(1, 0.8), (2, 0.9)]
    assert not any(name.startswith("test/") for name in child.data.metrics)
    assert parent_in(client).data.metrics == {}
    models = client.search_logged_models([child.info.experiment_id])
    assert [(model.name, model.source_run_id) for model in models] == [("network", child.info.run_id)]
    publish_result(variant_result("tanh_sgd", errors=[10.0]))
    (same,) = all_runs(client, kind="seed")
    assert same.info.run_id == child.info.run_id
    assert points_of(client, same)["test/error_percent"] == [(0, 10.0)]
    assert points_of(client, same)["train/loss"] == [(1, 1.0), (2, 0.5)]
    assert len(client.search_logged_models([child.info.experiment_id])) == 1
    assert (same.info.end_time - same.info.start_time, "republished" in same.data.tags) == (12_500, False)


def test_a_run_that_two_variants_share_is_under_both(client):
    run_store.save(identity(), TRAINED, PROVENANCE)
    publish.publish_run(STUDY, wanted("tanh_sgd", "twin"), with_model=False)
    parents = {run.info.run_id: run.data.tags["variant"] for run in all_runs(client(), kind="variant")}
    children = all_runs(client(), kind="seed")
    assert sorted(parents.values()) == ["tanh_sgd", "twin"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == parents.keys()


def test_publishing_twice_changes_nothing_and_for_a_new_seed_the_variants_run_is_made_anew(client):
    assert publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0])) == 2
    published = everything_in(client())
    assert len(published) == 3
    assert publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0])) == 0
    assert everything_in(client()) == published
    assert points_of(client(), parent_in(client()))["validation/error_percent"] == [(1, 3.0), (2, 1.5)]
    client().set_tag(parent_in(client()).info.run_id, "reviewed", "by me")
    client().update_run(parent_in(client()).info.run_id, name="my name")
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0, 6.0]))
    parent, children = parent_in(client()), all_runs(client(), kind="seed")
    assert len(published.keys() & {run.info.run_id for run in children}) == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert (len(children), parent.data.metrics["seeds"], parent.data.metrics["test/error_percent"]) == (3, 3, 3.0)
    for points in points_of(client(), parent).values():
        assert [step for step, _ in points] in ([0], [1, 2])
    assert (parent.info.run_name, parent.data.tags["reviewed"]) == ("my name", "by me")
    assert (parent.data.params["optimizer"], len(parent.inputs.dataset_inputs)) == ("sgd", 2)
    assert "means over 3 seeds" in parent.data.tags["mlflow.note.content"]


def test_a_note_that_a_person_wrote_stays(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="tanh and SGD")
    assert parent_in(client()).data.tags["mlflow.note.content"].startswith("Test error **1.00 %**.\n\ntanh and SGD\n")
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="renewed")
    assert "\nrenewed\n" in parent_in(client()).data.tags["mlflow.note.content"]
    client().set_tag(parent_in(client()).info.run_id, "mlflow.note.content", "mine")
    for errors in ([1.0], [1.0, 2.0]):
        publish_result(variant_result("tanh_sgd", errors=errors))
        assert parent_in(client()).data.tags["mlflow.note.content"] == "mine"


def test_a_run_shows_its_confusion_and_its_mistakes_once_predictions_are_here(client):
    save_evaluated("tanh_sgd", [1.0])
    publish.publish_variant("tanh_sgd")
    (child,) = all_runs(client(), kind="seed")
    assert [file.path for file in client().list_artifacts(child.info.run_id)] == ["confusion.html"]
    save_split(split_path("test"), digits_of_the_test())
    assert publish.publish_variant("tanh_sgd") == 1
    assert publish.publish_variant("tanh_sgd") == 0
    shown = {file.path for file in client().list_artifacts(child.info.run_id)}
    assert shown == {"confusion.html", "mistakes.html"}


def test_committed_metrics_alone_can_be_published_and_a_lost_store_rebuilt(client, workspace, capsys):
    for variant in ("tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0, 2.0]))
    publish.main()
    before = sorted(run.data.metrics["test/error_percent"] for run in all_runs(client()))
    assert before == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]
    said = [f"{variant}: published 2 runs to {mlflow_store.uri()}" for variant in ("tanh_sgd", "relu_adam")]
    assert capsys.readouterr().err.splitlines() == said
    publish.main()
    assert capsys.readouterr().err == ""  # nothing was to do
    (workspace / "mlflow.db").unlink()
    shutil.rmtree(workspace / "mlartifacts")
    publish.main()
    assert sorted(run.data.metrics["test/error_percent"] for run in all_runs(client())) == before


def test_results_without_settings_are_not_published_and_those_that_cannot_be_read_hold_up_no_others(client, capsys):
    for variant in ("gone", "tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0]))
    (DETAILS / "tanh_sgd.json").write_text("{")
    publish.main()
    assert {run.data.tags["variant"] for run in all_runs(client())} == {"relu_adam"}
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: tanh_sgd is not published: reports/details/tanh_sgd.json cannot be read")


def compared(path):
    experiment, _, query = path.removeprefix("/#/experiments/").partition("/runs?")
    return experiment, parse_qs(query)["searchFilter"]


def test_the_primary_contrast_and_then_baseline_and_best_have_pages_that_compare_them(client):
    save_result(variant_result("tanh_sgd", errors=[2.0]))
    assert publish.comparison_pages(publish.publish_all()) == {}
    for variant, errors in {"relu_adam": [3.0], "modern": [1.0, 4.0]}.items():
        save_result(variant_result(variant, errors=errors))
    save_result(without_validation(variant_result("tanh_adam", errors=[0.5])))
    found = publish.comparison_pages(publish.publish_all())
    assert list(found) == ["tanh_sgd and relu_adam", "tanh_sgd and modern"]
    parents = {run.data.tags["variant"]: run.info for run in all_runs(client(), kind="variant")}
    for title, path in found.items():
        ids = [parents[name].run_id for name in title.split(" and ")]
        assert compared(path) == (parents["tanh_sgd"].experiment_id, [f"attributes.run_id IN ('{ids[0]}', '{ids[1]}')"])


def test_a_store_that_is_too_slow_is_given_up(client, monkeypatch):
    monkeypatch.setattr(mlflow_store, "LIMIT_S", -1)
    with pytest.raises(TimeoutError, match=r"^not finished within -1 s$"):
        publish_result(variant_result("tanh_sgd", errors=[1.0]))


SWEEP = pages.sweep_experiment("rates", "Which rate?", "digits", ["learning_rate"])
RATES = {"learning_rate=0.01": 0.01, "learning_rate=0.02": 0.02}


@pytest.fixture
def trials_of_a_sweep(workspace):
    """Two recipes on two folds, from one seed each, in the run store."""
    runs = []
    for name, rate in RATES.items():
        for number in (1, 2):
            who = identity(learning_rate=rate)
            who = replace(who, data=replace(who.data, fold=(number, 2), train_md5=f"{number}" * 32))
            run_store.save(who, TRAINED, PROVENANCE)
            runs.append(PlannedRun(who, load_settings().base, (name,)))
    return runs


def table(loss):
    """Both recipes, without an error; the second one's losses are the first one's and `loss` more."""
    losses = np.array([[0.1, 0.2, 0.3]])
    return trials.table({name: Trial(np.zeros((1, 3)), losses + k * loss) for k, name in enumerate(RATES)})


def recipes_in(client):
    return sorted(all_runs(client, kind="variant"), key=lambda run: run.data.params["learning_rate"])


def test_the_recipes_of_a_sweep_are_published_once_with_their_runs_and_means_and_new_numbers_replace_old_ones(
    client, trials_of_a_sweep
):
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.5))
    before, children = everything_in(client()), all_runs(client(), kind="seed")
    assert [recipe.data.metrics["validation/loss"] for recipe in recipes_in(client())] == pytest.approx([0.2, 0.7])
    assert [recipe.data.params["folds"] for recipe in recipes_in(client())] == ["2", "2"]
    assert {child.info.run_name for child in children} == {f"{name} seed 0 fold {k}" for name in RATES for k in (1, 2)}
    assert all(child.data.metrics["validation/error_percent"] == 30 for child in children)
    note = client().get_experiment_by_name("lenet5-digits-sweep-rates").tags["mlflow.note.content"]
    assert note.startswith("Which rate?")
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.5))
    assert everything_in(client()) == before
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.25))
    assert len(all_runs(client(), kind="seed")) == 4
    assert points_of(client(), recipes_in(client())[1])["validation/loss"] == [(0, pytest.approx(0.45))]

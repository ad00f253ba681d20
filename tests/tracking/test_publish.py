import shutil
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST
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
from lenet.evaluation.metrics import TEST_ERROR_INTERVAL
from lenet.evaluation.results import save_result
from lenet.evaluation.trials import Trial
from lenet.execution.schedule import PlannedRun
from lenet.mnist.splits import save_split, split_path
from lenet.runs import store as run_store
from lenet.settings import load_settings
from lenet.tracking import mlflow_store, pages, publish
from lenet.workspace import DETAILS

pytestmark = pytest.mark.slow  # a real database

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


def test_publishing_twice_changes_nothing(client):
    result = variant_result("tanh_sgd", errors=[1.0, 2.0])
    assert publish_result(result) == 2
    before = everything_in(client())
    assert len(before) == 3
    assert publish_result(result) == 0
    assert everything_in(client()) == before


def test_a_run_is_there_as_soon_as_it_is_stored_and_its_test_metrics_when_it_is_evaluated(sqlite_client):
    client = sqlite_client()
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


def test_a_run_that_two_variants_share_is_under_both(sqlite_client):
    run_store.save(identity(), TRAINED, PROVENANCE)
    publish.publish_run(STUDY, wanted("tanh_sgd", "twin"), with_model=False)
    parents = {run.info.run_id: run.data.tags["variant"] for run in all_runs(sqlite_client(), kind="variant")}
    children = all_runs(sqlite_client(), kind="seed")
    assert sorted(parents.values()) == ["tanh_sgd", "twin"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == parents.keys()


def test_a_variant_shows_learning_curves_the_mean_over_its_seeds(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    points = points_of(client(), parent_in(client()))
    assert points["validation/error_percent"] == [(1, 3.0), (2, 1.5)]
    assert points["train/error_percent"] == [(1, 1.5), (2, 0.75)]
    assert points["test/error_percent"] == [(0, 1.5)]  # step 0 alone: MLflow draws a bar


def test_a_new_seed_joins_and_the_variants_run_is_made_anew_with_one_point_per_metric_and_epoch(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    client().set_tag(parent_in(client()).info.run_id, "reviewed", "by me")
    before = {run.info.run_id for run in all_runs(client(), kind="seed")}
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0, 6.0]))
    parent, children = parent_in(client()), all_runs(client(), kind="seed")
    assert before < {run.info.run_id for run in children}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert (len(children), parent.data.metrics["seeds"], parent.data.metrics["test/error_percent"]) == (3, 3, 3.0)
    for points in points_of(client(), parent).values():
        assert [step for step, _ in points] in ([0], [1, 2])
    assert parent.data.tags["reviewed"] == "by me"
    assert "means over 3 seeds" in parent.data.tags["mlflow.note.content"]


def test_fewer_seeds_leave_no_interval_of_more(client):
    publish_result(variant_result("tanh_sgd", errors=[10.0, 20.0]))
    publish_result(variant_result("tanh_sgd", errors=[10.0]))
    parent = parent_in(client())
    assert "test/error_percent_low" not in parent.data.metrics
    assert parent.data.tags["interval"] == "–"


def test_a_note_that_a_person_wrote_stays(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="tanh and SGD")
    assert parent_in(client()).data.tags["mlflow.note.content"].startswith("Test error **1.00 %**.\n\ntanh and SGD\n")
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="renewed")
    assert "\nrenewed\n" in parent_in(client()).data.tags["mlflow.note.content"]
    client().set_tag(parent_in(client()).info.run_id, "mlflow.note.content", "mine")
    for errors in ([1.0], [1.0, 2.0]):
        publish_result(variant_result("tanh_sgd", errors=errors))
        assert parent_in(client()).data.tags["mlflow.note.content"] == "mine"


def test_a_run_of_unknown_provenance_says_that_it_was_republished(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0]))
    (child,) = all_runs(client(), kind="seed")
    assert child.data.tags["republished"] == "true"
    assert child.info.status == "FINISHED"


def test_a_variant_without_validation_is_published_without_it(client):
    publish_result(without_validation(variant_result("tanh_sgd", errors=[1.0])))
    names = {name for run in all_runs(client()) for name in run.data.metrics}
    assert "train/error_percent" in names
    assert [name for name in names if name.startswith("validation/")] == []


def test_a_run_shows_its_confusion_and_its_mistakes_once_predictions_are_here(sqlite_client):
    save_evaluated("tanh_sgd", [1.0])
    publish.publish_variant("tanh_sgd")
    (child,) = all_runs(sqlite_client(), kind="seed")
    assert [file.path for file in sqlite_client().list_artifacts(child.info.run_id)] == ["confusion.html"]
    save_split(split_path("test"), digits_of_the_test())
    assert publish.publish_variant("tanh_sgd") == 1
    assert publish.publish_variant("tanh_sgd") == 0
    shown = {file.path for file in sqlite_client().list_artifacts(child.info.run_id)}
    assert shown == {"confusion.html", "mistakes.html"}


def test_committed_metrics_alone_can_be_published_and_a_lost_store_rebuilt(sqlite_client, workspace, capsys):
    for variant in ("tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0, 2.0]))
    publish.main()
    before = sorted(run.data.metrics["test/error_percent"] for run in all_runs(sqlite_client()))
    assert before == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]
    said = [f"{variant}: published 2 runs to {mlflow_store.uri()}" for variant in ("tanh_sgd", "relu_adam")]
    assert capsys.readouterr().err.splitlines() == said
    publish.main()
    assert capsys.readouterr().err == ""  # nothing was to do
    (workspace / "mlflow.db").unlink()
    shutil.rmtree(workspace / "mlartifacts")
    publish.main()
    assert sorted(run.data.metrics["test/error_percent"] for run in all_runs(sqlite_client())) == before


def test_the_history_moves_to_another_store(sqlite_client, postgresql_client):
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    names = sorted(run.info.run_name for run in all_runs(postgresql_client()))
    assert names == ["tanh_sgd", "tanh_sgd seed 0", "tanh_sgd seed 1"]


def test_results_of_a_variant_without_settings_are_not_published(sqlite_client, workspace):
    save_result(variant_result("gone", errors=[1.0]))
    assert (DETAILS / "gone.json").is_file()
    publish.main()
    assert sqlite_client().get_experiment_by_name("lenet5-digits") is None


def test_results_that_cannot_be_read_are_told_and_hold_up_no_others(sqlite_client, capsys):
    for variant in ("tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0]))
    (DETAILS / "tanh_sgd.json").write_text("{")
    publish.main()
    assert {run.data.tags["variant"] for run in all_runs(sqlite_client())} == {"relu_adam"}
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: tanh_sgd is not published: reports/details/tanh_sgd.json cannot be read")


def test_a_parent_shows_a_few_metrics_to_choose_by(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    assert set(parent_in(client()).data.metrics) == {
        "test/error_percent",
        *TEST_ERROR_INTERVAL,
        "test/accuracy",
        "test/loss",
        "test/calibration_error_percent",
        "validation/error_percent",
        "validation/accuracy",
        "validation/loss",
        "train/error_percent",
        "train/loss",
        "parameters",
        "multiply_accumulates",
        "seeds",
    }


def test_metrics_are_numbers_that_mlflow_gave_back_unchanged(client):
    result = variant_result("tanh_sgd", errors=[1.0])
    publish_result(result)
    (child,) = all_runs(client(), kind="seed")
    for name, value in result.seeds[0].metrics.items():
        if "/recall_percent/" not in name:
            assert child.data.metrics[name] == value


def compared(path):
    experiment, _, query = path.removeprefix("/#/experiments/").partition("/runs?")
    return experiment, parse_qs(query)["searchFilter"]


def test_the_primary_contrast_and_then_baseline_and_best_have_pages_that_compare_them(sqlite_client):
    save_result(variant_result("tanh_sgd", errors=[2.0]))
    assert publish.comparison_pages(publish.publish_all()) == {}
    for variant, errors in {"relu_adam": [3.0], "modern": [1.0, 4.0]}.items():
        save_result(variant_result(variant, errors=errors))
    save_result(without_validation(variant_result("tanh_adam", errors=[0.5])))
    found = publish.comparison_pages(publish.publish_all())
    assert list(found) == ["tanh_sgd and relu_adam", "tanh_sgd and modern"]
    parents = {run.data.tags["variant"]: run.info for run in all_runs(sqlite_client(), kind="variant")}
    for title, path in found.items():
        ids = [parents[name].run_id for name in title.split(" and ")]
        assert compared(path) == (parents["tanh_sgd"].experiment_id, [f"attributes.run_id IN ('{ids[0]}', '{ids[1]}')"])


def test_what_another_publisher_disturbs_is_done_again_and_no_other_failure_is_repeated(workspace, monkeypatch):
    monkeypatch.setattr(publish.random, "random", lambda: 0)
    failures = [MlflowException("in the way", error_code=BAD_REQUEST)] * 2

    def work():
        if failures:
            raise failures.pop()
        return "done"

    assert publish._repeated_on_conflict(work) == "done"
    failures = [MlflowException("in the way", error_code=BAD_REQUEST), MlflowException("no answer")]
    with pytest.raises(MlflowException, match="no answer"):
        publish._repeated_on_conflict(work)
    assert len(failures) == 1


def test_a_store_that_is_too_slow_is_given_up(sqlite_client, monkeypatch):
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


def test_the_recipes_of_a_sweep_are_published_with_their_runs_and_means(client, trials_of_a_sweep):
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.5))
    recipes, children = recipes_in(client()), all_runs(client(), kind="seed")
    assert [recipe.data.metrics["validation/loss"] for recipe in recipes] == pytest.approx([0.2, 0.7])
    assert [recipe.data.params["folds"] for recipe in recipes] == ["2", "2"]
    assert {child.info.run_name for child in children} == {f"{name} seed 0 fold {k}" for name in RATES for k in (1, 2)}
    assert all(child.data.metrics["validation/error_percent"] == 30 for child in children)
    note = client().get_experiment_by_name("lenet5-digits-sweep-rates").tags["mlflow.note.content"]
    assert note.startswith("Which rate?")


def test_a_sweep_that_is_published_again_changes_nothing_and_new_numbers_replace_old_ones(client, trials_of_a_sweep):
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.5))
    before = everything_in(client())
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.5))
    assert everything_in(client()) == before
    publish.publish_sweep(SWEEP, trials_of_a_sweep, table(0.25))
    assert len(all_runs(client(), kind="seed")) == 4
    assert recipes_in(client())[1].data.metrics["validation/loss"] == pytest.approx(0.45)
    assert points_of(client(), recipes_in(client())[1])["validation/loss"] == [(0, pytest.approx(0.45))]

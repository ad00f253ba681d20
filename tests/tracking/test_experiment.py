import json

import pytest

from lenet.tracking import experiment
from lenet.tracking.experiment import of_study
from lenet.tracking.run_finder import RunFinder

pytestmark = pytest.mark.slow  # a real database


def of_digits(client):
    return client.get_experiment_by_name("lenet5-digits")


def test_an_experiment_says_what_to_compare_and_opens_as_one_of_trainings(client):
    RunFinder(of_study("digits"))
    tags = of_digits(client()).tags
    assert "*Compare*" in tags["mlflow.note.content"]
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_an_experiment_of_before_gains_what_it_lacks(client):
    earlier = client().create_experiment("lenet5-digits")
    RunFinder(of_study("digits"))
    assert of_digits(client()).experiment_id == earlier
    assert "mlflow.note.content" in of_digits(client()).tags


def test_each_experiment_has_a_page_with_a_view_that_it_holds(client):
    RunFinder(of_study("digits"))
    pages = experiment.pages(client())
    assert list(pages) == ["lenet5-digits"]
    key = pages["lenet5-digits"].rpartition("viewStateShareKey=")[2]
    view = json.loads(of_digits(client()).tags[f"mlflow.sharedViewState.{key}"])
    assert view["searchFilter"] == "tags.kind = 'variant'"
    assert view["selectedColumns"][0] == "metrics.`test/error_percent`"

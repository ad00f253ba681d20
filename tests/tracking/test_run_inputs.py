from dataclasses import replace

import pytest
from support.builders import identity, settings

from lenet.tracking.experiment import of_study
from lenet.tracking.run_finder import RunFinder

pytestmark = pytest.mark.slow  # a real database


def dataset_contexts(client, train_on):
    finder = RunFinder(of_study("digits"))
    trained = replace(identity(), settings=settings(train_on=train_on))
    parent = finder.find_or_create_parent("tanh_sgd", trained, "", 0, {})
    run_id = finder.find_or_create_seed("tanh_sgd", trained, parent, 0, {}).run_id
    inputs = client().get_run(run_id).inputs.dataset_inputs
    return {each.dataset.name: each.tags[0].value for each in inputs}


def test_the_splits_are_named_as_what_they_were_used_for(client):
    assert dataset_contexts(client, "train") == {"digits train": "train", "digits validation": "validation"}
    both = dataset_contexts(client, "train_and_validation")
    assert both == {"digits train": "train", "digits validation": "train"}

from dataclasses import replace

from support.builders import identity, settings
from support.runs import PROVENANCE

from lenet.tracking import run_inputs


def test_the_commit_has_the_name_that_mlflow_shows():
    tags = run_inputs.provenance_tags(replace(PROVENANCE, tags={"git_commit": "abc"}))
    assert tags["mlflow.source.git.commit"] == tags["git_commit"] == "abc"
    assert "mlflow.source.git.commit" not in run_inputs.provenance_tags(PROVENANCE)


def used_for(train_on):
    inputs = run_inputs.dataset_inputs(replace(identity(), settings=settings(train_on=train_on)))
    return {each.dataset.name: each.tags[0].value for each in inputs}


def test_the_splits_are_named_as_what_they_were_used_for():
    assert used_for("train") == {"digits train": "train", "digits validation": "validation"}
    assert used_for("train_and_validation") == {"digits train": "train", "digits validation": "train"}
    digests = {each.dataset.digest for each in run_inputs.dataset_inputs(identity())}
    assert digests == {identity().data.train_md5, identity().data.validation_md5}

from dataclasses import replace

from support.builders import identity, settings
from support.runs import PROVENANCE

from lenet.tracking import run_inputs


def test_the_commit_is_also_tagged_under_mlflows_own_name():
    tags = run_inputs.provenance_tags(replace(PROVENANCE, tags={"git_commit": "abc"}))
    assert tags["mlflow.source.git.commit"] == tags["git_commit"] == "abc"
    assert "mlflow.source.git.commit" not in run_inputs.provenance_tags(PROVENANCE)


def split_uses(train_on):
    """Return the use of each split in a run with the setting `train_on`: name of the split → use."""
    inputs = run_inputs.dataset_inputs(replace(identity(), settings=settings(train_on=train_on)))
    return {split.dataset.name: split.tags[0].value for split in inputs}


def test_each_split_is_tagged_with_its_use():
    assert split_uses("train") == {"digits train": "train", "digits validation": "validation"}
    assert split_uses("train_and_validation") == {"digits train": "train", "digits validation": "train"}
    digests = {split.dataset.digest for split in run_inputs.dataset_inputs(identity())}
    assert digests == {identity().data.train_md5, identity().data.validation_md5}

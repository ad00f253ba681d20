import json
import platform
from dataclasses import asdict, replace

import pytest
from support.builders import identity

from lenet.runs import code
from lenet.runs.identity import RunIdentity, identify_runs
from lenet.runs.training_data import identify_data


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"settings": {"epochs": 3}},
        {"data": replace(identity().data, dataset="other")},
        {"data": replace(identity().data, pixel_mean=40.1)},
        {"data": replace(identity().data, pixel_sd=80.8)},
        {"code": "other"},
        {"versions": {"tensorflow": "0"}},
        {"machine": "aarch64"},
    ],
)
def test_the_digest_changes_with_every_part_of_the_identity(change):
    assert identity().digest == identity().digest
    assert replace(identity(), **change).digest != identity().digest


def test_runs_that_differ_only_in_the_seed_share_a_family():
    assert identity(seed=0).family == identity(seed=1).family
    assert identity(activation="relu").family != identity().family


@pytest.mark.parametrize("fold", [None, (2, 5)])
def test_an_identity_is_equal_after_a_round_trip_through_json(fold):
    original = replace(identity(), data=replace(identity().data, fold=fold))
    assert RunIdentity.from_json(json.loads(json.dumps(asdict(original)))) == original


def test_runs_are_identified_by_recipe_seed_data_code_versions_and_machine(processed, recipe, statistics):
    first, second = identify_runs(recipe, [3, 5], identify_data())
    assert (first.seed, second.seed) == (3, 5)
    assert first.family == second.family
    assert first.settings == recipe.model_dump()
    assert (first.data.pixel_mean, first.data.pixel_sd) == (statistics.pixel_mean, statistics.pixel_sd)
    assert {"h5py", "keras", "llvmlite", "numba", "numpy", "tensorflow"} <= first.versions.keys()
    assert first.machine == platform.machine()
    assert first.code == code.code_digest(recipe.optimizer)


def test_folds_have_different_digests_but_one_family_per_number_of_folds(processed, recipe):
    fold_1_of_2, fold_2_of_2, fold_1_of_3 = (
        identify_runs(recipe, [0], identify_data(fold))[0] for fold in ((1, 2), (2, 2), (1, 3))
    )
    assert len({fold_1_of_2.digest, fold_2_of_2.digest, fold_1_of_3.digest}) == 3
    assert fold_1_of_2.family == fold_2_of_2.family != fold_1_of_3.family
